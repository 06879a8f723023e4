"""Owns the proof that a project is ready, whole and right after its import, also after a crash."""

from __future__ import annotations

import io
import multiprocessing
import os
import signal
import time
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made import BY_HAND, Tab, exported, label_rows
from PIL import Image

from alcore.config import HoldoutRule, ProjectSettings, RetrainRule, Workspace
from alcore.datasets.pixels import PixelCache
from alcore.errors import AlcoreError, ImportRefused, InvalidClasses, UnreadableImage
from alcore.loop.round_files import pixels_of
from alcore.records import Item
from alcore.services import classes as class_list
from alcore.services import images, labeling, originals, projects, setup, training
from alcore.store import Store, items

HOSTILE = ('<b onclick="x()">bold</b>', 'it\'s "quoted"', "=1+1", "**star** [a](b)", "naïve 猫")


@pytest.fixture
def store(workspace: Workspace) -> Iterator[Store]:
    opened = Store.open(workspace)
    yield opened
    opened.close()


def png(number: int) -> bytes:
    """A picture that no other number has."""
    noise = np.random.default_rng(number).integers(0, 256, (9, 7, 3), np.uint8)
    out = io.BytesIO()
    Image.fromarray(noise).save(out, "PNG")
    return out.getvalue()


def folder(root: Path, layout: dict[str, int]) -> Path:
    """Write so many pictures into each folder; all are different."""
    number = 0
    for name, count in layout.items():
        place = root / name
        place.mkdir(parents=True, exist_ok=True)
        for _ in range(count):
            (place / f"{number:04d}.png").write_bytes(png(number))
            number += 1
    return root


def bring(
    store: Store,
    spec: dict,
    known_classes: str = "answer key",
    settings: ProjectSettings = BY_HAND,
    classes: tuple[str, ...] = (),
    name: str = "pictures",
) -> int:
    made = projects.create(store, name, spec, known_classes, settings, classes)
    assert projects.import_now(store, made, 1)
    return made


def all_items(store: Store, project_id: int) -> list[Item]:
    with store.read() as connection:
        return items.get_all(connection, project_id)


def split(store: Store, project_id: int, where: str) -> set[int]:
    return {item.id for item in all_items(store, project_id) if item.split == where}


# -- sources -----------------------------------------------------------------------------------


def test_digits_are_ready_with_a_hidden_key_and_a_holdout(store: Store) -> None:
    project_id = bring(store, {"kind": "digits"}, settings=replace(BY_HAND, resolution=8))
    project = projects.get(store, project_id)
    assert (project.state, project.has_key, project.channels) == ("ready", True, 1)
    assert [c.name for c in project.classes] == [str(d) for d in range(10)]
    counts = projects.item_counts(store, project_id)
    assert sum(counts.values()) + len(projects.skipped_files(store, project_id)) == 1797
    assert counts["holdout"] == round(0.2 * sum(counts.values()))
    tab = Tab(store, project_id)
    first = tab.claim(10).leases
    assert {lease.origin for lease in first} == {"cold start"}
    assert not {lease.item_id for lease in first} & split(store, project_id, "holdout")


def test_shapes_are_generated_with_their_knobs(store: Store) -> None:
    spec = {"kind": "shapes", "size": 60, "classes": 3, "seed": 5}
    project_id = bring(store, spec)
    assert len(projects.get(store, project_id).classes) == 3
    assert projects.get(store, project_id).channels == 3
    assert len(all_items(store, project_id)) == 60


@pytest.mark.parametrize("copy", [True, False])
def test_a_folder_is_imported_copied_or_in_place(store: Store, tmp_path: Path, copy: bool) -> None:
    root = folder(tmp_path / "in", {"cat": 6, "dog": 4})
    project_id = bring(store, {"kind": "folder", "path": str(root), "copy": copy})
    found = all_items(store, project_id)
    assert {item.name for item in found} == {f"cat/{i:04d}.png" for i in range(6)} | {
        f"dog/{i:04d}.png" for i in range(6, 10)
    }
    assert all((item.path is None) == copy for item in found)
    shown = images.shown(store, project_id, found[3].id)
    data, mime = shown.read(), shown.mime
    np.testing.assert_array_equal(
        np.asarray(Image.open(io.BytesIO(data))), np.asarray(Image.open(io.BytesIO(png(3))))
    )
    assert mime == "image/png"
    for path in root.rglob("*.png"):
        path.unlink()
    if copy:
        assert images.shown(store, project_id, found[3].id).read() == data
    else:
        with pytest.raises(AlcoreError):
            images.shown(store, project_id, found[3].id)


def test_a_zip_is_imported_with_what_it_cannot_use_left_out(store: Store, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
        for number in range(8):
            archive.writestr(f"{'cat' if number % 2 else 'dog'}/{number}.png", png(number))
        archive.writestr("cat/twin.png", png(1))
        archive.writestr("cat/broken.png", png(9)[:40])
        archive.writestr("dog/text.jpg", b"not an image")
    project_id = bring(store, {"kind": "archive", "path": str(tmp_path / "in.zip")})
    assert len(all_items(store, project_id)) == 8
    left_out = {file.name: file.reason for file in projects.skipped_files(store, project_id)}
    assert set(left_out) == {"cat/twin.png", "cat/broken.png", "dog/text.jpg"}
    assert "same content as cat/1.png" in left_out["cat/twin.png"]


# -- holdout and roles -------------------------------------------------------------------------


def test_the_holdout_is_random_fixed_by_the_seed_and_apart(store: Store, tmp_path: Path) -> None:
    spec = {"kind": "folder", "path": str(folder(tmp_path / "in", {"a": 30, "b": 30}))}
    held = []
    for name, seed in (("one", 1), ("again", 1), ("other", 2)):
        project_id = bring(store, spec, settings=replace(BY_HAND, seed=seed), name=name)
        found = all_items(store, project_id)
        held.append({item.position for item in found if item.split == "holdout"})
        tab = Tab(store, project_id)
        asked = set()
        while leases := tab.claim(10).leases:
            asked |= {lease.item_id for lease in leases}
            for lease in leases:
                tab.answer(lease)
        assert asked == split(store, project_id, "pool")
    assert [len(h) for h in held] == [12] * 3
    assert held[0] == held[1] != held[2]


def test_a_given_test_folder_is_the_holdout(store: Store, tmp_path: Path) -> None:
    layout = {"train/a": 6, "train/b": 6, "test/a": 2, "test/b": 3}
    spec = {"kind": "folder", "path": str(folder(tmp_path / "in", layout))}
    project_id = bring(store, spec)
    held = {i.name.split("/")[0] for i in all_items(store, project_id) if i.split == "holdout"}
    assert held == {"test"}
    assert projects.item_counts(store, project_id) == {"pool": 12, "holdout": 5}


def test_a_test_folder_alone_is_refused(store: Store, tmp_path: Path) -> None:
    spec = {"kind": "folder", "path": str(folder(tmp_path / "in", {"test/a": 3, "test/b": 3}))}
    with pytest.raises(ImportRefused, match="test folder"):
        bring(store, spec)


def test_without_classes_questions_are_drawn_for_the_holdout(store: Store, tmp_path: Path) -> None:
    spec = {"kind": "folder", "path": str(folder(tmp_path / "in", {".": 50}))}
    for known_classes in ("none", "answer key", "labels"):  # there is no key to be found here
        project_id = bring(store, spec, known_classes, classes=("cat", "dog"), name=known_classes)
        assert not projects.get(store, project_id).has_key
        assert projects.item_counts(store, project_id) == {"pool": 40, "holdout": 10}
        tab = Tab(store, project_id)
        origins = [tab.next().origin for _ in range(50)]
        assert origins.count("holdout") == 10
        assert [sum(o == "holdout" for o in origins[i : i + 5]) for i in range(0, 50, 5)] == [
            1
        ] * 10


def test_known_classes_can_be_ignored(store: Store, tmp_path: Path) -> None:
    spec = {"kind": "folder", "path": str(folder(tmp_path / "in", {"a": 10, "b": 10}))}
    project_id = bring(store, spec, "none")
    project = projects.get(store, project_id)
    assert (project.classes, project.has_key) == ((), False)
    assert all(item.true_class is None for item in all_items(store, project_id))


def test_existing_labels_are_trained_on_at_once(store: Store, tmp_path: Path) -> None:
    spec = {"kind": "folder", "path": str(folder(tmp_path / "in", {"a": 20, "b": 20, ".": 10}))}
    project_id = bring(store, spec, "labels", ProjectSettings(retrain=RetrainRule()))
    state = training.status(store, project_id)
    assert state.labels == 32 and state.job.state == "waiting"
    tab = Tab(store, project_id)
    rest = {item.id for item in all_items(store, project_id) if item.true_class is None}
    assert {lease.item_id for lease in tab.claim(20).leases} == rest
    rows = label_rows(store, project_id)
    assert len(rows) == 40 and {row["source"] for row in rows} == {"import"}
    assert (tab.status()["mine_today"], tab.status()["team_today"]) == (0, 0)


# -- odd classes -------------------------------------------------------------------------------


def test_one_class_only_is_imported_and_cannot_be_trained_yet(store: Store, tmp_path: Path) -> None:
    spec = {"kind": "folder", "path": str(folder(tmp_path / "in", {"cat": 12}))}
    made = projects.create(store, "one", {**spec, "copy": True}, "answer key", BY_HAND)
    projects.import_now(store, made, 1)
    tab = Tab(store, made)
    tab.answer(tab.next())
    with pytest.raises(AlcoreError, match="two classes"):
        training.train(store, made)
    class_list.add(store, made, ["dog"])
    tab = Tab(store, made)
    tab.answer(tab.next(), 1)
    training.train(store, made)


@pytest.mark.parametrize(
    "names",
    [
        ["cat", "cat"],
        ["cat", " cat "],
        ["caf\u00e9", "cafe\u0301"],
        [""],
        ["x" * 101],
        ["a\x07"],
        [str(i) for i in range(2001)],
    ],
)
def test_class_lists_with_doubles_or_odd_names_are_refused(store: Store, names: list[str]) -> None:
    with pytest.raises(InvalidClasses):
        projects.create(store, "new", {"kind": "digits"}, class_names=names)
    assert projects.list_projects(store) == []


def test_a_class_that_is_there_is_not_added_again(store: Store) -> None:
    made = projects.create(store, "new", {"kind": "digits"}, "none", class_names=["cat"])
    with pytest.raises(InvalidClasses):
        class_list.add(store, made, ["cat"])
    project = class_list.add(store, made, ["dog"])
    with pytest.raises(InvalidClasses):
        class_list.rename(store, made, project.classes[1].id, "cat")


def test_more_class_folders_than_can_be_trained_are_refused(store: Store, tmp_path: Path) -> None:
    root = tmp_path / "in"
    for number in range(2001):
        (root / str(number)).mkdir(parents=True)
        (root / str(number) / "a.png").write_bytes(b"")
    with pytest.raises(ImportRefused, match="2,001 class folders"):
        bring(store, {"kind": "folder", "path": str(root)})
    assert projects.get(store, 1).state == "failed"


def test_class_names_with_markup_and_quotes_survive_to_the_export(
    store: Store, tmp_path: Path
) -> None:
    usable = [name for name in HOSTILE if "/" not in name]
    spec = {"kind": "folder", "path": str(folder(tmp_path / "in", dict.fromkeys(usable, 4)))}
    project_id = bring(store, spec, "labels")
    class_list.add(store, project_id, [HOSTILE[0]])
    names = {c.name for c in projects.get(store, project_id).classes}
    assert names == set(HOSTILE)
    assert {row["class"] for row in label_rows(store, project_id)} == set(usable)
    assert b",'=1+1," in exported(store, project_id, "csv")


# -- interruptions -----------------------------------------------------------------------------


def _import(root: str, project_id: int) -> None:
    projects.import_now(Store.open(Workspace(Path(root))), project_id, 1)


def test_an_import_that_was_killed_goes_on_and_is_whole(store: Store, tmp_path: Path) -> None:
    spec = {"kind": "shapes", "size": 3000, "classes": 4, "seed": 1}
    made = projects.create(store, "many", spec, "answer key", BY_HAND)
    spawn = multiprocessing.get_context("spawn")
    process = spawn.Process(target=_import, args=(str(store.workspace.root), made))
    process.start()
    deadline = time.monotonic() + 60
    while sum(projects.item_counts(store, made).values()) < 900:
        assert process.is_alive() and time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    before = {item.id: item.content_hash for item in all_items(store, made)}
    assert 0 < len(before) < 3000
    assert labeling.claim(store, made, Tab(store, made).annotator.id, "c", 1).leases == ()
    projects.resume_import(store, made)
    assert projects.import_now(store, made, 1)
    found = all_items(store, made)
    assert {item.id: item.content_hash for item in found if item.id in before} == before
    assert len({item.content_hash for item in found}) == len(found)
    assert len(found) + len(projects.skipped_files(store, made)) == 3000
    assert [item.position for item in found] == list(range(len(found)))
    cache = PixelCache(store.workspace.project(made), 32)
    assert len(cache) == len(found)
    assert projects.get(store, made).state == "ready"
    for item in found[:: len(found) // 7]:
        data = images.shown(store, made, item.id).read()
        np.testing.assert_array_equal(
            np.asarray(Image.open(io.BytesIO(data)).convert("RGB")), cache.array()[item.position]
        )


def test_an_import_that_was_stopped_can_be_gone_on_with(store: Store, tmp_path: Path) -> None:
    spec = {"kind": "folder", "path": str(folder(tmp_path / "in", {"a": 5, "b": 5}))}
    made = projects.create(store, "stopped", spec)
    projects.stop_import(store, made)
    assert not projects.import_now(store, made, 1)
    projects.resume_import(store, made)
    assert projects.import_now(store, made, 1)
    assert projects.get(store, made).state == "ready"


def test_an_import_that_failed_says_why_and_can_be_mended(store: Store, tmp_path: Path) -> None:
    root = tmp_path / "in"
    root.mkdir()
    made = projects.create(store, "empty", {"kind": "folder", "path": str(root)})
    with pytest.raises(ImportRefused, match="empty"):
        projects.import_now(store, made, 1)
    assert projects.get(store, made).state == "failed"
    assert "empty" in projects.import_job(store, made).error
    folder(root, {"a": 5, "b": 5})
    projects.resume_import(store, made)
    assert projects.import_now(store, made, 1)
    assert projects.get(store, made).state == "ready"


# -- resolution --------------------------------------------------------------------------------


@pytest.mark.parametrize("copy", [True, False])
def test_another_resolution_fits_the_pixels_anew(store: Store, tmp_path: Path, copy: bool) -> None:
    root = folder(tmp_path / "in", {"a": 5, "b": 5})
    made = bring(store, {"kind": "folder", "path": str(root), "copy": copy})
    project = projects.get(store, made)
    before = all_items(store, made)
    projects.edit(store, project, replace(project.settings, resolution=64))
    assert projects.import_now(store, made, 1)
    assert PixelCache(store.workspace.project(made), 64).array().shape == (10, 64, 64, 3)
    assert [p.name for p in store.workspace.project(made).glob("pixels-*")] == ["pixels-64.u8"]
    assert all_items(store, made) == before


def test_training_goes_on_with_the_pixels_there_are_when_originals_are_missing(
    store: Store, tmp_path: Path
) -> None:
    root = folder(tmp_path / "in", {"a": 5, "b": 5})
    made = bring(store, {"kind": "folder", "path": str(root), "copy": False})
    before = all_items(store, made)
    (root / before[0].name).unlink()
    project = projects.get(store, made)
    projects.edit(store, project, replace(project.settings, resolution=64))
    assert projects.import_now(store, made, 1)
    job = projects.import_job(store, made)
    assert (job.state, job.args["missing"]) == ("done", 1)
    assert (
        f"{before[0].name}: the file {root / before[0].name} is no longer"
        in job.args["examples"][0]
    )
    pixels = pixels_of(store.workspace.project(made), projects.get(store, made).settings, 10)
    assert pixels.shape == (10, 64, 64, 3)
    coarse = np.asarray(Image.open(io.BytesIO(png(0))).resize((64, 64), Image.Resampling.BILINEAR))
    assert np.abs(pixels[0].astype(int) - coarse).mean() < 30
    (note,) = setup.import_notes(store, made)
    assert note.startswith("1 original could not be read") and before[0].name in note
    tab = Tab(store, made)
    for place in (0, 1):
        tab.answer(tab.next(), place)
    training.train(store, made)


def test_a_folder_that_was_moved_is_named_and_can_be_given_its_new_place(
    store: Store, tmp_path: Path
) -> None:
    root = folder(tmp_path / "disk" / "in", {"a": 5, "b": 5})
    made = bring(store, {"kind": "folder", "path": str(root), "copy": False})
    item = all_items(store, made)[0]
    shown = images.shown(store, made, item.id).read()
    assert originals.missing(store, made) == []
    (tmp_path / "disk").rename(tmp_path / "other disk")
    with pytest.raises(
        UnreadableImage, match=rf"the folder {tmp_path / 'disk'} is no longer there"
    ):
        images.shown(store, made, item.id)
    assert len(originals.missing(store, made)) == 10
    folder(tmp_path / "strangers", {"a": 1, "c": 3})
    with pytest.raises(ImportRefused, match="does not hold this project's images"):
        originals.move(store, made, str(tmp_path / "strangers" / "c"))
    (tmp_path / "other disk" / "in" / all_items(store, made)[9].name).unlink()
    originals.move(store, made, str(tmp_path / "other disk" / "in"))
    assert projects.import_now(store, made, 1)
    assert images.shown(store, made, item.id).read() == shown
    assert projects.import_job(store, made).args["missing"] == 1
    (lost,) = originals.missing(store, made)
    assert lost.reason.startswith("the file ") and "no longer there" in lost.reason


def test_copied_images_have_no_place_to_be_named(store: Store, tmp_path: Path) -> None:
    root = folder(tmp_path / "in", {"a": 5, "b": 5})
    made = bring(store, {"kind": "folder", "path": str(root), "copy": True})
    assert originals.folder_of(store, made) is None
    with pytest.raises(ImportRefused, match="were copied"):
        originals.move(store, made, str(tmp_path))


def test_seed_and_holdout_are_fixed_after_the_import(store: Store, tmp_path: Path) -> None:
    spec = {"kind": "folder", "path": str(folder(tmp_path / "in", {"a": 5, "b": 5}))}
    project = projects.get(store, bring(store, spec))
    for change in ({"seed": 9}, {"holdout": HoldoutRule(share=0.5)}):
        with pytest.raises(AlcoreError, match="fixed"):
            projects.edit(store, project, replace(project.settings, **change))


def test_the_demo_is_made_once_in_an_empty_workspace(store: Store) -> None:
    projects.ensure_demo(store, 1)
    projects.ensure_demo(store, 1)
    (demo,) = projects.list_projects(store)
    assert (demo.name, demo.state, demo.settings.resolution) == ("digits", "ready", 8)
