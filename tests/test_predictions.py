"""What the newest model says can be taken along, of the pool and of any files; and itself too."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from made import BY_HAND, Tab
from made import project as small_project
from PIL import Image

from alcore import model_card, prediction_formats
from alcore.__main__ import main
from alcore.config import Workspace
from alcore.datasets.ingest import read_original
from alcore.errors import (
    CheckpointMismatch,
    ExportFailed,
    ImportRefused,
    NotAllowed,
    TrainingImpossible,
    UnknownFormat,
)
from alcore.learner import onnx_export
from alcore.loop.round_files import pixels_of
from alcore.prediction_formats import FORMATS, PredictedBlock
from alcore.rounds.predicting import pictures_in, predict_files
from alcore.services import audit, model_export, people, predicting, projects, training
from alcore.services import classes as class_list
from alcore.store import Store, items, jobs
from alcore.store import projects as rows_of_projects


@dataclass(frozen=True)
class Taught:
    """Shapes of which thirty are labeled, and a model of them; their originals in a folder."""

    store: Store
    project_id: int
    folder: Path
    names: dict[str, str]
    """Item by its file in the folder."""


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Taught]:
    root = tmp_path_factory.mktemp("taught")
    (root / "workspace").mkdir()
    store = Store.open(Workspace(root / "workspace"))
    spec = {"kind": "shapes", "size": 120, "classes": 3}
    made = projects.create(store, "shapes", spec, "answer key", replace(BY_HAND, resolution=16))
    projects.import_now(store, made, 1)
    tab = Tab(store, made)
    with store.read() as connection:
        rows = items.get_all(connection, made)
    true = {row.id: row.true_class for row in rows}
    for _ in range(30):
        lease = tab.next()
        tab.answer(lease, tab.classes.index(true[lease.item_id]))
    training.train_now(store, made, 1)
    files = {}
    for row in rows:
        data = read_original(store.workspace.project(made), row, spec)
        file = f"{row.position % 3}/{row.position}.png"
        (root / "pictures" / file).parent.mkdir(parents=True, exist_ok=True)
        (root / "pictures" / file).write_bytes(data)
        files[file] = row.name
    yield Taught(store, made, root / "pictures", files)
    store.close()


def parsed(form: str, data: bytes) -> list[dict]:
    if form == "csv":
        return list(csv.DictReader(io.StringIO(data.decode())))
    if form == "jsonl":
        return [json.loads(line) for line in data.splitlines()]
    return pq.read_table(io.BytesIO(data)).to_pylist()


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_says_the_same_of_the_pool(taught: Taught, form: str) -> None:
    file = predicting.pool(taught.store, taught.project_id, form, "all", with_embeddings=True)
    rows = parsed(form, b"".join(file.blocks()))
    assert len(rows) == file.written == file.total == 120
    names = [c.name for c in projects.get(taught.store, taught.project_id).classes]
    for row in rows[:20]:
        if form == "csv":
            values = [float(row[f"p({name})"]) for name in names]
            embedding = json.loads(row["embedding"])
        else:
            values = row["probabilities"]
            values = list(values.values()) if isinstance(values, dict) else values
            embedding = row["embedding"]
        best, second = sorted(values)[::-1][:2]
        assert row["class"] == names[int(np.argmax(values))] and len(embedding) == 128
        assert abs(float(row["probability"]) - best) < 2e-6
        assert abs(float(row["margin"]) - (best - second)) < 3e-6
        assert abs(sum(values) - 1) < 1e-5


def test_of_the_pool_only_what_nobody_labeled_is_said_unless_asked(taught: Taught) -> None:
    file = predicting.pool(taught.store, taught.project_id, "jsonl")
    with taught.store.read() as connection:
        unlabeled = set(items.unlabeled(connection, taught.project_id).tolist())
        open_names = {r.name for r in items.get_all(connection, taught.project_id)}
        rows = items.get_all(connection, taught.project_id)
    said = {row["file"] for row in parsed("jsonl", b"".join(file.blocks()))}
    assert said == {row.name for row in rows if row.id in unlabeled} < open_names


def test_files_are_told_the_same_as_the_projects_images(taught: Taught) -> None:
    model, checkpoint = predicting.with_file(taught.store, taught.project_id)
    (taught.folder / "0" / "broken.png").write_bytes(b"no image")
    (taught.folder / "notes.txt").write_text("no image either")
    (taught.folder / ".hidden.png").write_bytes(b"")
    blocks = predict_files(checkpoint, pictures_in(taught.folder), model.scale, True, 1)
    file = predicting.PredictionFile(model, FORMATS["jsonl"], blocks)
    rows = {row["file"]: row for row in parsed("jsonl", b"".join(file.blocks()))}
    assert len(rows) == file.written == 121 and file.unread == 1
    assert [("0/broken.png", rows.pop("0/broken.png")["problem"])] == file.examples
    pool = predicting.pool(taught.store, taught.project_id, "jsonl", "all", True)
    known = {row["file"]: row for row in parsed("jsonl", b"".join(pool.blocks()))}
    for name, row in rows.items():
        twin = known[taught.names[name]]
        assert row["class"] == twin["class"]
        assert np.allclose(
            list(row["probabilities"].values()), list(twin["probabilities"].values()), atol=1e-4
        )
        assert np.allclose(row["embedding"], twin["embedding"], atol=1e-3)


def test_the_command_writes_them(
    taught: Taught, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys
) -> None:
    monkeypatch.setenv("ALCORE_WORKSPACE", str(taught.store.workspace.root))
    monkeypatch.setenv("ALCORE_THREADS", "1")

    def run(*words: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as end:
            main(["predict", "shapes", *words])
        said = capsys.readouterr()
        return end.value.code, said.out, said.err

    out = tmp_path / "said.parquet"
    code, _, err = run(str(taught.folder / "1"), "--out", str(out))
    assert code == 0 and "40 images, by model 1" in err
    assert len(parsed("parquet", out.read_bytes())) == 40
    code, text, _ = run(str(taught.folder / "1" / "1.png"))
    assert code == 0 and [row["file"] for row in parsed("csv", text.encode())] == ["1.png"]
    code, text, _ = run("--format", "jsonl")
    assert code == 0 and len(text.splitlines()) > 50
    code, _, err = run(str(tmp_path / "nowhere"))
    assert code == 1 and "does not exist" in err
    Image.new("RGB", (3, 3)).save(tmp_path / "a.png")
    code, _, err = run(str(tmp_path / "a.png"), "--out", str(tmp_path / "no" / "x.csv"))
    assert code == 1 and "cannot write" in err


def test_without_a_model_it_is_said_what_would_bring_one(taught: Taught) -> None:
    bare = small_project(taught.store, 5, name="bare")
    with pytest.raises(TrainingImpossible, match="has no model yet"):
        predicting.pool(taught.store, bare, "csv")
    with pytest.raises(TrainingImpossible, match="has no model yet"):
        predicting.with_file(taught.store, bare)
    with pytest.raises(UnknownFormat, match="csv, jsonl, parquet"):
        predicting.pool(taught.store, bare, "xml")
    with pytest.raises(ImportRefused):
        list(pictures_in(taught.folder / "none"))
    broken = taught.folder.parent / "broken.safetensors"
    broken.write_bytes(os.urandom(64))
    with pytest.raises(CheckpointMismatch):
        list(predict_files(broken, pictures_in(taught.folder), None, False, 1))


@pytest.mark.parametrize("form", FORMATS)
def test_odd_names_and_nothing_at_all_can_be_written(form: str) -> None:
    classes = ("=1+1", "a, b", "猫")
    block = PredictedBlock(
        ('=x "y".png', "п.png"),
        np.array([[0.2, 0.5, 0.3], [1, 0, 0]], np.float32),
        problems=(("-z.png", "truncated"),),
    )
    out = io.BytesIO()
    assert list(prediction_formats.get(form).write(out, classes, [block])) in ([3], [3, 3])
    rows = parsed(form, out.getvalue())
    assert [row["file"].lstrip("'") for row in rows] == ['=x "y".png', "п.png", "-z.png"]
    assert rows[0]["class"] == "a, b" and rows[2]["problem"] == "truncated"
    empty = io.BytesIO()
    list(prediction_formats.get(form).write(empty, classes, []))
    assert parsed(form, empty.getvalue()) == []


# -- the model itself --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def package(taught: Taught) -> Path:
    """The newest model as files, unpacked."""
    state = model_export.export_now(taught.store, taught.project_id, 1)
    assert state.path is not None and state.job is not None
    assert "largest difference of a probability" in model_export.words(state)
    assert state.job.args["images"] == 120 and state.job.args["difference"] < 1e-4
    assert 0 <= state.job.args["program_difference"] < 1e-4
    folder = taught.folder.parent / "package"
    with zipfile.ZipFile(state.path) as archive:
        archive.extractall(folder)
    return folder


def test_a_script_without_anything_of_ours_says_what_alcore_says(
    taught: Taught, package: Path, tmp_path: Path
) -> None:
    assert len(model_card.SCRIPT.splitlines()) < 20
    rng = np.random.default_rng(0)
    photo = Image.fromarray(rng.integers(0, 256, (15, 20, 3), np.uint8)).resize((400, 300))
    exif = Image.Exif()
    exif[0x0112] = 6
    photo.save(tmp_path / "photo.jpg", exif=exif)
    photo.resize((30, 45)).save(tmp_path / "grows.png")
    for number in range(5):
        data = (taught.folder / str(number % 3) / f"{number}.png").read_bytes()
        (tmp_path / f"{number}.png").write_bytes(data)
    files = sorted(str(path) for path in tmp_path.iterdir())
    code = (
        "import runpy, sys; sys.argv = ['predict.py', *sys.argv[1:]];"
        f"runpy.run_path({str(package / 'predict.py')!r});"
        "print(sorted({m.split('.')[0] for m in sys.modules} & {'alcore', 'torch', 'onnx', "
        "'scipy', 'sklearn', 'pandas', 'streamlit', 'safetensors'}))"
    )
    run = subprocess.run(
        [sys.executable, "-I", "-c", code, *files], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    *lines, others = run.stdout.splitlines()
    assert others == "[]"
    model, checkpoint = predicting.with_file(taught.store, taught.project_id)
    blocks = predict_files(checkpoint, pictures_in(tmp_path), None, False, 1)
    (block,) = blocks
    said = dict(zip(block.files, block.probabilities, strict=True))
    assert len(lines) == len(files) == 7
    for line in lines:
        file, name, probability = line.split("\t")
        expected = said[Path(file).name]
        assert name == model.classes[expected.argmax()]
        assert abs(float(probability) - expected.max()) < 2e-4


def test_the_card_says_how_good_the_model_is_and_what_it_learned(
    taught: Taught, package: Path
) -> None:
    text = (package / "README.md").read_text("utf-8")
    about = json.loads((package / "model.json").read_text("utf-8"))
    project = projects.get(taught.store, taught.project_id)
    latest = training.status(taught.store, taught.project_id).latest
    assert latest is not None and about["revision"] == latest.revision
    assert len(latest.revision) == 12 and latest.revision in text
    assert about["classes"] == [c.name for c in project.classes]
    for word in ("Accuracy", "95 %", "ECE", "temperature", "30 labels", "## Limits", "| class |"):
        assert word in text
    assert all(f"| {name} |" in text for name in about["classes"])
    assert {path.name for path in package.iterdir()} == {
        "README.md",
        "model.json",
        "model.onnx",
        "model.pt2",
        "model.safetensors",
        "predict.py",
    }


def test_pytorch_runs_the_exported_program_without_anything_of_ours(
    taught: Taught, package: Path, tmp_path: Path
) -> None:
    with taught.store.read() as connection:
        project = rows_of_projects.get(connection, taught.project_id)
        n = len(items.ids(connection, taught.project_id))
    pixels = pixels_of(taught.store.workspace.project(project.id), project.settings, n)
    np.save(tmp_path / "pixels.npy", np.asarray(pixels[:7]))
    code = (
        "import sys, numpy, torch\n"
        "ask = torch.export.load(sys.argv[1]).module()\n"
        "for n in (7, 1):\n"
        "    p, _ = ask(torch.from_numpy(numpy.load(sys.argv[2])[:n]))\n"
        "numpy.save(sys.argv[3], ask(torch.from_numpy(numpy.load(sys.argv[2])))[0].numpy())\n"
        "assert 'alcore' not in sys.modules and p.shape[0] == 1\n"
    )
    files = [package / "model.pt2", tmp_path / "pixels.npy", tmp_path / "said.npy"]
    run = subprocess.run(
        [sys.executable, "-I", "-c", code, *map(str, files)], capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    expected, _ = onnx_export.predict(package / "model.onnx", np.asarray(pixels[:7]))
    np.testing.assert_allclose(np.load(tmp_path / "said.npy"), expected, atol=1e-5)
    card = (package / "README.md").read_text("utf-8")
    assert "exported program" in card and "torch.export.load" in card


def test_a_model_is_packed_for_owners_and_what_is_missing_is_said(
    taught: Taught, package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, made = taught.store, taught.project_id
    bare = small_project(store, 5, name="without a model")
    with pytest.raises(TrainingImpossible, match="has no model yet"):
        model_export.request(store, bare)
    with pytest.raises(TrainingImpossible, match="not packed yet"):
        model_export.blocks(store, bare)
    ana, ben = (people.annotator(store, name).id for name in ("Ana", "Ben"))
    people.set_role(store, bare, None, ana, "owner")
    for ask in (model_export.request, model_export.blocks, model_export.stop):
        with pytest.raises(NotAllowed):
            ask(store, bare, ben)
    model_export.request(store, made)
    model_export.stop(store, made)
    assert [event.act for event in audit.of_project(store, made, None, 2)] == [
        "stop model export",
        "model export",
    ]
    with store.read() as connection:
        job = jobs.newest(connection, made, "model_export")
    assert job is not None and job.state == "cancelled"
    monkeypatch.setattr(onnx_export, "NEEDED", ("onnx", "no_such_package"))
    with pytest.raises(ExportFailed, match=r"no_such_package.*pip install 'alcore\[onnx\]'"):
        model_export.export_now(store, made, 1)
    name, blocks = model_export.blocks(store, made)
    assert name == "shapes model 1.zip" and b"".join(blocks).startswith(b"PK")


def test_changed_classes_are_those_of_predictions_exports_and_the_next_model(
    taught: Taught, package: Path, tmp_path: Path
) -> None:
    store, made = taught.store, taught.project_id
    (first, second, third) = projects.get(store, made).classes
    before = parsed("csv", b"".join(predicting.pool(store, made, "csv", "all").blocks()))
    assert model_export.status(store, made).path is not None
    class_list.merge(store, made, [first.id], third.id)
    class_list.rename(store, made, third.id, "other")
    assert model_export.status(store, made).path is None  # what was packed names other classes
    for row, old in zip(
        parsed("csv", b"".join(predicting.pool(store, made, "csv", "all").blocks())),
        before,
        strict=True,
    ):
        assert [key for key in row if key.startswith("p(")] == [f"p({second.name})", "p(other)"]
        added = float(old[f"p({first.name})"]) + float(old[f"p({third.name})"])
        assert float(row["p(other)"]) == pytest.approx(added, abs=2e-4)
    state = model_export.export_now(store, made, 1)
    assert state.path is not None and state.job is not None
    assert state.job.args["difference"] < 1e-4
    with zipfile.ZipFile(state.path) as archive:
        archive.extractall(tmp_path)
    assert json.loads((tmp_path / "model.json").read_text())["classes"] == [second.name, "other"]
    with store.read() as connection:
        rows = items.get_all(connection, made)
        project = rows_of_projects.get(connection, made)
    pixels = np.asarray(pixels_of(store.workspace.project(made), project.settings, len(rows)))
    said, _ = onnx_export.predict(tmp_path / "model.onnx", pixels[:5])
    assert said.shape == (5, 2)
    np.testing.assert_allclose(said.sum(axis=1), 1, rtol=1e-5)

    training.train_now(store, made, 1)
    latest = training.status(store, made).latest
    assert latest is not None and latest.class_ids == (second.id, third.id)
    assert len(latest.evaluation.recall) == 2 and latest.learner.classes.startswith("1 merged")
    for _ in range(2):
        newest = class_list.newest_change(store, made)
        assert newest is not None
        class_list.undo(store, made, newest)
    # The newest model has never heard of the class that is back.
    said_now = parsed("csv", b"".join(predicting.pool(store, made, "csv", "all").blocks()))
    assert [key for key in said_now[0] if key.startswith("p(")] == [
        f"p({second.name})",
        f"p({third.name})",
    ]
    training.train_now(store, made, 1)
    latest = training.status(store, made).latest
    assert latest is not None and latest.class_ids == (first.id, second.id, third.id)
    assert latest.learner.classes == ""
