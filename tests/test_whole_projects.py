"""Owns the proof that whole projects can be archived, copied and deleted for real."""

from __future__ import annotations

import shutil
import time
from dataclasses import replace
from pathlib import Path

import pytest
from made import BY_HAND, Tab, exported, label_rows, labels_of, project
from sqlalchemy import select, text

from alcore.config import Workspace
from alcore.errors import (
    AlcoreError,
    DuplicateProject,
    InvalidSettings,
    NotAllowed,
    ProjectArchived,
    UnknownProject,
    WorkspaceBusy,
)
from alcore.records import Webhook
from alcore.services import (
    audit,
    classes,
    comments,
    grid,
    guidelines,
    projects,
    review,
    rights,
    snapshots,
    team,
    training,
    whole_projects,
)
from alcore.store import Store, jobs, removal, soundness, webhooks
from alcore.store.experiment_tables import metadata


@pytest.fixture
def store(workspace: Workspace) -> Store:
    opened = Store.open(workspace)
    yield opened
    opened.close()


def digits(store: Store, name: str = "digits") -> int:
    """Import the handwritten digits, with pixels on disk."""
    settings = replace(BY_HAND, resolution=8)
    made = projects.create(store, name, {"kind": "digits"}, "answer key", settings)
    projects.import_now(store, made, 1)
    return made


def rows_of(store: Store, project_id: int) -> dict[str, int]:
    """Count the rows that a project has, by table."""
    with store.read() as connection:
        return {
            table.name: n
            for table in metadata.sorted_tables
            if "project_id" in table.c
            and (
                n := len(
                    connection.execute(
                        select(table.c.project_id).where(table.c.project_id == project_id)
                    ).all()
                )
            )
        }


def folder_of(store: Store, project_id: int) -> Path:
    return store.workspace.project(project_id)


# -- deleted -----------------------------------------------------------------------------------


def test_a_deleted_project_leaves_neither_rows_nor_files_and_its_id_is_never_given_again(
    store: Store,
) -> None:
    other = project(store, name="other")
    made = digits(store)
    tab = Tab(store, made)
    for place in range(6):
        tab.answer(tab.next(), place)
    classes.merge(store, made, [tab.classes[1]], tab.classes[0])
    comments.add(store, made, tab.annotator.id, key="k", item_id=tab.next().item_id, text="x")
    snapshots.make(store, made, "first")
    with store.write() as connection:
        hook = Webhook(0, made, "https://hooks.example/", "secret", ("model",), time.time())
        webhooks.add(connection, hook)
        webhooks.note(connection, made, "model", {"model": 1}, time.time())
    seen = store.workspace.renditions / str(made) / "x.png"
    seen.parent.mkdir(parents=True)
    seen.write_bytes(bytes(1000))
    weight = whole_projects.weigh(store, made)
    size = sum(f.stat().st_size for f in folder_of(store, made).rglob("*") if f.is_file())
    assert (weight.images, weight.labels, weight.size) == (1797, 6, size + 1000)
    freed = whole_projects.delete(store, made, "digits")
    assert freed == weight
    assert set(rows_of(store, made)) <= {"audit_event"}
    assert not folder_of(store, made).exists() and not seen.parent.exists()
    with pytest.raises(UnknownProject):
        projects.get(store, made)
    with pytest.raises(UnknownProject):
        rights.check(store, "take part", tab.annotator.id, made)
    assert [p.id for p in projects.list_projects(store, archived=True)] == [other]
    assert rights.visible(store, tab.annotator.id)[0].id == other
    with store.read() as connection:
        assert soundness.problems(connection) == [] and soundness.stale(connection) == []
        assert soundness.miscounted(connection) == []
        assert webhooks.next_due(connection) is None
    assert digits(store) > made  # the name is free again, the id is not
    with pytest.raises(UnknownProject):
        tab.answer(Tab(store, other).next(), 0)


def test_a_project_is_deleted_only_under_its_own_name_and_by_an_owner(store: Store) -> None:
    made = project(store)
    tab = Tab(store, made)
    tab.next()
    with pytest.raises(InvalidSettings, match="type its name, 'animals'"):
        whole_projects.delete(store, made, "animal")
    with store.write() as connection:
        connection.execute(text("UPDATE member SET role = 'owner'"))
    ben = Tab(store, made, "Ben")
    with pytest.raises(NotAllowed):
        whole_projects.delete(store, made, "animals", ben.annotator.id)
    with pytest.raises(NotAllowed):
        whole_projects.copy(store, made, "mine", by=ben.annotator.id)
    assert projects.get(store, made).name == "animals"
    whole_projects.delete(store, made, " animals ", tab.annotator.id)


def test_a_running_job_is_ended_first_or_nothing_is_deleted(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = project(store)
    monkeypatch.setattr(whole_projects, "PATIENCE", 0.0)
    with store.write() as connection:
        jobs.request(connection, made, "train", time.time())
        jobs.request(connection, made, "label_check", time.time())
        job = jobs.take(connection, ["train"], "somebody", time.time() + 60)
    with pytest.raises(WorkspaceBusy, match="does not end"):
        whole_projects.delete(store, made, "animals")
    assert projects.get(store, made).name == "animals"
    with store.read() as connection:
        assert jobs.get(connection, job.id).cancel_requested
        assert jobs.newest(connection, made, "label_check").state == "cancelled"
    with store.write() as connection:  # its process has seen that and ended
        jobs.fail(connection, job.id, job.attempt, time.time(), "stopped", cancelled=True)
    whole_projects.delete(store, made, "animals")
    assert rows_of(store, made).keys() <= {"audit_event"}


def test_what_a_crash_leaves_of_a_deletion_is_finished_at_the_next_start(store: Store) -> None:
    made, other = digits(store), project(store)
    with store.write() as connection:
        removal.mark(connection, made, time.time())
    with pytest.raises(UnknownProject):
        projects.get(store, made)
    whole_projects.finish_deletions(store)
    assert rows_of(store, made).keys() <= {"audit_event"}
    assert not folder_of(store, made).exists()
    assert projects.get(store, other).id == other
    whole_projects.finish_deletions(store)


def test_the_demo_does_not_come_back_once_it_was_deleted(store: Store) -> None:
    projects.ensure_demo(store, 1)
    (demo,) = projects.list_projects(store)
    whole_projects.delete(store, demo.id, "digits")
    projects.ensure_demo(store, 1)
    assert projects.list_projects(store, archived=True) == []


def test_the_logs_of_a_project_that_is_there_stay_append_only(store: Store) -> None:
    made = project(store)
    tab = Tab(store, made)
    tab.answer(tab.next(), 0)
    for table in ("label_event", "class_event"):
        classes.rename(store, made, tab.classes[0], f"new {table}")
        with pytest.raises(Exception, match="append-only"), store.sweep() as connection:
            connection.execute(text(f"DELETE FROM {table}"))
    assert len(labels_of(store, made)) == 1


# -- copied ------------------------------------------------------------------------------------


def test_a_copy_has_the_images_classes_and_settings_and_a_life_of_its_own(store: Store) -> None:
    made = digits(store)
    tab = Tab(store, made)
    classes.describe(store, made, tab.classes[3], "Two bows.")
    classes.merge(store, made, [tab.classes[9]], tab.classes[8])
    image = tab.next()
    tab.answer(image, 2)
    guidelines.choose(store, made, tab.annotator.id, image.item_id, tab.classes[2])
    new = whole_projects.copy(store, made, "digits again")
    here, there = projects.get(store, made), projects.get(store, new)
    assert [(c.name, c.description) for c in there.classes] == [
        (c.name, c.description) for c in here.classes
    ]
    assert (there.settings, there.channels, there.state) == (
        here.settings,
        here.channels,
        "ready",
    )
    assert projects.item_counts(store, new) == projects.item_counts(store, made)
    assert labels_of(store, new) == {}
    mine, theirs = folder_of(store, made), folder_of(store, new)
    pixels = next(mine.glob("pixels-*"))
    assert (theirs / pixels.name).read_bytes() == pixels.read_bytes()
    assert len(guidelines.of_project(store, new)) == 1
    whole_projects.delete(store, made, "digits")
    other = Tab(store, new)
    other.answer(other.next(), 0)
    assert len(labels_of(store, new)) == 1
    with store.read() as connection:
        assert soundness.problems(connection) == []


def test_a_copy_with_labels_says_the_same_of_every_image(store: Store) -> None:
    made = project(store, classes=("cat", "dog", "tiger"))
    ana, ben = Tab(store, made), Tab(store, made, "Ben")
    for place in range(6):
        ana.answer(ana.next(), place % 3)
    ben.answer(ben.next(), 0, kind="unsure")
    undone = ana.answer(ana.next(), 1)
    ana.undo(undone)
    classes.merge(store, made, [ana.classes[2]], ana.classes[0])
    folder_of(store, made).mkdir(parents=True, exist_ok=True)
    new = whole_projects.copy(store, made, "again", with_labels=True)

    def said(project_id: int) -> list[tuple]:
        keys = ("file", "class", "annotator", "time", "seconds")
        return [tuple(row.get(key) for key in keys) for row in label_rows(store, project_id)]

    assert said(new) == said(made) and len(said(new)) == 6
    with store.read() as connection:
        assert soundness.stale(connection) == []


def test_a_copy_that_cannot_be_leaves_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = digits(store)
    with pytest.raises(DuplicateProject):
        whole_projects.copy(store, made, "digits")
    with pytest.raises(InvalidSettings):
        whole_projects.copy(store, made, "")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copyfile", full)
        with pytest.raises(AlcoreError, match="No space left"):
            whole_projects.copy(store, made, "again")
    with store.write() as connection:
        jobs.request(connection, made, "import", time.time())
    with pytest.raises(WorkspaceBusy, match="coming in"):
        whole_projects.copy(store, made, "again")
    assert [p.name for p in projects.list_projects(store)] == ["digits"]
    assert [p.name for p in (store.workspace.root / "projects").iterdir()] == [str(made)]


# -- archived ----------------------------------------------------------------------------------


def test_an_archived_project_can_be_read_and_not_changed(store: Store) -> None:
    made = project(store, classes=("cat", "dog"))
    tab = Tab(store, made)
    image, more, other = tab.claim(3).leases
    key = tab.answer(image, 0)
    tab.answer(other, 1)
    before = exported(store, made)
    projects.archive(store, made)
    wishes = {
        "answer": lambda: tab.answer(more, 1),
        "undo": lambda: tab.undo(key),
        "revisit": lambda: tab.revisit(image.item_id),
        "rename": lambda: classes.rename(store, made, tab.classes[0], "x"),
        "add": lambda: classes.add(store, made, ["x"]),
        "edit": lambda: projects.edit(
            store, projects.get(store, made), replace(BY_HAND, batch_size=7)
        ),
        "train": lambda: training.train(store, made),
        "comment": lambda: comments.add(
            store, made, tab.annotator.id, key="c", item_id=image.item_id, text="x"
        ),
        "check": lambda: review.check_again(store, made, tab.annotator.id),
        "last word": lambda: team.adjudicate(
            store, made, tab.annotator.id, key="a", item_id=image.item_id, class_id=tab.classes[0]
        ),
        "snapshot": lambda: snapshots.make(store, made, "x"),
        "undo lot": lambda: grid.undo_lot(store, tab.wish("x"), tab.client),
    }
    for what, wish in wishes.items():
        with pytest.raises(ProjectArchived):
            print(what, wish())
    assert exported(store, made) == before
    assert tab.claim(3).leases == ()
    assert made not in [p.id for p in projects.list_projects(store)]
    projects.archive(store, made, away=False)
    tab.answer(more, 1)
    assert len(labels_of(store, made)) == 3


def test_what_becomes_of_projects_is_in_the_audit_log(store: Store) -> None:
    made = digits(store)
    new = whole_projects.copy(store, made, "again")
    said = [audit.words(e) for e in audit.of_project(store, new, None)]
    assert said == ["copied the project from digits"]
    whole_projects.delete(store, new, "again")
    with store.read() as connection:
        details = connection.execute(
            text("SELECT CAST(details AS VARCHAR) FROM audit_event WHERE act = 'delete project'")
        ).scalar_one()
    assert '"again"' in details and "1797" in details
