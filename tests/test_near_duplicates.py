"""Owns the proof that near-duplicates are found, stay together, and are answered as one."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made import BY_HAND, Tab, labels_of, project
from PIL import Image, ImageEnhance

from alcore.config import Workspace
from alcore.datasets.decoding import to_pixels
from alcore.datasets.shapes import ShapesSource
from alcore.datasets.sources import open_source
from alcore.errors import NotAllowed
from alcore.loop.queueing import swap_queue
from alcore.near_duplicates import NearIndex, components, fingerprints
from alcore.services import (
    groups,
    more_images,
    near_duplicates,
    people,
    projects,
    review,
    whole_projects,
)
from alcore.store import Store, items, labels, queue
from alcore.store import near_duplicates as rows
from alcore.store import projects as stored


@pytest.fixture
def store(workspace: Workspace) -> Iterator[Store]:
    opened = Store.open(workspace)
    yield opened
    opened.close()


def shapes(n: int) -> list[Image.Image]:
    source = ShapesSource(size=n, classes=5, seed=3)
    return [Image.open(io.BytesIO(source.read(e))).convert("RGB") for e in source.entries()]


def jpeg(image: Image.Image) -> Image.Image:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=75)
    return Image.open(io.BytesIO(out.getvalue())).convert("RGB")


COPIES = {
    "resized": lambda image: image.resize((24, 24), Image.Resampling.BICUBIC),
    "recompressed": jpeg,
    "cropped": lambda image: image.crop((1, 1, 31, 31)),
    "cropped at a corner": lambda image: image.crop((0, 0, 30, 30)),
    "darker": lambda image: ImageEnhance.Brightness(image).enhance(0.8),
}


def prints_of(images: list[Image.Image]) -> np.ndarray:
    return fingerprints(np.stack([to_pixels(image, 32) for image in images]))


# -- the search --------------------------------------------------------------------------------


def test_changed_copies_are_found_and_different_images_are_not() -> None:
    originals = shapes(300)
    copies = [change(originals[i]) for change in COPIES.values() for i in range(30)]
    found = NearIndex(prints_of(originals + copies)).pairs()
    of = np.concatenate([np.arange(300), np.tile(np.arange(30), len(COPIES))])
    assert (of[found[:, 0]] == of[found[:, 1]]).all()
    pairs = {tuple(pair) for pair in found.tolist()}
    for place, name in enumerate(COPIES):
        hits = sum((i, 300 + 30 * place + i) in pairs for i in range(30))
        assert hits >= 26, (name, hits)


def test_handwritten_digits_are_alike_and_none_is_taken_for_another() -> None:
    source = open_source({"kind": "digits"})
    images = [Image.open(io.BytesIO(source.read(e))).convert("RGB") for e in source.entries()]
    prints = fingerprints(np.stack([to_pixels(image, 8) for image in images]))
    assert len(NearIndex(prints).pairs()) == 0
    again = np.concatenate([prints, np.rint(prints[:50] * 0.8).astype(np.uint8)])
    found = {tuple(pair) for pair in NearIndex(again).pairs().tolist()}
    assert sum((i, len(prints) + i) in found for i in range(50)) >= 40
    assert all(b == len(prints) + a for a, b in found)


def test_images_without_content_are_like_none() -> None:
    blank = np.random.default_rng(0).integers(100, 103, (40, 16, 16, 3), np.uint8)
    assert len(NearIndex(blank).pairs()) == 0


def test_what_comes_later_is_compared_with_what_is_there_both_ways() -> None:
    originals = shapes(60)
    cropped = [COPIES["cropped at a corner"](image) for image in originals]
    for old, new in ((originals, cropped), (cropped, originals)):
        index = NearIndex(prints_of(old))
        index.add(prints_of(new[:30]))
        first = index.pairs(60)
        index.add(prints_of(new[30:]))
        pairs = np.concatenate([first, index.pairs(90)])
        assert len(pairs) >= 50 and (pairs[:, 1] == pairs[:, 0] + 60).all()


def test_what_is_like_the_same_image_is_in_one_group() -> None:
    chain = np.array([[4, 5], [0, 3], [3, 4], [7, 8]])
    assert components(chain, 10).tolist() == [0, -1, -1, 0, 0, 0, -1, 7, 7, -1]
    assert (components(np.zeros((0, 2), int), 3) == -1).all()


# -- a project ---------------------------------------------------------------------------------


def folder_of(root: Path, images: list[Image.Image], name: str) -> None:
    root.mkdir(parents=True, exist_ok=True)
    for i, image in enumerate(images):
        image.save(root / f"{name}{i:03}.png")


def groups_of(store: Store, project_id: int) -> list[set[str]]:
    found, _ = near_duplicates.page(store, project_id, 0, 1_000)
    return [{member.name for member in members} for members in found]


def sides(store: Store, project_id: int) -> list[set[str]]:
    found, _ = near_duplicates.page(store, project_id, 0, 1_000)
    return [{member.split for member in members} for members in found]


def test_an_import_and_later_images_never_part_near_duplicates(
    store: Store, tmp_path: Path
) -> None:
    root = tmp_path / "in"
    originals = shapes(80)
    folder_of(root, originals[:60], "a")
    folder_of(root, [COPIES["darker"](image) for image in originals[:25]], "b")
    spec = {"kind": "folder", "path": str(root), "copy": True}
    rule = replace(BY_HAND, resolution=32, holdout=replace(BY_HAND.holdout, questions=30))
    made = projects.create(store, "shapes", spec, "none", rule, ("cat", "dog"))
    projects.import_now(store, made, 1)
    now = near_duplicates.status(store, made)
    assert now.compared == now.images == 85 and now.grouping is not None
    assert now.grouping.groups == 25 and now.grouping.split == 0
    assert all(
        group == {f"a{i:03}.png", f"b{i:03}.png"} for i, group in enumerate(groups_of(store, made))
    )
    before = sides(store, made)
    assert {"holdout"} in before and {"pool"} in before
    folder_of(root, [COPIES["recompressed"](image) for image in originals[:25]], "c")
    folder_of(root, originals[60:], "d")
    folder_of(root, [COPIES["resized"](image) for image in originals[60:]], "e")
    more_images.add(store, made, spec)
    projects.import_now(store, made, 1)
    found = groups_of(store, made)
    assert len(found) == 45 and sum(len(group) for group in found) == 25 * 3 + 20 * 2
    after = sides(store, made)
    assert all(len(side) == 1 for side in after) and after[:25] == before
    assert near_duplicates.status(store, made).compared == 150
    copied = whole_projects.copy(store, made, "again")
    assert groups_of(store, copied) == found
    near_duplicates.look_now(store, copied, 1)
    assert sorted(map(sorted, groups_of(store, copied))) == sorted(map(sorted, found))


def alike(store: Store, project_id: int, *sets: tuple[int, ...]) -> list[int]:
    """Say that images at some positions are near-duplicates; return all item ids."""
    with store.write() as connection:
        ids = items.ids(connection, project_id)
        of = np.full(len(ids), -1, np.int64)
        for one in sets:
            of[list(one)] = one[0]
        rows.put(connection, project_id, ids, of)
    return ids.tolist()


def test_what_lies_in_both_is_brought_together_and_nothing_labeled_moves(store: Store) -> None:
    made = project(store, 30, held=10)
    tab = Tab(store, made)
    lease = tab.next()
    tab.answer(lease, 0)
    with store.read() as connection:
        place = items.ids(connection, made).tolist().index(lease.item_id)
    other = 1 if place != 1 else 2
    ids = alike(store, made, (place, 25), (other, 26), (27, 28))
    now = near_duplicates.status(store, made)
    assert now.grouping is not None and (now.grouping.split, now.grouping.stuck) == (2, 0)
    assert any("2 of 3 groups of near-duplicates lie both" in w for w in near_duplicates.words(now))
    ana, ben = people.annotator(store, "Ana"), people.annotator(store, "Ben")
    people.set_role(store, made, None, ana.id, "owner")
    for act in (groups.bring_together, near_duplicates.look):
        with pytest.raises(NotAllowed):
            act(store, made, ben.id)
    after = groups.bring_together(store, made, ana.id)
    assert after is not None and after.split == 0
    with store.read() as connection:
        split = {i.id: i.split for i in items.get_all(connection, made)}
    assert split[lease.item_id] == "pool" == split[ids[25]]
    assert (
        "No near-duplicates lie both"
        in near_duplicates.words(near_duplicates.status(store, made))[1]
    )


# -- one answer --------------------------------------------------------------------------------


def test_one_answer_holds_for_all_and_is_changed_and_taken_back_with_them(store: Store) -> None:
    made = project(store, 30, held=5, settings=replace(BY_HAND, answer_alike=True))
    tab = Tab(store, made)
    cat, dog = tab.classes
    lease = tab.next()
    with store.read() as connection:
        ids = items.ids(connection, made).tolist()
    place = ids.index(lease.item_id)
    group = sorted({place, 20, 21})
    alike(store, made, (*group, 28), (3, 4))
    key = tab.answer(lease, 0)
    assert labels_of(store, made) == {ids[i]: cat for i in group}, "the holdout is asked by itself"
    with store.read() as connection:
        log = labels.history(connection, made, tab.annotator.id, 50)
    assert sorted(event.origin for event, _ in log) == ["cold start", *2 * ["near-duplicate"]]
    assert all(event.key.startswith(key) for event, _ in log)
    assert tab.send(lease, 0, key=key)[1]  # sent again, nothing happens twice
    again, _ = tab.revisit(lease.item_id)
    changed = tab.answer(again, 1)
    assert labels_of(store, made) == {ids[i]: dog for i in group}
    tab.undo(changed)
    assert labels_of(store, made) == {ids[i]: cat for i in group}
    own, _ = tab.revisit(ids[21])
    tab.answer(own, 1)
    assert labels_of(store, made)[ids[21]] == dog
    assert labels_of(store, made)[ids[20]] == cat, "what somebody said of an image itself stays"
    tab.undo(key)
    assert labels_of(store, made) == {ids[21]: dog}


def test_a_label_that_is_mended_holds_for_near_duplicates_too(store: Store) -> None:
    made = project(store, 12, settings=replace(BY_HAND, answer_alike=True))
    tab = Tab(store, made)
    cat, dog = tab.classes
    lease = tab.next()
    ids = alike(store, made, tuple(range(12)))
    tab.answer(lease, 0)
    with store.read() as connection:
        seen = max(
            event.id
            for event, _ in labels.history(connection, made, tab.annotator.id, 50)
            if event.item_id == lease.item_id
        )
    mended = tab.event(lease, 1)
    review.mend(store, mended, seen)
    assert labels_of(store, made) == dict.fromkeys(ids, dog)
    review.undo(store, tab.wish(mended.key))
    assert labels_of(store, made) == dict.fromkeys(ids, cat)


def test_without_the_setting_an_answer_holds_for_one(store: Store) -> None:
    made = project(store, 10)
    alike(store, made, tuple(range(10)))
    tab = Tab(store, made)
    tab.answer(tab.next(), 0)
    assert len(labels_of(store, made)) == 1


def test_of_images_that_are_alike_one_is_asked_about_and_it_says_so(store: Store) -> None:
    made = project(store, 12, settings=replace(BY_HAND, answer_alike=True))
    ids = alike(store, made, (0, 1, 2), (5, 6))
    wanted = {"score": 1.0, "reason": "margin 0.1", "origin": "query", "suggestion": None}
    with store.write() as connection:
        there = stored.get(connection, made)
        swap_queue(connection, there, [{"item_id": i, **wanted} for i in ids], None, 0)
        queued = queue.queued(connection, made)
        reasons = {i: queue.entry(connection, made, i)["reason"] for i in queued}
    assert queued == set(ids) - {ids[1], ids[2], ids[6]}
    assert reasons[ids[0]] == "margin 0.1; labels 2 near-duplicates too"
    assert reasons[ids[5]] == "margin 0.1; labels 1 near-duplicate too"
    assert reasons[ids[3]] == "margin 0.1"
