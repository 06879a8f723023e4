"""Owns the proof that every format of labels comes in again as it went out, and what is refused."""

from __future__ import annotations

import functools
import hashlib
import io
import json
import time
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from made import BY_HAND, exported, label_rows
from PIL import Image
from trained import add_round

from alcore import linear_head, names
from alcore.config import Workspace
from alcore.errors import AlcoreError, ExportFailed, InvalidSettings, NotAllowed, UnreadableLabels
from alcore.label_formats import parquet
from alcore.loop import embeddings
from alcore.loop.round_files import round_arrays
from alcore.records import NewEvent
from alcore.services import audit, exporting, label_import, people, training
from alcore.services import projects as known_projects
from alcore.services.export_rows import PARTS
from alcore.services.exporting import FORMATS, Wish
from alcore.services.label_import import Columns, LabelFile
from alcore.store import Store, items, labels, projects

FILES = (
    "plain.png",
    "Bären/größe 1.png",
    "птицы/сова.png",
    "猫/写真.png",
    "קוף/תמונה.png",
    "क्ष/चित्र.png",
    "=1+1.png",
    '-1/it\'s "quoted", and; more.png',
    "two\nlines\tand a tab.png",
    "back\\slash % and [brackets]?.png",
    "<b>&amp;</b>.png",
    "same/1.png",
    "other/1.png",
    "x" * 200 + ".png",
    "長" * 80 + ".png",
    " spaces .png",
    ".hidden.png",
    "no ending",
)
CLASSES = (
    "cat",
    "Käuze & Eulen",
    "сова",
    "猫",
    "קוף",
    "क्ष",
    "=1+1",
    'it\'s "quoted", and; more',
    "a/b",
    "..",
    "back\\slash",
    "<b>",
    "50 %",
    "1",
    "-1",
    "x" * 180,
    "👩\u200d🚀",
    "CON",
)
MANY = 2_000


@functools.cache
def picture(number: int) -> bytes:
    out = io.BytesIO()
    noise = np.random.default_rng(number).integers(0, 256, (9, 7, 3), np.uint8)
    Image.fromarray(noise).save(out, "PNG")
    return out.getvalue()


def place(store: Store, root: Path, name: str, classes: tuple[str, ...] = ()) -> int:
    """A project of FILES that lie in a folder, the last three in the holdout."""
    rows, now = [], time.time()
    for position, file in enumerate(FILES):
        data = picture(position)
        if not (root / file).exists():
            (root / file).parent.mkdir(parents=True, exist_ok=True)
            (root / file).write_bytes(data)
        rows.append(
            {
                "position": position,
                "name": names.of_file(file),
                "content_hash": hashlib.blake2b(data, digest_size=16).hexdigest(),
                "width": 7,
                "height": 9,
                "split": "holdout" if position >= len(FILES) - 3 else "pool",
                "true_class": None,
                "offset": None,
                "length": None,
                "path": file,
            }
        )
    spec = {"kind": "folder", "path": str(root), "copy": False}
    with store.write() as connection:
        made = projects.add(connection, name, BY_HAND, spec, "none", now)
        projects.add_classes(connection, made, classes, now)
        items.add(connection, [{"project_id": made, **row} for row in rows])
        projects.set_state(connection, made, "ready")
    return made


def say(store: Store, project_id: int, item_id: int, class_id: int, who: str = "=Ana") -> None:
    annotator = people.annotator(store, who)
    with store.write() as connection:
        labels.append(
            connection,
            NewEvent(
                project_id,
                item_id,
                annotator.id,
                "label",
                f"{who} {project_id} {item_id} {time.time_ns()}",
                time.time(),
                class_id=class_id,
                seconds=1.25,
                note='a "note"\nof two lines, \x0b and more',
            ),
        )


def model(store: Store, project_id: int) -> np.ndarray:
    """A made-up newest model; returns its probabilities (N, C)."""
    number = add_round(store, project_id, 0.8, holdout_ids=(), files=False).number
    n, c = len(FILES), len(known_projects.get(store, project_id).classes)
    rng = np.random.default_rng(0)
    embedded, head = rng.normal(size=(n, 4)).astype(np.float32), rng.normal(size=(5, c))
    path = round_arrays(store.workspace.project(project_id), number)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, head=head.astype(np.float32))
    embeddings.save(embeddings.path(path.parent.parent, number), embedded)
    return linear_head.probabilities(embedded, head.astype(np.float32))


def item_ids(store: Store, project_id: int) -> list[int]:
    with store.read() as connection:
        return items.ids(connection, project_id).tolist()


def counting(store: Store, project_id: int) -> dict[str, str]:
    """Class by file of the labels that count."""
    return {row["file"]: row["class"] for row in label_rows(store, project_id)}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    opened = Store.open(Workspace(tmp_path_factory.mktemp("formats")))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pictures")


@pytest.fixture(scope="module")
def source(store: Store, root: Path) -> int:
    """All images labeled, with odd names, in a project of 2,000 classes that has a model."""
    many = (*CLASSES, *(f"class {n}" for n in range(MANY - len(CLASSES))))
    made = place(store, root, "from «here»", many)
    classes = known_projects.get(store, made).classes
    for number, item_id in enumerate(item_ids(store, made)):
        say(store, made, item_id, classes[number].id)
        if number % 3 == 0:
            say(store, made, item_id, classes[number].id, "Бен")
        if number % 4 == 0:
            say(store, made, item_id, classes[0].id, "Cem")
            say(store, made, item_id, classes[number].id, "Dea")
    model(store, made)
    return made


# -- every format ------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMATS)
def test_what_goes_out_comes_in_again_and_a_second_time_changes_nothing(
    store: Store, root: Path, source: int, tmp_path: Path, form: str
) -> None:
    path = tmp_path / f"labels{FORMATS[form].suffix}"
    exporting.prepare(store, source, Wish(form, tuple(PARTS))).save(path)
    assert path.read_bytes() == exported(store, source, form)
    assert LabelFile(path).form.read is FORMATS[form].read
    target = place(store, root, f"to {form}")
    plan = label_import.preview(store, target, LabelFile(path))
    assert counting(store, target) == {}
    assert len(plan.class_of) == len(FILES) and not plan.problems, plan.reasons
    assert not plan.same_but_case and set(plan.new_classes) == set(CLASSES[: len(FILES)])
    label_import.bring(store, target, LabelFile(path), new_classes="add")
    assert counting(store, target) == counting(store, source)
    event, before = audit.of_project(store, target, None)
    assert audit.words(before).startswith("added the classes ")
    assert audit.words(event) == f"brought in {len(FILES)} labels of {path.name} as labels"
    again = label_import.bring(store, target, LabelFile(path))
    assert (again.class_of, again.unchanged) == ({}, len(FILES))
    assert label_import.preview(store, source, LabelFile(path)).unchanged == len(FILES)


@pytest.mark.parametrize("form", [f for f in FORMATS if FORMATS[f].content == "labels"])
def test_a_format_says_all_that_was_asked_for(store: Store, source: int, form: str) -> None:
    data = exported(store, source, form)
    if form == "parquet":
        import pyarrow.parquet as pq

        rows = pq.read_table(io.BytesIO(data))
        text = json.dumps(rows.to_pylist(), ensure_ascii=False)
        text += rows.schema.metadata[b"alcore"].decode()
    elif form == "datumaro":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            text = "".join(archive.read(name).decode() for name in archive.namelist())
    else:
        text = data.decode()
    for word in ("Ana", "Бен", "1.25", "holdout", "class 1981", "of two lines"):
        assert word in text, word


def test_probabilities_are_those_of_the_newest_model_and_revisions_name_the_labels(
    store: Store, root: Path
) -> None:
    made = place(store, root, "probable", ("a", "b", "c"))
    says = model(store, made)
    ids = item_ids(store, made)
    for item_id in ids:
        say(store, made, item_id, known_projects.get(store, made).classes[0].id)
    rows = {row["item"]: row for row in label_rows(store, made)}
    for number, item_id in enumerate(ids):
        row = rows[item_id]
        assert list(row["probabilities"]) == ["a", "b", "c"]
        assert np.allclose(list(row["probabilities"].values()), says[number], atol=1e-5)
        assert row["predicted class"] == "abc"[says[number].argmax()]
    (first,) = {row["revision"] for row in rows.values()}
    assert exporting.outlook(store, made) == (len(FILES), first)
    twin = place(store, root, "twin", ("c", "b", "a"))
    for item_id in item_ids(store, twin):
        say(store, twin, item_id, known_projects.get(store, twin).classes[2].id)
    assert exporting.outlook(store, twin)[1] == first
    say(store, twin, item_ids(store, twin)[0], known_projects.get(store, twin).classes[0].id)
    assert exporting.outlook(store, twin)[1] != first


def test_paths_may_be_those_on_disk(store: Store, root: Path, source: int) -> None:
    out = b"".join(exporting.prepare(store, source, Wish("jsonl", (), on_disk=True)).blocks())
    files = [json.loads(line)["file"] for line in out.splitlines()]
    assert sorted(files) == sorted(str(root / file) for file in FILES)
    target = place(store, root, "by path")
    (root.parent / "by path.jsonl").write_bytes(out)
    plan = label_import.bring(
        store, target, LabelFile(root.parent / "by path.jsonl"), new_classes="add"
    )
    assert len(plan.class_of) == len(FILES)


def test_images_whose_originals_are_gone_are_left_out_and_named(
    store: Store, tmp_path: Path
) -> None:
    made = place(store, tmp_path / "in", "gone", ("a",))
    for item_id in item_ids(store, made):
        say(store, made, item_id, known_projects.get(store, made).classes[0].id)
    (tmp_path / "in" / "plain.png").unlink()
    export = exporting.prepare(store, made, Wish("imagefolder"))
    export.save(tmp_path / "out.zip")
    assert export.written == len(FILES) - 1
    assert "1 labeled image is not in it" in export.missing.words()
    assert "plain.png" in export.missing.words()


@pytest.mark.parametrize("links", [True, False])
def test_folders_of_images_are_laid_out_as_links_or_copies_whole_or_not_at_all(
    store: Store, root: Path, source: int, tmp_path: Path, links: bool
) -> None:
    out = tmp_path / "laid out"
    exporting.prepare(store, source, Wish("imagefolder")).lay_out(out, links)
    laid = [path for path in out.rglob("*") if path.is_file() and path.name != "classes.json"]
    assert len(laid) == len(FILES) and all(path.is_symlink() == links for path in laid)
    lines = b"".join(exporting.prepare(store, source, Wish("jsonl", ())).blocks()).splitlines()
    meaning = json.loads((out / "classes.json").read_text())
    folders = {path.read_bytes(): path.relative_to(out).parts[:2] for path in laid}
    for row in map(json.loads, lines):
        split, folder = folders[(root / names.path_of(row["file"])).read_bytes()]
        assert split in ("train", "test") and meaning[folder] == row["class"]
    if not links:  # of a folder whose links lead out of it nothing is read
        target = place(store, root, "laid out")
        plan = label_import.bring(store, target, LabelFile(out), new_classes="add")
        assert len(plan.class_of) == len(FILES) and not plan.problems
    with pytest.raises(InvalidSettings, match="is there already"):
        exporting.prepare(store, source, Wish("yolo")).lay_out(out, links)
    with pytest.raises(InvalidSettings, match="folders of images are imagefolder, yolo"):
        exporting.prepare(store, source, Wish("coco")).lay_out(tmp_path / "no", links)
    with pytest.raises(ExportFailed, match="cannot be written"):
        exporting.prepare(store, source, Wish("yolo")).lay_out(Path("/dev/full/x"), links)
    assert sorted(path.name for path in tmp_path.iterdir() if "out" in path.name) == ["laid out"]


def test_an_export_into_a_full_disk_leaves_nothing_behind(
    store: Store, source: int, tmp_path: Path
) -> None:
    export = exporting.prepare(store, source, Wish("csv"))
    with pytest.raises(ExportFailed, match="nothing of it was left there"):
        export.save(Path("/dev/full/labels.csv"))
    small = tmp_path / "labels.csv"
    small.write_text("as before")

    def full() -> Iterator[bytes]:
        yield b"some"
        raise OSError(28, "No space left on device")

    export.blocks = full  # type: ignore[method-assign]
    with pytest.raises(ExportFailed, match="No space left"):
        export.save(small)
    assert small.read_text() == "as before" and list(tmp_path.iterdir()) == [small]


def test_only_owners_take_labels_out_and_bring_them_in(store: Store, source: int) -> None:
    made, ana = source, people.annotator(store, "Ana").id
    people.set_role(store, made, None, people.annotator(store, "Olga").id, "owner")
    try:
        with pytest.raises(NotAllowed):
            exporting.prepare(store, made, Wish("csv"), ana)
        with pytest.raises(NotAllowed):
            label_import.preview(store, made, LabelFile(Path("x.csv")), by=ana)
        with pytest.raises(InvalidSettings, match="provenance"):
            exporting.prepare(store, made, Wish("csv", ("nonsense",)))
    finally:
        with store.write() as connection:
            connection.exec_driver_sql("DELETE FROM member WHERE project_id = ?", (made,))


# -- what comes in -----------------------------------------------------------------------------


@pytest.fixture
def bare(store: Store, root: Path, request: pytest.FixtureRequest) -> int:
    """Two classes, no labels."""
    return place(store, root, request.node.name[:90], ("cat", "dog"))


def table(tmp_path: Path, text: str, name: str = "labels.csv") -> LabelFile:
    (tmp_path / name).write_text(text, encoding="utf-8")
    return LabelFile(tmp_path / name)


def test_every_line_that_brings_nothing_is_named_with_its_reason(
    store: Store, bare: int, tmp_path: Path
) -> None:
    file = table(
        tmp_path,
        "file,class\nplain.png,cat\nnowhere.png,cat\n1.png,dog\nsame/1.png,dog\n"
        "Bären/größe 1.png,\n,cat\nother/1.png,cat\nother/1.png,dog\n<b>&amp;</b>.png,Cat\n",
    )
    plan = label_import.preview(store, bare, file)
    assert {(p.line, p.reason.split(",")[0]) for p in plan.problems} == {
        (3, "no image is called so"),
        (4, "2 images are called so"),
        (6, "the line names no class"),
        (7, "the line names no image"),
        (8, "two answers for one image"),
        (9, "two answers for one image"),
    }
    assert sorted(plan.class_of.values()) == ["cat", "cat", "dog"]
    assert plan.same_but_case == {"Cat": "cat"} and not plan.new_classes
    assert "taken for 'cat'" in " ".join(label_import.words(plan))


def test_what_people_labeled_stays_and_an_import_changes_only_imports(
    store: Store, bare: int, tmp_path: Path
) -> None:
    cat, dog = (c.id for c in known_projects.get(store, bare).classes)
    first, second = item_ids(store, bare)[:2]
    say(store, bare, first, cat)
    rows = f"file,class\n{FILES[0]},dog\n{FILES[1]},cat\n"
    plan = label_import.bring(store, bare, table(tmp_path, rows))
    assert (plan.kept, list(plan.class_of)) == (1, [second])
    assert counting(store, bare) == {FILES[0]: "cat", FILES[1]: "cat"}
    rows = f"file,class\n{FILES[0]},cat\n{FILES[1]},owl\n"
    plan = label_import.bring(store, bare, table(tmp_path, rows), new_classes="add")
    assert (plan.unchanged, plan.kept, plan.new_classes) == (1, 0, ["owl"])
    assert counting(store, bare) == {FILES[0]: "cat", FILES[1]: "owl"}
    say(store, bare, second, dog)
    assert label_import.preview(store, bare, table(tmp_path, rows)).kept == 1


def test_an_answer_key_stays_hidden_and_measures(store: Store, bare: int, tmp_path: Path) -> None:
    dog = known_projects.get(store, bare).classes[1].id
    a, b = item_ids(store, bare)[-3:-1]
    say(store, bare, a, dog)
    file = table(tmp_path, f"file,class\n{FILES[0]},cat\n{FILES[-2]},dog\n")
    plan = label_import.bring(store, bare, file, "answer key")
    assert len(plan.class_of) == 2
    with store.read() as connection:
        ids, truth = items.holdout(connection, bare)
    # What people answered of the holdout before stays its measure.
    assert dict(zip(ids.tolist(), truth.tolist(), strict=True)) == {a: dog, b: dog}
    assert known_projects.get(store, bare).has_key
    assert counting(store, bare) == {FILES[-3]: "dog"}
    assert label_import.bring(store, bare, file, "answer key").unchanged == 2


def test_columns_of_unusual_names_are_asked_for(store: Store, bare: int, tmp_path: Path) -> None:
    file = table(tmp_path, f"bild;art;x\n{FILES[0]};cat;1\n")
    seen = file.table()
    assert seen is not None and (seen.names, seen.guess) == (("bild", "art", "x"), None)
    with pytest.raises(UnreadableLabels, match="bild, art, x"):
        label_import.preview(store, bare, file)
    chosen = replace(file, columns=Columns("bild", "art"))
    assert len(label_import.preview(store, bare, chosen).class_of) == 1
    lines = table(tmp_path, f'{{"bild": "{FILES[0]}", "art": 7}}\n', "x.jsonl")
    plan = label_import.preview(store, bare, replace(lines, columns=Columns("bild", "art")))
    assert list(plan.class_of.values()) == ["7"]


FOREIGN = {
    "label studio.json": json.dumps(
        [
            {
                "data": {"image": "/data/upload/1/0a1b2c3d-plain.png"},
                "annotations": [
                    {"result": [{"type": "choices", "value": {"choices": ["dog"]}}]},
                    {
                        "ground_truth": True,
                        "result": [{"type": "choices", "value": {"choices": ["cat"]}}],
                    },
                ],
            },
            {"image": "/data/local-files/?d=in/same/1.png", "choice": "cat"},
            {"data": {"picture": "s3://bucket/a/no%20ending"}, "annotations": []},
        ]
    ),
    "coco.json": json.dumps(
        {
            "images": [
                {"id": 7, "file_name": "images/plain.png"},
                {"id": 8, "file_name": "C:\\old\\same\\1.png"},
            ],
            "categories": [{"id": 3, "name": "cat"}],
            "annotations": [
                {"id": 1, "image_id": 7, "category_id": 3, "bbox": [1, 2, 3, 4]},
                {"id": 2, "image_id": 8, "category_id": 3},
            ],
        }
    ),
    "cvat.xml": '<?xml version="1.0"?><annotations><image id="0" name="plain.png">'
    '<tag label="cat" source="manual"></tag></image><image id="1" name="same/1.png">'
    '<tag label="cat"/></image><image id="2" name="other/1.png"></image></annotations>',
}


@pytest.mark.parametrize("name", FOREIGN)
def test_exports_of_other_tools_are_read(
    store: Store, bare: int, tmp_path: Path, name: str
) -> None:
    plan = label_import.preview(store, bare, table(tmp_path, FOREIGN[name], name))
    ids = item_ids(store, bare)
    expected = {ids[FILES.index(file)]: "cat" for file in ("plain.png", "same/1.png")}
    assert plan.class_of == expected, plan.problems


def _torn() -> bytes:
    """Write a table of Parquet, with nonsense over its first values."""
    out, values = io.BytesIO(), pa.array(["plain.png"] * 50)
    pq.write_table(pa.table({"file": values, "class": values}), out)
    return b"PAR1" + b"\xff" * 40 + out.getvalue()[44:]


BAD = {
    "empty.csv": (b"", "is empty"),
    "binary.csv": (b"file,class\n\x00\x01\x02\x00", "no labels in a format"),
    "one line.csv": (b"file,class\n" + b"x" * 2_000_000, "no table"),
    "broken.csv": (b'file,class\nplain.png,"cat\n' + b"x" * 200_000, "cannot be read beyond"),
    "broken.jsonl": (b'{"file": "plain.png", "class": "cat"}\n{"file"\n', "line 2"),
    "list.jsonl": (b'{"file": "plain.png", "class": "cat"}\n[1]\n', "no JSON object"),
    "broken.json": (b'[{"data": ', "is no JSON"),
    "deep.json": (b"[" * 200_000, "is no JSON"),
    "other.json": (b'{"a":\n 1}', "no list of items"),
    "broken.xml": (b"<annotations><image>", "is no XML"),
    "page.xml": (b"<html></html>", "no XML of CVAT"),
    **{
        f"in {named}.xml": (f'<?xml version="1.0" encoding="{named}"?><a/>'.encode(), "is no XML")
        for named in ("utfD8", "hex", "idna", "shift_jis")
    },
    "trap.xml": (b'<!DOCTYPE a [<!ENTITY b "c">]><annotations></annotations>', "document type"),
    "broken.zip": (b"PK\x03\x04nonsense", "damaged zip"),
    "broken.parquet": (b"PAR1nonsense", "no Parquet"),
    "torn.parquet": (_torn(), "is damaged"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_file_that_cannot_be_read_is_refused_and_nothing_of_it_comes_in(
    store: Store, bare: int, tmp_path: Path, name: str
) -> None:
    data, words = BAD[name]
    (tmp_path / name).write_bytes(data)
    with pytest.raises(UnreadableLabels, match=words):
        label_import.bring(store, bare, LabelFile(tmp_path / name))
    assert counting(store, bare) == {}


def test_a_damaged_table_is_refused_when_its_columns_are_asked_for(tmp_path: Path) -> None:
    (tmp_path / "torn.parquet").write_bytes(_torn())
    with pytest.raises(UnreadableLabels, match="is damaged"):
        parquet.columns(tmp_path / "torn.parquet")


def test_a_file_that_is_nowhere_is_said_to_be_so(store: Store, bare: int, tmp_path: Path) -> None:
    with pytest.raises(AlcoreError, match="No such file"):
        label_import.preview(store, bare, LabelFile(tmp_path / "none.csv"))


def test_imported_labels_ask_for_a_training(store: Store, bare: int, tmp_path: Path) -> None:
    project = known_projects.get(store, bare)
    rule = replace(project.settings.retrain, automatic=True, minimum=4, new_labels=4)
    known_projects.edit(store, project, replace(project.settings, retrain=rule))
    rows = "".join(f"{FILES[n]},{'cat' if n % 2 else 'dog'}\n" for n in (0, 1, 2, 3, 4, 5))
    label_import.bring(store, bare, table(tmp_path, f"file,class\n{rows}"))
    job = training.status(store, bare).job
    assert job is not None and job.state == "waiting"
