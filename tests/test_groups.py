"""Owns the proof that groups of images lie in the holdout or in the pool, and no label moves."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from made import BY_HAND, Tab, project
from PIL import Image
from seen import look
from trained import add_round

from alcore.__main__ import main
from alcore.config import Workspace
from alcore.errors import ImportRefused, InvalidSettings, NotAllowed
from alcore.grouping import draw, settle
from alcore.loop import groups as loop_groups
from alcore.services import groups, metadata, more_images, people, projects
from alcore.services.metadata import MetadataFile
from alcore.services.pool_predictions import PredictionCache
from alcore.store import Store, items, metadata_values, queue
from alcore.store import projects as stored


@pytest.fixture
def store(workspace: Workspace) -> Iterator[Store]:
    opened = Store.open(workspace)
    yield opened
    opened.close()


NONE_ALIKE = np.zeros((0, 2), np.int64)


def splits(store: Store, project_id: int) -> dict[str, str]:
    """Read where each image lies, by name."""
    with store.read() as connection:
        return {item.name: item.split for item in items.get_all(connection, project_id)}


def sides(store: Store, project_id: int, column: str) -> dict[object, set[str]]:
    """Read in which splits each group lies."""
    with store.read() as connection:
        split = {item.id: item.split for item in items.get_all(connection, project_id)}
    known = metadata.of(store, project_id, list(split))
    result: dict[object, set[str]] = {}
    for item_id, values in known.items():
        result.setdefault(values[column], set()).add(split[item_id])
    return result


def patients(store: Store, tmp_path: Path, project_id: int, each: int) -> None:
    """Bring in a patient for every `each` images, except the last two."""
    names = sorted(splits(store, project_id), key=lambda name: int(name.split()[1][:-4]))
    rows = [f"{name},P{i // each}" for i, name in enumerate(names[:-2])]
    (tmp_path / "patients.csv").write_text("\n".join(["file,patient", *rows]))
    metadata.bring(store, project_id, MetadataFile(tmp_path / "patients.csv"))


# -- the rule ----------------------------------------------------------------------------------

MASK = some.lists(some.booleans(), min_size=40, max_size=40).map(np.array)


@settings(max_examples=150, deadline=None)
@given(some.lists(some.integers(-1, 7), min_size=40, max_size=40), MASK, MASK, MASK)
def test_what_is_fixed_never_moves_and_only_groups_with_labels_on_both_sides_stay_split(
    numbers: list[int], held: np.ndarray, fixed: np.ndarray, could: np.ndarray
) -> None:
    of = np.array(numbers)
    could = could | held
    answer = settle(of, held, fixed, could, np.random.default_rng(0))
    moved = np.concatenate([answer.to_holdout, answer.to_pool])
    assert not fixed[moved].any() and (of[moved] >= 0).all()
    assert could[answer.to_holdout].all()
    after = held.copy()
    after[answer.to_holdout], after[answer.to_pool] = True, False
    split = [g for g in range(8) if len(set(after[of == g].tolist())) == 2]
    assert len(split) == answer.stuck <= answer.split
    for g in split:
        assert (held & fixed)[of == g].any() and (~held & (fixed | ~could))[of == g].any()


@settings(max_examples=100, deadline=None)
@given(some.lists(some.integers(-1, 9), min_size=60, max_size=60), some.integers(0, 60))
def test_whole_groups_are_drawn_until_the_holdout_has_about_its_size(
    numbers: list[int], size: int
) -> None:
    of, could = np.array(numbers), np.ones(60, bool)
    held = draw(of, could, size, np.random.default_rng(1))
    for g in range(10):
        assert len(set(held[of == g].tolist())) <= 1
    largest = np.bincount(of[of >= 0], minlength=1).max(initial=1)
    assert abs(int(held.sum()) - size) <= largest


# -- a project that is there -------------------------------------------------------------------


def test_groups_are_brought_together_and_nothing_labeled_moves(
    store: Store, tmp_path: Path
) -> None:
    made = project(store, 60, held=20)
    tab = Tab(store, made)
    for i in range(6):
        tab.answer(tab.next(), i % 2)
    with store.read() as connection:
        labeled = {i for i, _ in zip(*items.labeled(connection, made), strict=True)}
        named = {item.id: item.name for item in items.get_all(connection, made)}
    patients(store, tmp_path, made, each=7)
    before = splits(store, made)
    plan = groups.preview(store, made, "patient")
    assert plan.split > 0 and plan.ungrouped == 2 and splits(store, made) == before
    answer = groups.group(store, made, "patient")
    assert answer.split == answer.stuck == 0
    assert all(len(side) == 1 for side in sides(store, made, "patient").values())
    after = splits(store, made)
    assert all(after[named[i]] == before[named[i]] for i in labeled)
    assert abs(sum(split == "holdout" for split in after.values()) - 20) <= 7
    with store.read() as connection:
        moved = {i for i, name in named.items() if after[name] != before[name]}
        assert not moved & queue.queued(connection, made)
        counts = items.count(connection, made)
    assert counts["holdout"] == sum(split == "holdout" for split in after.values())
    assert "No 'patient' lies both" in groups.words(groups.of_project(store, made))[0]
    groups.ungroup(store, made)
    assert groups.of_project(store, made) is None and splits(store, made) == after


def test_a_model_measured_before_images_moved_is_of_the_older_split(
    store: Store, tmp_path: Path
) -> None:
    made = project(store, 60, held=20)
    look(store, made)
    patients(store, tmp_path, made, each=7)
    cache = PredictionCache(store)
    before = cache.get(made)
    assert before is not None and before.open.sum() == 40
    with store.read() as connection:
        held = items.unanswered_holdout(connection, made).tolist()
    groups.group(store, made, "patient")
    with store.read() as connection:
        unlabeled = set(items.unlabeled(connection, made).tolist())
    after = cache.get(made)
    assert after is not None and set(after.item_ids[after.open].tolist()) == unlabeled
    model = add_round(store, made, 0.8, holdout_ids=held, files=False)  # dated long ago
    said = groups.since(store, made, model)
    assert f"Model {model.number} was trained and measured before images moved" in said
    assert groups.since(store, made, replace(model, created_at=time.time() + 1)) == ""


def test_a_group_with_labels_on_both_sides_stays_and_its_cost_is_said(
    store: Store, tmp_path: Path
) -> None:
    made = project(store, 8, held=4, known_classes="none")
    names = sorted(splits(store, made))
    (tmp_path / "one.csv").write_text("\n".join(["file,patient", *(f"{n},P" for n in names)]))
    metadata.bring(store, made, MetadataFile(tmp_path / "one.csv"))
    tab = Tab(store, made)
    with store.read() as connection:
        held = items.unanswered_holdout(connection, made).tolist()
    tab.answer(tab.next(), 0)
    lease, _ = tab.revisit(held[0])
    tab.answer(lease, 1)
    before = splits(store, made)
    answer = groups.group(store, made, "patient")
    assert (answer.split, answer.stuck, answer.cost) == (1, 1, 1)
    assert splits(store, made) == before
    assert any("would cost 1 labeled images their place" in w for w in groups.words(answer))


def test_who_is_no_owner_groups_nothing_and_a_column_must_be_known(
    store: Store, tmp_path: Path
) -> None:
    made = project(store, 10, held=3)
    patients(store, tmp_path, made, each=4)
    ana, ben = people.annotator(store, "Ana"), people.annotator(store, "Ben")
    people.set_role(store, made, None, ana.id, "owner")
    with pytest.raises(NotAllowed):
        groups.group(store, made, "patient", ben.id)
    with pytest.raises(InvalidSettings, match="there are: 'patient'"):
        groups.group(store, made, "site", ana.id)


# -- images that come in -----------------------------------------------------------------------


def scans(root: Path, people_of: range, each: int) -> None:
    for patient in people_of:
        for i in range(each):
            place = root / f"p{patient}"
            place.mkdir(parents=True, exist_ok=True)
            noise = np.random.default_rng(100 * patient + i).integers(0, 256, (8, 8, 3), np.uint8)
            Image.fromarray(noise).save(place / f"{i}.png")


def test_an_import_draws_whole_groups_and_later_images_follow_theirs(
    store: Store, tmp_path: Path
) -> None:
    root = tmp_path / "in"
    scans(root, range(12), 5)
    spec = {"kind": "folder", "path": str(root), "copy": True}
    rule = replace(BY_HAND, resolution=8)
    made = projects.create(store, "scans", spec, "none", rule, ("cat", "dog"))
    metadata.before_import(store, made, metadata.Wish("{patient}/*", True, group="patient"))
    projects.import_now(store, made, 1)
    before = sides(store, made, "patient")
    held = {patient for patient, side in before.items() if side == {"holdout"}}
    assert len(before) == 12 and 0 < len(held) < 12
    assert all(len(side) == 1 for side in before.values())
    scans(root, range(24), 6)  # one more of each, and twelve new patients
    more_images.add(store, made, spec)
    projects.import_now(store, made, 1)
    metadata.read_now(store, made, 1)
    after = sides(store, made, "patient")
    assert len(after) == 24 and all(len(side) == 1 for side in after.values())
    assert {patient for patient in held if after[patient] == {"holdout"}} == held
    share = sum(s == "holdout" for s in splits(store, made).values()) / (24 * 6)
    first = 5 * len(held) / 60
    assert abs(share - first) <= 0.1


def test_a_table_that_comes_with_the_images_keeps_its_groups_together(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    root, table = tmp_path / "in", tmp_path / "of scans.csv"
    scans(root, range(12), 5)
    rows = [f"p{p}/{i}.png,{'north' if p % 2 else ''},N{p}\n" for p in range(12) for i in range(5)]
    table.write_text("file,ward,patient\n" + "".join(rows))
    monkeypatch.setenv("ALCORE_WORKSPACE", str(store.workspace.root))
    bring = ("import", str(root), "--role", "none", "--metadata", str(table), "--group")
    assert main([*bring, "site"], standalone_mode=False)
    assert "'site' is none of: ward, patient" in capsys.readouterr().err
    main([*bring, "patient"], standalone_mode=False)
    (made,) = projects.list_projects(store)
    split = sides(store, made.id, "patient")
    assert len(split) == 12 and all(len(side) == 1 for side in split.values())
    assert 0 < sum(side == {"holdout"} for side in split.values()) < 12
    known = {c.column.name: c for c in metadata.known(store, made.id).columns}
    assert known["patient"].column.grouping and known["ward"].extent.images == 30
    assert not list(store.workspace.project(made.id).glob("waiting-table*"))


def test_a_table_that_names_none_of_the_images_stops_the_import_with_both_names(
    store: Store, tmp_path: Path
) -> None:
    scans(tmp_path / "in", range(3), 2)
    table = tmp_path / "of others.csv"
    table.write_text("file,patient\nwho.png,A\n")
    spec = {"kind": "folder", "path": str(tmp_path / "in")}
    made = projects.create(store, "scans", spec, "none", replace(BY_HAND, resolution=8))
    metadata.before_import(store, made, metadata.Wish(table=metadata.table_for_import(table)))
    with pytest.raises(ImportRefused, match=r"of others.csv names none .* such as 'who.png'"):
        projects.import_now(store, made, 1)
    assert projects.get(store, made).state == "failed"


def test_a_group_that_is_no_part_of_the_path_is_refused_before_the_import() -> None:
    with pytest.raises(InvalidSettings, match="'site' is none of: patient"):
        metadata.check_wish(metadata.Wish("{patient}/*", group="site"))


def test_a_group_that_comes_in_two_parts_follows_its_first_part(store: Store) -> None:
    made = project(store, 40, held=10)
    metadata.add_path(store, made, "image {number}.png")
    metadata.read_now(store, made, 1)
    with store.write() as connection:
        new = metadata_values.MetadataColumn(0, "patient", "text", "path", "{patient}/*", 0, True)
        number = metadata_values.begin(connection, made, new, 1.0)
        metadata_values.accept(connection, number, None)
        there = stored.get(connection, made)
        lie: dict[str, set[str]] = {}
        for part in range(6):  # as an import commits them
            rows = [row(made, 40 + 5 * part + i, f"p{i}/{part}.png") for i in range(5)]
            assert loop_groups.split_new(connection, there, rows, False, 2, NONE_ALIKE)
            items.add(connection, rows)
            loop_groups.note_new(connection, made, rows)
            for one in rows:
                lie.setdefault(one["name"].split("/")[0], set()).add(one["split"])
    assert len(lie) == 5 and all(len(side) == 1 for side in lie.values())
    assert {"holdout"} in lie.values() and {"pool"} in lie.values()


def row(project_id: int, position: int, name: str) -> dict:
    return {
        "project_id": project_id, "position": position, "name": name,
        "content_hash": f"{position:032d}", "width": 8, "height": 8, "split": "pool",
        "true_class": None, "offset": None, "length": None, "path": None,
    }  # fmt: skip
