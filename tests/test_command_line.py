"""Owns the proof that the command line does what its help says, with exit codes to rely on."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from made import Tab
from PIL import Image

from alcore.__main__ import main
from alcore.config import Workspace
from alcore.services import projects
from alcore.store import Store
from alcore.store import items as stored_items

ROOT = Path(__file__).parent.parent


@pytest.fixture
def run(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator:
    """Run a command in this process: exit code, output, errors."""
    monkeypatch.setenv("ALCORE_WORKSPACE", str(workspace.root))
    monkeypatch.setenv("ALCORE_THREADS", "1")

    def call(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main(arguments)
        said = capsys.readouterr()
        return end.value.code, said.out, said.err

    return call


def pictures(root: Path, classes: tuple[str, ...], each: int = 6) -> Path:
    for place, name in enumerate(classes):
        (root / name).mkdir(parents=True)
        for number in range(each):
            colour = (40 * place, 30 * number, 7)
            Image.new("RGB", (8, 8), colour).save(root / name / f"{number}.png")
    return root


def label(workspace: Workspace, name: str, n: int) -> None:
    store = Store.open(workspace)
    tab = Tab(store, projects.named(store, name).id, "=Ana")
    with store.read() as connection:
        everything = stored_items.get_all(connection, tab.project_id)
    classes = {item.id: item.true_class for item in everything}
    for _ in range(n):
        image = tab.next()
        tab.answer(image, tab.classes.index(classes[image.item_id]))
    store.close()


def started(workspace: Workspace, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "alcore", *arguments],
        cwd=ROOT,
        env={**os.environ, "ALCORE_WORKSPACE": str(workspace.root)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell lets what it starts in the background ignore Ctrl+C, these tests and so this too.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def test_the_help_shows_examples(bare_workspace: Workspace) -> None:
    process = started(bare_workspace, "--help")
    out, _ = process.communicate()
    assert process.returncode == 0 and "alcore import pictures/" in out
    assert not bare_workspace.database.exists()


@pytest.mark.parametrize(
    "wrong",
    ["", "nonsense", "import", "train", "work --x", "experiment", "import x --resolution 33"],
)
def test_a_wrong_command_is_a_usage_error(run, wrong: str) -> None:
    code, _, err = run(*wrong.split())
    assert code == 2 and "Usage: " in err


def test_half_an_order_is_a_usage_error(run, tmp_path: Path) -> None:
    run("import", str(pictures(tmp_path / "p", ("a", "b"))), "--name", "mine")
    code, _, err = run("role", "mine", "Ana")
    assert code == 2 and "owner, annotator, removed" in err
    code, _, err = run("experiment", "extend", "mine")
    assert code == 2 and "--trials" in err


def test_import_label_train_status_export(run, workspace: Workspace, tmp_path: Path) -> None:
    assert run("projects")[:2] == (0, "nothing yet\n")
    code, out, _ = run("import", "digits", "--resolution", "8")
    assert code == 0 and "of them in the holdout" in out
    label(workspace, "digits", 20)
    code, out, err = run("train", "digits", "--json")
    assert code == 0, err
    summary = json.loads(out)
    assert (summary["number"], summary["labels"]) == (1, 20)
    status = json.loads(run("status", "digits", "--json")[1])
    assert (status["model"], status["labels"], status["job state"]) == (1, 20, "done")
    assert "accuracy" in run("status", "1")[1]
    (row,) = json.loads(run("projects", "--json")[1])
    assert (row["name"], row["labels"], row["model"], row["state"]) == ("digits", 20, 1, "ready")
    code, out, _ = run("export", "digits")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert code == 0 and len(rows) == 20
    assert list(rows[0]) == [
        "item",
        "file",
        "class",
        "annotator",
        "time",
        "source",
        "model",
        "instant",
        "seconds",
        "suggestion shown",
        "suggested class",
        "suggesting model",
        "explanation shown",
        "note",
        "comments",
    ]
    assert rows[0]["annotator"] == "'=Ana" and rows[0]["time"].endswith("+00:00")
    assert (rows[0]["seconds"], rows[0]["source"], rows[0]["model"]) == ("1.0", "cold start", "")
    to = tmp_path / "labels.csv"
    assert run("export", "digits", "--out", str(to))[0] == 0
    assert to.read_text() == out
    assert run("export", "digits", "--out", str(tmp_path / "no" / "x.csv"))[0] == 1
    again = run("import", "digits")
    assert again[0] == 1 and "already" in again[2]


def test_strategies_are_listed(run) -> None:
    assert "margin" in run("strategies")[1]
    names = {row["name"] for row in json.loads(run("strategies", "--json")[1])}
    assert {"random", "least confidence", "margin", "entropy", "k-center", "mixed"} <= names


def test_roles_are_given_and_a_project_gets_its_owner_back(run, tmp_path: Path) -> None:
    run("import", str(pictures(tmp_path / "p", ("a", "b"))), "--name", "mine")
    assert run("role", "mine")[1] == "nobody yet\n"
    assert run("role", "mine", "Ana", "owner")[1].split() == ["owner", "Ana"]
    code, _, error = run("role", "mine", "Ana", "removed")
    assert code == 1 and "at least one owner" in error
    run("role", "mine", "Ben", "owner")
    run("role", "mine", "Ana", "annotator")
    assert json.loads(run("role", "mine", "--json")[1]) == {"Ana": "annotator", "Ben": "owner"}


def test_an_unknown_project_names_the_others(run, tmp_path: Path) -> None:
    root = pictures(tmp_path / "birds", ("a", "b"))
    assert run("import", str(root))[0] == 0
    for command in ("train", "status", "export"):
        code, _, err = run(command, "bird")
        assert code == 1 and "'birds'" in err and "'bird'" in err


@pytest.mark.parametrize(
    "arguments",
    [
        ["import", "nowhere.zip"],
        ["import", "nowhere/"],
        ["import", "shapes", "--option", "size=x"],
        ["import", "shapes", "--option", "unknown=3"],
        ["import", "digits", "--strategy", "magic"],
        ["import", "digits", "--seed", "-1"],
        ["import", "digits", "--classes", "a,a"],
        ["import", "digits", "--name", " "],
    ],
)
def test_what_cannot_be_imported_is_refused_without_a_trace(run, arguments: list[str]) -> None:
    code, _, err = run(*arguments)
    assert code == 1 and err.startswith("alcore: ") and "Traceback" not in err
    assert run("projects")[1] == "nothing yet\n"


def test_a_training_without_labels_is_refused(run, tmp_path: Path) -> None:
    run("import", str(pictures(tmp_path / "in", ("a", "b"))), "--name", "new")
    code, _, err = run("train", "new")
    assert code == 1 and "two classes" in err


def test_existing_labels_and_class_lists_are_taken_over(run, tmp_path: Path) -> None:
    root = pictures(tmp_path / "in", ("a", "b"))
    assert run("import", str(root), "--role", "labels", "--classes", "b,c")[0] == 0
    status = json.loads(run("status", "in", "--json")[1])
    assert status["classes"] == 3 and status["labels"] == 10


def test_labels_in_a_table_are_taken_over_and_their_absence_is_explained(
    run, tmp_path: Path
) -> None:
    root = pictures(tmp_path / "in", ("photos",), 8)
    code, _, err = run("import", str(root), "--role", "none", "--name", "plain")
    assert code == 0 and "note: no labels" not in err
    rows = "".join(f"photos/{n}.png;{'cat' if n % 2 else 'dog'}\n" for n in range(8))
    (root / "labels.csv").write_text(f"file;class\n{rows}", encoding="utf-16")
    code, _, err = run("import", str(root), "--role", "labels", "--name", "table")
    assert code == 0 and "labels.csv gives the classes of 8 of 8 images" in err
    assert json.loads(run("status", "table", "--json")[1])["classes"] == 2
    rows = list(csv.DictReader(io.StringIO(run("export", "table")[1])))
    assert {row["class"] for row in rows} == {"cat", "dog"}
    (root / "labels.csv").write_text("a,b,c\n1,2,3\n")
    flat = tmp_path / "flat"
    (root / "photos").rename(flat)
    code, _, err = run("import", str(flat), "--role", "labels", "--name", "none")
    assert code == 0 and "note: no labels came in" in err and "columns file and class" in err


def test_the_range_of_deep_images_is_told_and_can_be_given(run, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for number in range(4):
        values = rng.integers(0, 3000, (8, 8)).astype(np.uint16)
        Image.fromarray(values).save(tmp_path / f"{number}.tif")
    code, _, err = run("import", str(tmp_path), "--role", "none", "--name", "scans")
    assert code == 0 and "values from 0 to 4,095 are shown from black to white" in err
    wanted = ("--range", "100", "2000.5", "--name", "narrow")
    code, _, err = run("import", str(tmp_path), "--role", "none", *wanted)
    assert code == 0 and "values from 100 to 2,000.5 are shown" in err
    code, _, err = run("import", str(tmp_path), "--range", "5", "5", "--name", "nothing")
    assert code == 1 and "black must be below white" in err


def test_a_workspace_that_cannot_be_used_is_refused(
    run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("ALCORE_WORKSPACE", str(tmp_path / "file"))
    code, _, err = run("projects")
    assert code == 1 and "cannot be written" in err
    monkeypatch.setenv("ALCORE_THREADS", "many")
    assert run("projects")[0] == 1


def importing(workspace: Workspace) -> bool:
    store = Store.open(workspace)
    found = projects.list_projects(store)
    begun = bool(found) and sum(projects.item_counts(store, found[0].id).values()) > 0
    store.close()
    return begun


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_import_goes_on_with_the_same_command(
    workspace: Workspace, end: signal.Signals
) -> None:
    command = ("import", "shapes", "--option", "size=4000")
    first = started(workspace, *command)
    deadline = time.monotonic() + 60
    while not importing(workspace):
        assert first.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    first.send_signal(end)
    asked = time.monotonic()
    _, err = first.communicate(timeout=60)
    if end is signal.SIGINT:
        assert first.returncode == 130 and "run the same command again" in err
        assert time.monotonic() - asked < 15
    second = started(workspace, *command)
    out, err = second.communicate(timeout=300)
    assert second.returncode == 0, err
    assert out.startswith("shapes: 4000 images")


def test_classes_are_changed_and_that_is_undone(run, workspace: Workspace, tmp_path: Path) -> None:
    run("import", str(pictures(tmp_path / "zoo", ("cat", "dog", "owl"))), "--name", "zoo")
    label(workspace, "zoo", 6)
    assert run("classes", "add", "zoo", "emu")[1] == '["cat", "dog", "owl", "emu"]\n'
    assert run("classes", "rename", "zoo", "emu", "ostrich")[0] == 0
    assert run("classes", "describe", "zoo", "ostrich", "Two toes.")[0] == 0
    assert run("classes", "order", "zoo", "ostrich")[1] == '["ostrich", "cat", "dog", "owl"]\n'
    before = run("classes", "list", "zoo", "--json")[1]
    said_most = max(json.loads(before), key=lambda row: row["labels"])["name"]
    code, _, said = run("classes", "delete", "zoo", said_most)
    assert code == 1 and f"{said_most!r} has labels on" in said
    assert run("classes", "merge", "zoo", "dog", "--into", "owl")[0] == 0
    now = json.loads(run("classes", "list", "zoo", "--json")[1])
    assert [row["name"] for row in now] == ["ostrich", "cat", "owl"]
    assert run("classes", "undo", "zoo")[1] == "undone: merged the classes dog into owl\n"
    assert run("classes", "list", "zoo", "--json")[1] == before
    log = json.loads(run("classes", "log", "zoo", "--json")[1])
    assert log[0]["what"].startswith("undid") and log[1]["undone"]
    for wrong in (
        ("rename", "zoo", "emu", "x"),
        ("rename", "zoo", "dog", "owl"),
        ("merge", "zoo", "dog", "--into", "dog"),
        ("delete", "zoo", "dog", "--move-to", "owl", "--take-back"),
    ):
        code, out, said = run("classes", *wrong)
        assert (code, out) == (1, "") and said.startswith("alcore: "), wrong


def test_a_snapshot_gives_its_file_back_by_command(
    run, workspace: Workspace, tmp_path: Path
) -> None:
    run("import", str(pictures(tmp_path / "zoo", ("cat", "dog"))), "--name", "zoo")
    said = run("snapshot", "zoo", "first")[2]
    assert said == "alcore: there are no labels to take a snapshot of\n"
    label(workspace, "zoo", 5)
    for name in ("before", "after"):
        if name == "after":
            assert run("snapshot", "zoo", "first", "--json")[0] == 0
            run("classes", "rename", "zoo", "cat", "lion")
            label(workspace, "zoo", 2)
        more = () if name == "before" else ("--snapshot", "first")
        assert run("export", "zoo", "--out", str(tmp_path / f"{name}.csv"), *more)[0] == 0
    assert (tmp_path / "after.csv").read_bytes() == (tmp_path / "before.csv").read_bytes()
    code, _, said = run("export", "zoo", "--snapshot", "second")
    assert code == 1 and "there are: 'first'" in said
    assert run("snapshot", "zoo", "first", "--remove")[1] == "nothing yet\n"


def test_a_project_is_copied_archived_and_deleted_by_command(
    run, workspace: Workspace, tmp_path: Path
) -> None:
    run("import", str(pictures(tmp_path / "zoo", ("cat", "dog"))), "--name", "zoo", "--copy")
    label(workspace, "zoo", 3)
    assert run("copy", "zoo", "zoo 2", "--labels")[0] == 0
    assert run("archive", "zoo")[0] == 0
    code, _, said = run("classes", "add", "zoo", "emu")
    assert code == 1 and "archived" in said
    rows = json.loads(run("projects", "--json")[1])
    assert [(row["name"], row["images"], row["labels"]) for row in rows] == [("zoo 2", 12, 3)]
    code, out, said = run("delete", "zoo", "--name", "zo")
    assert code == 1 and "nothing was deleted" in said and "12 images, 3 labels" in said
    code, out, _ = run("delete", "zoo", "--name", "zoo")
    assert code == 0 and out.startswith("deleted; ") and out.endswith(" are free again\n")
    assert run("archive", "zoo", "--back")[0] == 1
    assert [p.name for p in (workspace.root / "projects").iterdir()] == ["2"]
