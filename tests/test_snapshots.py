"""Owns the proof that a snapshot gives back the same files, whatever comes after it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from made import BY_HAND, Tab, exported, project
from sqlalchemy import text
from trained import add_round

from alcore.config import TeamRule, Workspace
from alcore.errors import InvalidSettings, NotAllowed, UnknownItem
from alcore.services import classes, comments, dashboard, exporting, snapshots
from alcore.services.exporting import FORMATS, Wish
from alcore.store import Store


@pytest.fixture
def store(workspace: Workspace) -> Store:
    opened = Store.open(workspace)
    yield opened
    opened.close()


def written(store: Store, project_id: int, form: str, snapshot: int | None = None) -> bytes:
    wish = Wish(form, snapshots.KEPT, snapshot=snapshot)
    return b"".join(exporting.prepare(store, project_id, wish).blocks())


@pytest.fixture
def busy(store: Store) -> tuple[int, Tab, Tab]:
    """A project with labels of two people, notes, comments and an unsure."""
    settings = replace(BY_HAND, team=TeamRule(answers=2, overlap_share=0.5))
    project_id = project(store, classes=("cat", "Tiger, wild", "قطة"), settings=settings)
    ana, ben = Tab(store, project_id), Tab(store, project_id, "=Ben")
    for tab in (ana, ben):
        for place, image in enumerate(tab.claim(9).leases):
            tab.answer(image, place % 3)
    image = ana.next()
    ana.answer(image, 0, kind="unsure")
    comments.add(
        store, project_id, ana.annotator.id, key="c", item_id=1, text='a "remark"\nof two lines'
    )
    return project_id, ana, ben


TABLES = [name for name, form in FORMATS.items() if form.content == "labels"]


@pytest.mark.parametrize("form", TABLES)
def test_a_snapshot_gives_the_same_file_after_all_that_can_come(
    store: Store, busy: tuple[int, Tab, Tab], form: str
) -> None:
    project_id, ana, ben = busy
    before = written(store, project_id, form)
    made = snapshots.make(store, project_id, "first")
    (kept,) = snapshots.of_project(store, project_id)
    assert written(store, project_id, form, kept.id) == before
    ana.answer(ana.next(), 1)
    classes.rename(store, project_id, ana.classes[0], "lion")
    classes.merge(store, project_id, [ana.classes[1]], ana.classes[0])
    classes.delete(store, project_id, ana.classes[2], take_back=True)
    image, _ = ben.revisit(1)
    ben.answer(image, 0)
    comments.add(store, project_id, ana.annotator.id, key="d", item_id=1, text="later")
    with store.write() as connection:
        connection.execute(text("UPDATE annotator SET name = 'Anna' WHERE name = 'Ana'"))
        connection.execute(text("UPDATE project SET name = 'other'"))
    assert written(store, project_id, form) != before
    assert written(store, project_id, form, kept.id) == before
    assert exporting.outlook(store, project_id)[1] != made.revision


def test_a_part_can_be_left_out_of_a_snapshots_file(
    store: Store, busy: tuple[int, Tab, Tab]
) -> None:
    project_id, *_ = busy
    snapshots.make(store, project_id, "first")
    (kept,) = snapshots.of_project(store, project_id)
    for parts in ((), ("seconds",), ("provenance", "votes"), ("remarks", "revision")):
        for form in TABLES:
            now = Wish(form, parts)
            then = replace(now, snapshot=kept.id)
            assert b"".join(exporting.prepare(store, project_id, then).blocks()) == b"".join(
                exporting.prepare(store, project_id, now).blocks()
            )


def test_bad_wishes_are_refused_in_words(store: Store, busy: tuple[int, Tab, Tab]) -> None:
    project_id, ana, ben = busy
    snapshots.make(store, project_id, " first  paper ")
    (kept,) = snapshots.of_project(store, project_id)
    assert kept.name == "first paper"
    with pytest.raises(InvalidSettings, match="already"):
        snapshots.make(store, project_id, "first paper")
    for name in ("", "x" * 101, "a\x07"):
        with pytest.raises(InvalidSettings, match="1 to 100"):
            snapshots.make(store, project_id, name)
    with pytest.raises(InvalidSettings, match="what a model says"):
        exporting.prepare(store, project_id, Wish("csv", ("probabilities",), snapshot=kept.id))
    with pytest.raises(UnknownItem):
        exporting.prepare(store, project_id, Wish("csv", (), snapshot=99))
    with pytest.raises(UnknownItem, match="'first paper'"):
        snapshots.named(store, project_id, "second")
    with pytest.raises(InvalidSettings, match="no labels"):
        snapshots.make(store, project(store, name="empty"), "x")
    with store.write() as connection:
        connection.execute(
            text("UPDATE member SET role = 'owner' WHERE annotator_id = :a"),
            {"a": ana.annotator.id},
        )
    for wish in (
        lambda: snapshots.make(store, project_id, "x", ben.annotator.id),
        lambda: snapshots.remove(store, project_id, kept.id, ben.annotator.id),
    ):
        with pytest.raises(NotAllowed):
            wish()
    snapshots.remove(store, project_id, kept.id, ana.annotator.id)
    assert snapshots.of_project(store, project_id) == []


def test_a_snapshots_name_stands_beside_the_models_that_learned_from_it(
    store: Store, busy: tuple[int, Tab, Tab]
) -> None:
    project_id, *_ = busy
    made = snapshots.make(store, project_id, "first")
    summary = add_round(store, project_id, 0.8, holdout_ids=(), files=False)
    (row,) = dashboard.round_table(
        [replace(summary, revision=made.revision)], snapshots.names_of(store, project_id)
    )
    assert (row["label set"], row["snapshot"]) == (made.revision, "first")
    assert exported(store, project_id)
