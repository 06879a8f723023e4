"""Owns the proof that the database is what the tables say, opens safely and says why it cannot."""

from __future__ import annotations

import json
import multiprocessing
import os
import sqlite3
import time
from dataclasses import fields
from pathlib import Path

import made
import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import insert, select, text, update
from sqlalchemy.exc import DatabaseError, IntegrityError

from alcore.config import ProjectSettings, Workspace
from alcore.errors import WorkspaceUnusable
from alcore.records import NewEvent
from alcore.store import (
    Store,
    checkpoints,
    experiments,
    items,
    jobs,
    label_checks,
    labels,
    leasing,
    migrate,
    projects,
    sqlite,
    votes,
)
from alcore.store.experiment_tables import metadata
from alcore.store.tables import answer, job, label_event


@pytest.fixture
def workspace(bare_workspace: Workspace) -> Workspace:
    """What makes a database is what these tests are about."""
    return bare_workspace


@pytest.fixture
def store(workspace: Workspace) -> Store:
    opened = Store.open(workspace)
    yield opened
    opened.close()


def test_the_migrations_make_what_the_tables_say(store: Store) -> None:
    with store.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_a_new_database_is_at_the_newest_revision(store: Store) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrate.__file__).parent / "migrations"))
    assert ScriptDirectory.from_config(config).get_heads() == [migrate.HEAD]
    with store.read() as connection:
        version = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    assert version == migrate.HEAD


def test_a_workspace_of_the_first_version_is_brought_up_to_date(workspace: Workspace) -> None:
    made.old_database(workspace, "0001")
    settings = ProjectSettings().to_json()
    del settings["learner"]  # that version did not know it
    with sqlite3.connect(workspace.database) as old:
        old.execute(
            "INSERT INTO project (name, settings, state, source, role, created_at) "
            "VALUES ('old', ?, 'ready', '{}', 'none', 0)",
            (json.dumps(settings),),
        )
    old.close()
    store = Store.open(workspace)
    with store.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
        (project,) = projects.all_projects(connection)
    assert project.settings == ProjectSettings()
    store.close()


def test_a_database_with_the_words_of_before_says_the_same_in_those_of_today(
    workspace: Workspace,
) -> None:
    made.old_database(workspace, "0008")
    summary = {"teaching": {"network": "small CNN", "weights": "model 1", "notes": ["a note"]}}
    with sqlite3.connect(workspace.database) as old:
        for table, values in (
            ("annotator", {"id": 1, "name": "Ana", "created_at": 0}),
            ("project", {"id": 1, "name": "old", "settings": "{}", "state": "ready", "source": "{}",
                "role": "answer key", "instant": 7, "created_at": 0}),
            ("project_class", {"id": 1, "project_id": 1, "name": "cat", "position": 0,
                "created_at": 0}),
            ("item", {"id": 1, "project_id": 1, "position": 0, "name": "a.png",
                "content_hash": "h", "width": 8, "height": 8, "split": "pool"}),
            ("label_event", {"id": 1, "project_id": 1, "item_id": 1, "annotator_id": 1,
                "kind": "label", "class_id": 1, "key": "k", "created_at": 5, "origin": "query",
                "instant": 3}),
            ("opinion", {"item_id": 1, "project_id": 1, "event_id": 1, "class_id": 1, "p": 0.9,
                "p_label": 0.9, "doubt": -0.8, "flagged": 0, "created_at": 6}),
            ("job", {"id": 1, "project_id": 1, "kind": "review", "state": "waiting", "args": "{}",
                "not_before": 0, "created_at": 0}),
            ("round", {"id": 1, "project_id": 1, "number": 1, "created_at": 4, "last_event": 1,
                "labels": 1, "summary": json.dumps(summary)}),
            ("experiment", {"id": 1, "name": "e", "grid": '{"trials": 3}', "created_at": 0}),
        ):  # fmt: skip
            columns, marks = ", ".join(values), ", ".join("?" * len(values))
            old.execute(f"INSERT INTO {table} ({columns}) VALUES ({marks})", [*values.values()])
    old.close()
    store = Store.open(workspace)
    with store.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
        assert projects.get(connection, 1).has_key
        assert projects.head_labels(connection, 1) == 7
        assert labels.by_key(connection, "k").head_labels == 3
        assert label_checks.beliefs(connection, 1) == {1: (1, 0.9, 1, 0.9)}
        assert label_checks.last_check(connection, 1) == (6, 1)
        assert jobs.newest(connection, 1, "label_check").state == "waiting"
        body = json.loads(connection.execute(text("SELECT summary FROM round")).scalar())
        assert body["recipe"] == summary["teaching"] and "teaching" not in body
        assert experiments.named(connection, "e").design == {"trials": 3}
    store.close()


def test_labels_from_before_the_verdict_was_a_view_count_on(workspace: Workspace) -> None:
    made.old_database(workspace, "0009")
    with sqlite3.connect(workspace.database) as old:
        for table, values in (
            ("project", {"id": 1, "name": "p", "settings": json.dumps(ProjectSettings().to_json()),
                "state": "ready", "source": "{}", "known_classes": "none", "created_at": 0}),
            ("project_class", {"id": 1, "project_id": 1, "name": "a", "position": 0,
                "created_at": 0}),
            ("project_class", {"id": 2, "project_id": 1, "name": "b", "position": 1,
                "created_at": 0}),
            ("item", {"id": 1, "project_id": 1, "position": 0, "name": "i.png",
                "content_hash": "0" * 32, "width": 8, "height": 8, "split": "pool",
                "answers": 3}),
            ("annotator", {"id": 1, "name": "Ana", "created_at": 0}),
            ("annotator", {"id": 2, "name": "Ben", "created_at": 0}),
            ("annotator", {"id": 3, "name": "Cleo", "created_at": 0}),
            ("label_event", {"project_id": 1, "item_id": 1, "annotator_id": 1, "kind": "label",
                "class_id": 1, "key": "k1", "created_at": 5, "origin": "query"}),
            ("label_event", {"project_id": 1, "item_id": 1, "annotator_id": 2, "kind": "label",
                "class_id": 2, "key": "k2", "created_at": 6, "origin": "query"}),
            ("lease", {"token": "t", "item_id": 1, "project_id": 1, "annotator_id": 3,
                "client": "c", "expires_at": 9e9, "origin": "query"}),
        ):  # fmt: skip
            columns, marks = ", ".join(values), ", ".join("?" * len(values))
            old.execute(f"INSERT INTO {table} ({columns}) VALUES ({marks})", [*values.values()])
    old.close()
    store = Store.open(workspace)
    cleo = made.Tab(store, 1, "Cleo")
    assert made.labels_of(store, 1) == {1: 2}  # of as many votes the newest
    with store.read() as connection:
        lease = leasing.of_person(connection, 1, cleo.annotator.id)
    key = cleo.answer(lease, 0)
    assert made.labels_of(store, 1) == {1: 1}
    with store.write() as connection:
        assert votes.set_consensus(connection, 1, {1: 2}) == 1
        assert votes.count_majority(connection, 1) == 1
    assert made.labels_of(store, 1) == {1: 1}
    cleo.undo(key)
    assert made.labels_of(store, 1) == {1: 2}
    store.close()


def test_an_empty_file_becomes_a_database(workspace: Workspace) -> None:
    workspace.database.touch()
    store = Store.open(workspace)
    assert made.project(store) == 1
    store.close()


def _open_and_write(root: str, name: str, start: float) -> None:
    time.sleep(max(0.0, start - time.time()))
    store = Store.open(Workspace(Path(root)))
    with store.write() as connection:
        labels.annotator_named(connection, name, 0.0)
    store.close()


def test_processes_that_open_a_fresh_workspace_at_once_all_succeed(workspace: Workspace) -> None:
    spawn = multiprocessing.get_context("spawn")
    start = time.time() + 2
    openers = [
        spawn.Process(target=_open_and_write, args=(str(workspace.root), f"name {i}", start))
        for i in range(3)
    ]
    for opener in openers:
        opener.start()
    for opener in openers:
        opener.join()
    assert [opener.exitcode for opener in openers] == [0] * 3
    store = Store.open(workspace)
    with store.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM annotator")).scalar() == 3
    store.close()


def test_connections_are_durable_and_checked(store: Store) -> None:
    module, wal = sqlite.driver()
    for transaction in (store.read, store.write):
        with transaction() as connection:
            ask = {
                name: connection.execute(text(f"PRAGMA {name}")).scalar()
                for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
            }
        assert ask == {
            "journal_mode": "wal" if wal else "truncate",
            "synchronous": 2,
            "foreign_keys": 1,
            "busy_timeout": 30_000,
        }
    assert wal != sqlite.has_wal_reset_bug(module.sqlite_version_info)


@pytest.mark.parametrize(
    ("version", "bug"),
    [
        ((3, 40, 1), True),
        ((3, 44, 5), True),
        ((3, 44, 6), False),
        ((3, 45, 0), True),
        ((3, 50, 6), True),
        ((3, 50, 7), False),
        ((3, 51, 2), True),
        ((3, 51, 3), False),
        ((3, 53, 0), False),
        ((4, 0, 0), False),
    ],
)
def test_a_write_ahead_log_needs_a_sqlite_without_the_reset_bug(
    version: tuple[int, int, int], bug: bool
) -> None:
    assert sqlite.has_wal_reset_bug(version) is bug


def test_label_events_can_be_neither_changed_nor_deleted(store: Store) -> None:
    tab = made.Tab(store, made.project(store))
    tab.answer(tab.next())
    for change in (
        update(label_event).values(seconds=0.0),
        label_event.delete(),
        text("INSERT OR REPLACE INTO label_event SELECT * FROM label_event"),
    ):
        with pytest.raises(DatabaseError), store.write() as connection:
            connection.execute(change)
    assert len(made.labels_of(store, tab.project_id)) == 1


def test_a_new_event_has_the_columns_of_the_log() -> None:
    assert {field.name for field in fields(NewEvent)} | {"id"} == set(label_event.c.keys())


def test_an_event_is_undone_once_at_most(store: Store) -> None:
    tab = made.Tab(store, made.project(store))
    tab.undo(tab.answer(tab.next()))
    with store.read() as connection:
        undo = (
            connection.execute(select(label_event).where(label_event.c.kind == "undo"))
            .one()
            ._mapping
        )
    again = {**undo, "id": None, "key": "another"}
    with pytest.raises(IntegrityError), store.write() as connection:
        connection.execute(insert(label_event).values(again))


def test_a_failed_transaction_leaves_nothing(store: Store) -> None:
    project_id = made.project(store)
    with pytest.raises(ZeroDivisionError), store.write() as connection:
        labels.annotator_named(connection, "Ana", 0.0)
        raise ZeroDivisionError
    with store.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM annotator")).scalar() == 0
        assert items.count(connection, project_id) == {"pool": 30, "holdout": 0}


def test_a_reader_sees_one_state_throughout(store: Store) -> None:
    tab = made.Tab(store, made.project(store))
    with store.read() as connection:
        before = connection.execute(text("SELECT count(*) FROM label_event")).scalar()
        tab.answer(tab.next())
        after = connection.execute(text("SELECT count(*) FROM label_event")).scalar()
    assert (before, after) == (0, 0)
    assert len(made.labels_of(store, tab.project_id)) == 1


def test_a_second_waiting_or_running_job_of_a_kind_is_refused(store: Store) -> None:
    project_id = made.project(store)
    values = {
        "project_id": project_id,
        "kind": "train",
        "args": {},
        "not_before": 0.0,
        "created_at": 0.0,
    }
    for state in ("waiting", "running"):
        with store.write() as connection:
            connection.execute(insert(job).values(state=state, **values))
        with pytest.raises(IntegrityError), store.write() as connection:
            connection.execute(insert(job).values(state=state, **values))


def test_current_answers_are_what_the_log_says(store: Store) -> None:
    tab = made.Tab(store, made.project(store, held=5))
    keys = [
        tab.answer(tab.next(), i % 2, kind="unsure" if i % 7 == 3 else "label") for i in range(20)
    ]
    for key in keys[::3]:
        tab.undo(key)
    lease, _ = tab.revisit(tab.undo(keys[1]).item_id)
    tab.undo(tab.answer(lease, 1))
    by_hand = text(
        """
        SELECT e.item_id, e.id FROM label_event e
        WHERE e.kind IN ('label', 'import', 'unsure')
          AND NOT EXISTS (SELECT 1 FROM label_event u WHERE u.undoes = e.id)
          AND NOT EXISTS (
            SELECT 1 FROM label_event later
            WHERE later.item_id = e.item_id AND later.id > e.id AND later.kind != 'skip'
              AND later.kind != 'undo'
              AND NOT EXISTS (SELECT 1 FROM label_event u WHERE u.undoes = later.id))
        """
    )
    with store.read() as connection:
        kept = connection.execute(select(answer.c.item_id, answer.c.event_id)).all()
        logged = connection.execute(by_hand).all()
    assert sorted(kept) == sorted(logged) and len(kept) == 12


# -- workspaces that cannot be used ------------------------------------------------------------


def test_a_workspace_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    for root in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(WorkspaceUnusable, match=r"cannot be written.*ALCORE_WORKSPACE"):
            Store.open(Workspace(root))


def test_a_read_only_workspace_is_refused(workspace: Workspace) -> None:
    workspace.root.chmod(0o500)
    try:
        if os.access(workspace.root, os.W_OK):
            root = Path("/proc/alcore")  # an administrator may write anywhere but there
        else:
            root = workspace.root
        with pytest.raises(WorkspaceUnusable, match="cannot be written"):
            Store.open(Workspace(root))
    finally:
        workspace.root.chmod(0o700)


def test_a_file_that_is_no_database_is_refused_and_kept(workspace: Workspace) -> None:
    workspace.database.write_bytes(b"these are my notes, not a database\n" * 100)
    with pytest.raises(WorkspaceUnusable, match=r"alcore\.db is not a database"):
        Store.open(workspace)
    assert workspace.database.read_bytes().startswith(b"these are my notes")


def test_a_folder_in_the_place_of_the_database_is_refused(workspace: Workspace) -> None:
    workspace.database.mkdir()
    with pytest.raises(WorkspaceUnusable):
        Store.open(workspace)


def test_a_database_of_another_version_is_refused(workspace: Workspace) -> None:
    store = Store.open(workspace)
    with store.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    store.close()
    with pytest.raises(WorkspaceUnusable, match="another version of alcore"):
        Store.open(workspace)


def test_the_log_of_writes_is_copied_though_no_commit_does_it(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "PAUSE", 0.05)
    store = Store.open(workspace)
    tab = made.Tab(store, made.project(store, 30))
    before = workspace.database.stat().st_mtime_ns
    for _ in range(checkpoints.FEW):
        tab.answer(tab.next())
    until = time.monotonic() + 20
    while workspace.database.stat().st_mtime_ns == before:
        assert time.monotonic() < until
        time.sleep(0.01)
    assert len(made.labels_of(store, tab.project_id)) == checkpoints.FEW
    store.close()
