"""More images for a project that is there: only what is new, and nothing that is there moves."""

from __future__ import annotations

import io
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made import BY_HAND, Tab, label_rows, old_database
from PIL import Image

from alcore.config import Workspace
from alcore.datasets import workers
from alcore.datasets.ingest import read_original
from alcore.errors import AlcoreError, ImportRefused, JobCancelled, NotAllowed
from alcore.jobs import adding
from alcore.loop.round_files import pixels_of
from alcore.records import KnownClasses
from alcore.services import audit, more_images, people, projects, training
from alcore.services.folders import Folders
from alcore.store import Store, additions, items
from alcore.store import projects as stored

SMALL = replace(BY_HAND, resolution=8)


@pytest.fixture
def store(workspace: Workspace) -> Iterator[Store]:
    opened = Store.open(workspace)
    yield opened
    opened.close()


def picture(number: int, colour: bool = False) -> bytes:
    shape = (9, 7, 3) if colour else (9, 7)
    noise = np.random.default_rng(number).integers(0, 256, shape, np.uint8)
    out = io.BytesIO()
    Image.fromarray(noise).save(out, "PNG")
    return out.getvalue()


def fill(root: Path, numbers: range, classes: tuple[str, ...] = ("a", "b")) -> Path:
    for number in numbers:
        path = root / classes[number % len(classes)] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(number))
    return root


def made(store: Store, root: Path, role: KnownClasses = "answer key", copy: bool = False) -> int:
    spec = {"kind": "folder", "path": str(root), "copy": copy}
    project_id = projects.create(store, "birds", spec, role, SMALL)
    projects.import_now(store, project_id, 1)
    return project_id


def add(store: Store, project_id: int, path: Path) -> None:
    kind = "archive" if path.suffix == ".zip" else "folder"
    more_images.add(store, project_id, {"kind": kind, "path": str(path)})
    projects.import_now(store, project_id, 1)


def rows_of(store: Store, project_id: int) -> dict[str, items.Item]:
    with store.read() as connection:
        return {row.name: row for row in items.get_all(connection, project_id)}


def whole(store: Store, project_id: int) -> None:
    """Check that each image's pixels and original are its own."""
    folder = store.workspace.project(project_id)
    with store.read() as connection:
        spec, _ = stored.source(connection, project_id)
    rows = rows_of(store, project_id)
    pixels = pixels_of(folder, SMALL, len(rows))
    for name, row in rows.items():
        number = int(Path(name).stem)
        data = read_original(folder, row, spec)
        assert data == picture(number), name
        with Image.open(io.BytesIO(data)) as image:
            assert abs(int(np.asarray(image).mean()) - int(pixels[row.position].mean())) < 8


@pytest.mark.parametrize("copy", [False, True])
def test_the_same_folder_again_brings_only_what_is_new_and_nothing_moves(
    store: Store, tmp_path: Path, copy: bool
) -> None:
    root = fill(tmp_path / "in", range(40))
    project_id = made(store, root, copy=copy)
    tab = Tab(store, project_id)
    for _ in range(6):
        tab.answer(tab.next())
    before, labels = rows_of(store, project_id), label_rows(store, project_id)
    add(store, project_id, root)
    assert rows_of(store, project_id) == before
    assert more_images.last(store, project_id) == (
        "there was nothing new from the project's own source"
    )
    fill(root, range(40, 80), ("a", "b", "c"))
    shutil.copy(root / "a" / "0.png", root / "b" / "the same.png")
    add(store, project_id, root)
    after = rows_of(store, project_id)
    assert {name: after[name] for name in before} == before and len(after) == 80
    assert label_rows(store, project_id) == labels
    assert [c.name for c in projects.get(store, project_id).classes] == ["a", "b", "c"]
    held = [sum(r.split == "holdout" for r in rows.values()) for rows in (before, after)]
    assert held[0] / 40 == held[1] / 80
    assert all((row.path is None) == copy for row in after.values())
    whole(store, project_id)
    (left,) = projects.skipped_files(store, project_id)
    assert (left.name, left.reason) == ("b/the same.png", "same content as a/0.png")
    Tab(store, project_id).claim(20)
    said = [audit.words(event) for event in audit.of_project(store, project_id, None)]
    assert said.count("asked for more images from folder in") == 2


def test_other_places_are_copied_and_equal_names_in_two_are_two_images(
    store: Store, tmp_path: Path
) -> None:
    project_id = made(store, fill(tmp_path / "in", range(20)))
    other = fill(tmp_path / "x" / "more", range(20, 24))
    twin = fill(tmp_path / "y" / "more", range(24, 28))
    for number in range(4):  # other images under the same names
        for root, at in ((other, 20), (twin, 24)):
            path = next(root.glob(f"*/{at + number}.png"))
            path.rename(path.with_name(f"{at + number}.png"))
    shutil.copy(next(other.glob("*/20.png")), twin / "a" / "0.png")
    with zipfile.ZipFile(tmp_path / "more.zip", "w") as archive:
        for number in range(28, 32):
            archive.writestr(f"a/{number}.png", picture(number))
    for path in (other, twin, tmp_path / "more.zip", other):
        add(store, project_id, path)
    names = set(rows_of(store, project_id))
    assert {"more/a/20.png", "more 2/a/24.png", "more 3/a/28.png"} <= names
    assert len(names) == 32 and "more 2/a/0.png" not in names
    shutil.rmtree(other)
    whole(store, project_id)


def test_without_an_answer_key_new_images_are_asked_about_too(store: Store, tmp_path: Path) -> None:
    project_id = made(store, fill(tmp_path / "in", range(30)), "none")
    before = projects.item_counts(store, project_id)
    add(store, project_id, fill(tmp_path / "more", range(30, 60)))
    after = projects.item_counts(store, project_id)
    assert (after["holdout"], after["pool"]) == (2 * before["holdout"], 2 * before["pool"])
    claim = Tab(store, project_id).claim(60)
    assert {lease.item_id for lease in claim.leases} & {
        row.id for name, row in rows_of(store, project_id).items() if name.startswith("more/")
    }
    project = projects.get(store, project_id)
    assert project.classes == () and not project.has_key


def test_classes_that_are_labels_are_labels_of_new_images_too(store: Store, tmp_path: Path) -> None:
    project_id = made(store, fill(tmp_path / "in", range(20)), "labels")
    add(store, project_id, fill(tmp_path / "in", range(20, 30)))
    rows = label_rows(store, project_id)
    assert len(rows) == 30 and {row["source"] for row in rows} == {"import"}
    assert all(row["class"] == row["file"][0] for row in rows)


def test_a_stopped_one_goes_on_where_it_was(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = fill(tmp_path / "in", range(20))
    project_id = made(store, root)
    fill(root, range(20, 50))
    take_over, ingest = adding._take_over, adding.ingest
    monkeypatch.setattr(workers, "BATCH_ENTRIES", 10)
    monkeypatch.setattr(adding, "ingest", lambda *a, **k: ingest(*a, **k, chunk=10, workers=0))
    taken = []

    def stops(connection, *rest) -> None:
        if taken:
            raise JobCancelled("stopped")
        taken.append(take_over(connection, *rest))

    monkeypatch.setattr(adding, "_take_over", stops)
    with pytest.raises(JobCancelled):
        add(store, project_id, root)
    some = len(rows_of(store, project_id))
    assert 20 < some < 50
    assert "still to come in" in more_images.last(store, project_id)
    monkeypatch.setattr(adding, "_take_over", take_over)
    projects.resume_import(store, project_id)
    projects.import_now(store, project_id, 1)
    assert len(rows_of(store, project_id)) == 50
    held = projects.item_counts(store, project_id)["holdout"]
    assert held == round(50 * 4 / 20)
    whole(store, project_id)


def test_models_know_the_new_images_and_a_refit_has_them(store: Store, tmp_path: Path) -> None:
    root = fill(tmp_path / "in", range(30))
    project_id = made(store, root)
    tab = Tab(store, project_id)
    with store.read() as connection:
        true = {row.id: row.true_class for row in items.get_all(connection, project_id)}
    for _ in range(10):
        lease = tab.next()
        tab.answer(lease, tab.classes.index(true[lease.item_id]))
    training.train_now(store, project_id, 1)
    (root / "a" / "99.png").write_bytes(picture(99, colour=True))
    fill(root, range(30, 40))
    add(store, project_id, root)
    assert projects.get(store, project_id).channels == 3
    summary = training.train_now(store, project_id, 1)
    assert summary.evaluation.n == projects.item_counts(store, project_id)["holdout"]
    assert any("holdout has" in note for note in summary.recipe.notes)
    project = projects.get(store, project_id)
    projects.edit(store, project, replace(project.settings, resolution=16))
    projects.import_now(store, project_id, 1)
    settings = projects.get(store, project_id).settings
    assert len(pixels_of(store.workspace.project(project_id), settings, 41)) == 41


def drop(store: Store, project_id: int, folder: Path, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        path = folder / "upload"
        path.write_bytes(data)
        more_images.keep_photograph(store, project_id, path, name)
        assert not path.exists()
    more_images.add_photographs(store, project_id)


def test_single_photographs_come_in_as_they_are_dropped(store: Store, tmp_path: Path) -> None:
    project_id = made(store, fill(tmp_path / "in", range(20)))
    drop(store, project_id, tmp_path, {"image.png": picture(50)})
    projects.import_now(store, project_id, 0)
    web_page = b"<!doctype html><title>Sign in</title>"
    hostile = {"image.png": picture(51), "..\\..\\x/<b>.png": picture(52), "3.jpg": web_page}
    drop(store, project_id, tmp_path, hostile)
    projects.import_now(store, project_id, 0)
    rows = rows_of(store, project_id)
    new = sorted(name for name in rows if name.startswith("photographs/"))
    assert len(rows) == 23 and len(new) == 3
    assert sum(name.startswith("photographs/image-") for name in new) == 2
    assert sum(name.startswith("photographs/_b_-") for name in new) == 1
    (left,) = projects.skipped_files(store, project_id)
    assert "3-" in left.name and left.reason.startswith("a web page, not an image")
    folder = store.workspace.project(project_id)
    assert list((folder / "photographs").iterdir()) == []
    with store.read() as connection:
        spec, _ = stored.source(connection, project_id)
    originals = {read_original(folder, rows[name], spec) for name in new}
    assert originals == {picture(50), picture(51), picture(52)}
    people.set_role(store, project_id, None, people.annotator(store, "Ana").id, "owner")
    with pytest.raises(NotAllowed):
        more_images.add_photographs(store, project_id, people.annotator(store, "Ben").id)


def test_a_photograph_that_comes_while_others_come_in_is_not_forgotten(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project_id = made(store, fill(tmp_path / "in", range(20)))
    take_over = adding._take_over

    def meanwhile(*about) -> None:
        take_over(*about)
        (store.workspace.project(project_id) / "photographs" / "late.png").write_bytes(picture(61))

    monkeypatch.setattr(adding, "_take_over", meanwhile)
    drop(store, project_id, tmp_path, {"one.png": picture(60)})
    projects.import_now(store, project_id, 0)
    monkeypatch.setattr(adding, "_take_over", take_over)
    more_images.add_photographs(store, project_id)
    projects.import_now(store, project_id, 0)
    assert "photographs/late.png" in rows_of(store, project_id)
    with store.write() as connection:
        spec = {"kind": "photographs", "path": "x"}
        additions.request(connection, project_id, spec, "photographs", 10.0)
        (running,) = additions.waiting(connection, project_id)
        additions.request(connection, project_id, spec, "photographs", 11.0)
        additions.finish(connection, running, 12.0)
        assert [waits.created_at for waits in additions.waiting(connection, project_id)] == [11.0]


def test_what_cannot_come_in_is_said_and_stands_in_nobodys_way(
    store: Store, tmp_path: Path
) -> None:
    root = fill(tmp_path / "in", range(20))
    project_id = made(store, root)
    with pytest.raises(ImportRefused, match="does not exist"):
        add(store, project_id, tmp_path / "nowhere")
    assert projects.get(store, project_id).state == "ready"
    add(store, project_id, fill(tmp_path / "more", range(20, 24)))
    assert len(rows_of(store, project_id)) == 24
    with pytest.raises(ImportRefused, match="a folder, a zip archive or a bucket"):
        more_images.add(store, project_id, {"kind": "digits"})
    with pytest.raises(NotAllowed):
        spec = {"kind": "folder", "path": str(root)}
        more_images.add(store, project_id, spec, folders=Folders(()))
    people.set_role(store, project_id, None, people.annotator(store, "Ana").id, "owner")
    with pytest.raises(NotAllowed):
        more_images.add(store, project_id, spec, people.annotator(store, "Ben").id)
    waiting = projects.create(store, "new", {"kind": "digits"}, "none", SMALL)
    with pytest.raises(AlcoreError, match="not finished"):
        more_images.add(store, waiting, spec)


def test_a_workspace_of_before_takes_more_images(bare_workspace: Workspace) -> None:
    old_database(bare_workspace, "0016")
    store = Store.open(bare_workspace)
    with store.write() as connection:
        made_id = stored.add(connection, "x", SMALL, {"kind": "digits"}, "none", 1.0)
    assert more_images.last(store, made_id) == ""
    store.close()
