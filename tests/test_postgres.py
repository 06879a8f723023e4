"""Owns the proof that a PostgreSQL server keeps what SQLite keeps: real servers, on loopback."""

from __future__ import annotations

import multiprocessing
import os
import random
import re
import shutil
import sqlite3
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeVar

import postgres
import pytest
from click.testing import CliRunner, Result
from made import BY_HAND, Tab, labels_of, project, web_store
from sqlalchemy import create_engine, event, inspect, select, text
from sqlalchemy.exc import IntegrityError
from starlette.applications import Starlette
from starlette.testclient import TestClient

from alcore import job_kinds
from alcore.__main__ import main
from alcore.config import LearnerRule, Runtime, Workspace, database_url
from alcore.errors import (
    InvalidSettings,
    JobCancelled,
    WorkspaceBusy,
    WorkspaceUnusable,
)
from alcore.records import Job
from alcore.services import projects as made_projects
from alcore.services import restoring, training
from alcore.store import Store, backups, engine, jobs, labels, migrate, projects, rounds, soundness
from alcore.store.experiment_tables import metadata
from alcore.store.jobs import LONGEST_WAIT
from alcore.web import routes, state
from alcore.workers.attempts import run

Answer = TypeVar("Answer")
SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture(scope="module")
def server() -> Iterator[postgres.Server]:
    """One that tests may stop and start, which no others use."""
    with postgres.running() as one:
        yield one


@pytest.fixture
def workspace(
    server: postgres.Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Workspace:
    url = server.fresh()
    monkeypatch.setenv("ALCORE_DATABASE", url)
    monkeypatch.setenv("ALCORE_WORKSPACE", str(tmp_path / "workspace"))
    return Runtime.from_environment().workspace


@pytest.fixture
def store(workspace: Workspace) -> Iterator[Store]:
    opened = Store.open(workspace)
    yield opened
    opened.close()


# -- the schema --------------------------------------------------------------------------------


def outline(url: str) -> dict[str, object]:
    """Say what a schema is made of, in words that both databases have."""
    seen = create_engine(url)
    inspector = inspect(seen)
    tables: dict[str, object] = {}
    for table in inspector.get_table_names():
        keys = inspector.get_foreign_keys(table)
        tables[table] = {
            "columns": [(c["name"], c["nullable"]) for c in inspector.get_columns(table)],
            "key": sorted(inspector.get_pk_constraint(table)["constrained_columns"]),
            "refers": sorted((*k["constrained_columns"], k["referred_table"]) for k in keys),
            "unique": sorted(
                tuple(u["column_names"]) for u in inspector.get_unique_constraints(table)
            ),
            "indexes": sorted(
                (i["name"], tuple(i["column_names"]), bool(i["unique"]))
                for i in inspector.get_indexes(table)
                if "_refers_" not in i["name"] and not i.get("duplicates_constraint")
            ),
            "checks": len(inspector.get_check_constraints(table)),
        }
    tables["views"] = sorted(inspector.get_view_names())
    seen.dispose()
    return tables


def test_the_schema_is_the_one_that_sqlites_migrations_make(
    workspace: Workspace, fresh_database: Path
) -> None:
    there = outline(workspace.url.replace("postgresql://", "postgresql+psycopg://"))
    migrated = outline(f"sqlite:///{fresh_database}")
    assert there.keys() == migrated.keys()
    for table, about in migrated.items():
        if isinstance(about, dict):  # columns that came later stand last in SQLite's tables
            about["columns"].sort()
            there[table]["columns"].sort()
        assert there[table] == about, table
    assert {*metadata.tables, "alembic_version", "views"} == there.keys()


def test_a_database_made_on_a_server_leaves_the_tables_as_they_are(
    server: postgres.Server, tmp_path: Path
) -> None:
    def indexes() -> set[str | None]:
        return {index.name for table in metadata.tables.values() for index in table.indexes}

    before, url = indexes(), server.empty()
    Store.open(Workspace(tmp_path, url)).close()
    seen = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    assert any("_refers_" in i["name"] for i in inspect(seen).get_indexes("answer"))
    seen.dispose()
    assert indexes() == before


def test_a_database_of_the_first_version_on_postgresql_is_brought_up_to_date(
    server: postgres.Server, tmp_path: Path, fresh_database: Path
) -> None:
    url = server.empty()
    import psycopg

    made = (Path(__file__).parent / "postgres_0026.sql").read_text("utf-8")
    with psycopg.connect(url) as connection:
        connection.execute(made)
    opened = Store.open(Workspace(tmp_path, url))
    with opened.read() as connection:
        assert migrate.is_newest(opened._database.reader)
        assert soundness.miscounted(connection) == []
    tab = Tab(opened, project(opened, 3))
    tab.answer(tab.next())
    assert len(labels_of(opened, tab.project_id)) == 1
    opened.close()
    there = outline(url.replace("postgresql://", "postgresql+psycopg://"))
    assert there == outline(server.fresh().replace("postgresql://", "postgresql+psycopg://"))


def test_logs_are_added_to_and_never_changed(store: Store) -> None:
    tab = Tab(store, project(store, 3))
    tab.answer(tab.claim(1).leases[0], 0)
    for change in ("UPDATE label_event SET note = 'no'", "DELETE FROM label_event"):
        with pytest.raises(IntegrityError, match="append-only"), store.write() as connection:
            connection.execute(text(change))
    with store.read() as connection:
        assert soundness.stale(connection) == soundness.miscounted(connection) == []


# -- several processes -------------------------------------------------------------------------


def _label_all(root: str, project_id: int, name: str, said: Connection) -> None:
    """Label until nothing is left, sending some answers twice; say what was claimed."""
    store, chance = Store.open(Workspace(Path(root))), random.Random(name)
    tab, claimed = Tab(store, project_id, name), []
    while leases := tab.claim(chance.randint(1, 5)).leases:
        for image in leases:
            claimed.append(image.item_id)
            key = uuid.uuid4().hex
            assert not tab.send(image, chance.randint(0, 1), key=key)[1]
            if chance.random() < 0.1:
                assert tab.send(image, 0, key=key)[1]
    said.send(claimed)
    store.close()


def _train(root: str, project_ids: list[int], name: str, said: Connection) -> None:
    """Take trainings as a trainer does, and leave a file where another one trains the same."""
    store, taken = Store.open(Workspace(Path(root))), 0
    until = time.monotonic() + 60
    while time.monotonic() < until:
        with store.write() as connection:
            job = jobs.take(connection, ["train"], name, time.time())
            over = job is None and not jobs.unfinished(connection)
        if over:
            break
        if job is None:
            time.sleep(0.02)  # as a dispatcher rests
            continue
        witness = Path(root) / f"training-{job.project_id}"
        witness.touch(exist_ok=False)  # fails where somebody trains this project
        with store.single() as connection:
            jobs.beat(connection, job.id, job.attempt, "training", 0.5, time.time())
        with store.write() as connection:
            if taken < 6:  # answers that came meanwhile ask for the next one
                jobs.request(connection, job.project_id, "train", time.time())
        witness.unlink()
        with store.write() as connection:
            jobs.finish(connection, job.id, job.attempt, time.time())
        taken += 1
    said.send(taken)
    store.close()


def _start(target: object, *arguments: object) -> tuple[object, Connection]:
    receive, send = SPAWN.Pipe(duplex=False)
    process = SPAWN.Process(target=target, args=(*arguments, send))  # type: ignore[arg-type]
    process.start()
    return process, receive


def test_two_processes_label_and_two_train_one_project_each_at_a_time(store: Store) -> None:
    root = str(store.workspace.root)
    project_ids = [project(store, 40, queued=15), project(store, 3, name="other")]
    with store.write() as connection:
        for one in project_ids:
            jobs.request(connection, one, "train", time.time())
    people = [_start(_label_all, root, project_ids[0], f"person {n}") for n in range(2)]
    trainers = [_start(_train, root, project_ids, f"trainer {n}") for n in range(2)]
    claimed = [item for _, said in people for item in said.recv()]
    trained = [said.recv() for _, said in trainers]
    for process, _ in (*people, *trainers):
        process.join()  # type: ignore[attr-defined]
        assert process.exitcode == 0  # type: ignore[attr-defined]
    assert len(claimed) == len(set(claimed)) == 40, "an image was held by two"
    assert len(labels_of(store, project_ids[0])) == 40
    with store.read() as connection:
        done = connection.execute(text("SELECT count(*) FROM job WHERE state = 'done'")).scalar()
        assert done == sum(trained) > 4 and not jobs.unfinished(connection)
        assert soundness.stale(connection) == soundness.miscounted(connection) == []


def test_an_attempt_that_was_taken_over_publishes_nothing(store: Store) -> None:
    project_id = project(store, 3)
    with store.write() as connection:
        jobs.request(connection, project_id, "train", 0.0)
        first = jobs.take(connection, ["train"], "one", time.time())
    assert first is not None
    with store.write() as connection:
        jobs.put_back(connection, first.id, first.attempt, 0.0, "silent")
        assert jobs.take(connection, ["train"], "two", time.time()) is not None
    with pytest.raises(JobCancelled, match="taken over"), store.write() as connection:
        jobs.finish(connection, first.id, first.attempt, time.time())
    with pytest.raises(JobCancelled, match="taken over"), store.single() as connection:
        jobs.beat(connection, first.id, first.attempt, "training", 0.5, time.time())


def test_a_writer_waits_for_its_turn_and_a_reader_does_not(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "PATIENCE", 0.3)
    one, other = Store.open(workspace), Store.open(workspace)
    before = one.signature()
    with one.write() as connection:
        labels.annotator_named(connection, "ana", 0.0)
        with other.read() as reader:
            assert reader.execute(text("SELECT count(*) FROM annotator")).scalar() == 0
        with (
            pytest.raises(WorkspaceBusy, match=r"in use by another program.*try again"),
            other.write(),
        ):
            pass
    seen = one.signature()
    assert seen != before and seen == one.signature(), "reading is no news, a commit is"
    with other.write() as connection:
        assert labels.annotator_named(connection, "ana", 0.0).id == 1
    one.close()
    other.close()


# -- the server goes and comes -----------------------------------------------------------------


def test_answers_wait_for_a_server_that_restarts_and_none_is_lost(
    store: Store, server: postgres.Server
) -> None:
    tab = Tab(store, project(store, 40), "ana")
    restart = threading.Timer(0.1, server.control, ("restart", "-m", "fast"))
    restart.start()
    sent: list[str] = []
    refused: list[str] = []

    def insist(work: Callable[[], Answer]) -> Answer:
        """Ask until it is answered, as a browser and its outbox do."""
        while True:
            try:
                return work()
            except WorkspaceBusy as error:
                refused.append(str(error))
                time.sleep(0.05)

    while leases := insist(lambda: tab.claim(5)).leases:
        for image in leases:
            key = uuid.uuid4().hex
            insist(lambda image=image, key=key: tab.send(image, image.item_id % 2, key=key))
            sent.append(key)
    restart.join()
    with store.read() as connection:
        kept = connection.execute(text("SELECT key FROM label_event")).scalars().all()
    assert sorted(kept) == sorted(sent) and len(set(sent)) == 40
    assert refused, "the server was there all the time"
    assert all("nothing was saved" in said for said in refused)


def test_a_server_that_is_down_is_waited_for_by_whoever_is_patient(
    store: Store, server: postgres.Server
) -> None:
    server.control("stop", "-m", "fast")
    try:
        assert store.signature() is None
        with pytest.raises(WorkspaceBusy, match="cannot be used"), store.read():
            pass
        with pytest.raises(WorkspaceBusy, match="see that it runs"):
            Store.open(store.workspace)
        start = threading.Timer(0.3, server.control, ("start",))
        start.start()
        with store.write(patient=True) as connection:
            assert labels.annotator_named(connection, "ana", 0.0).id > 0
        start.join()
    finally:
        with store.read():
            pass


@pytest.mark.slow
def test_a_training_whose_transaction_a_restart_cuts_is_done_again_and_whole(
    store: Store, server: postgres.Server
) -> None:
    learner = LearnerRule(kind="network")
    settings = replace(BY_HAND, baseline=False, resolution=8, learner=learner)
    spec = {"kind": "digits"}
    made = made_projects.create(store, "digits", spec, "answer key", settings)
    made_projects.import_now(store, made, 1)
    tab = Tab(store, made)
    for place in range(20):
        tab.answer(tab.next(), place % 2)
    training.train(store, made)

    def attempt() -> Job:
        """Take the job and run it, as the process of a dispatcher does."""
        with store.write() as connection:
            job = jobs.take(connection, ["train"], "me", time.time() + LONGEST_WAIT)
        assert job is not None
        run(store, job, job_kinds.function_of("train"), 1)
        with store.read() as connection:
            return jobs.get(connection, job.id)

    restarts: list[str] = []

    @event.listens_for(store._database.writer, "after_cursor_execute")
    def restart_while_it_publishes(*said: Any) -> None:
        if said[2].startswith("INSERT INTO round") and not restarts:
            restarts.append(said[2])
            server.control("restart", "-m", "immediate")

    job = attempt()
    assert restarts and (job.state, job.attempt, job.failures) == ("waiting", 1, 0)
    assert "nothing was saved" in (job.error or "")
    with store.read() as connection:
        assert rounds.all_rounds(connection, made) == []
    assert tab.next(), "people go on with the queue of before"
    job = attempt()
    assert (job.state, job.attempt, job.error) == ("done", 2, None)
    with store.read() as connection:
        assert [one.labels for one in rounds.all_rounds(connection, made)] == [20]


def test_a_request_while_the_server_is_gone_is_told_to_come_again_and_then_taken(
    workspace: Workspace, server: postgres.Server
) -> None:
    with web_store(workspace.root) as store:
        tab = Tab(store, project(store, 3))
        http = TestClient(Starlette(routes=routes.routes()), base_url="http://127.0.0.1:8501")
        ticket = state.tickets().issue(tab.project_id, tab.annotator.id)

        def post(what: str, body: dict[str, object]) -> Any:
            address = f"/board/{tab.project_id}/{what}"
            return http.post(address, json=body, headers={"X-Alcore-Ticket": ticket})

        (image,) = post("claim", {"client": tab.client, "count": 1}).json()["images"]
        answer = {name: image[name] for name in ("token", "item", "proof")}
        answer |= {"key": "k", "kind": "label", "class": tab.classes[0], "client": tab.client}
        server.control("stop", "-m", "fast")
        try:
            refused = post("answer", answer)
        finally:
            server.control("start")
        assert refused.status_code == 503 and refused.json()["error"] == "WorkspaceBusy"
        assert "nothing was saved" in refused.json()["message"]
        assert post("answer", answer).status_code == 200
        assert len(labels_of(store, tab.project_id)) == 1


# -- backups, and moving from one kind of database to the other ---------------------------------


CHECKED: dict[str, dict[str, object]] = {
    "api_token": {"scope": "read"},
    "delivery": {"state": "done"},
    "example": {"item_id": None},
    "label_import": {"use": "labels"},
    "member": {"role": "owner"},
    "metadata_column": {"kind": "text", "origin": "path"},
}
"""Values that a table takes where it does not take any."""


def one_row_each(store: Store) -> None:
    """Give each table that is empty a row, whose JSON is written as nobody else writes it."""
    values = {
        "INTEGER": 3,
        "FLOAT": 0.1 + 0.2,
        "VARCHAR": "Ähre \u2028 \U0001f33e",
        "TEXT": "a\n\tb",
        "BOOLEAN": 1,
        "JSON": '{"b" : 1.50,"a":[null , 1e-7]}',
        "BLOB": b"\0\xff",
    }
    with store.write() as connection:
        for table in metadata.sorted_tables:
            if connection.execute(select(table)).first() is not None:
                continue
            row = {
                c.name: 1 if c.foreign_keys or c.primary_key else values[str(c.type)]
                for c in table.columns
            } | CHECKED.get(table.name, {})
            places = ", ".join("?" * len(row))
            names = ", ".join(f'"{name}"' for name in row)
            insertion = f"INSERT INTO {table.name} ({names}) VALUES ({places})"
            connection.exec_driver_sql(insertion, tuple(row.values()))


def every_row(database: Path) -> dict[str, object]:
    """Read all that a SQLite file holds that nobody uses, schema included."""
    connection = sqlite3.connect(database)
    names = [table.name for table in metadata.sorted_tables] + ["sqlite_sequence"]
    rows: dict[str, object] = {
        name: sorted(connection.execute(f"SELECT * FROM {name}").fetchall(), key=repr)
        for name in names
    }
    schema = connection.execute("SELECT name, sql FROM sqlite_master ORDER BY name")
    rows["schema"] = schema.fetchall()
    connection.close()
    return rows


@pytest.fixture
def file_store(
    fresh_database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Store]:
    """A store on SQLite, as it is before it moves."""
    monkeypatch.delenv("ALCORE_DATABASE", raising=False)
    there = Workspace(tmp_path / "file", "")
    there.root.mkdir()
    shutil.copy(fresh_database, there.database)
    opened = Store.open(there)
    yield opened
    opened.close()


def test_a_workspace_moves_to_postgresql_and_back_and_every_row_is_as_it_was(
    file_store: Store, server: postgres.Server, tmp_path: Path
) -> None:
    tab = Tab(file_store, project(file_store, 30, held=5))
    for place in range(8):
        tab.answer(tab.next(), place % 2, kind="unsure" if place == 5 else "label")
    one_row_each(file_store)
    with file_store.write() as connection:  # the rows of the newest events are gone
        connection.execute(text("UPDATE sqlite_sequence SET seq = 1000"))
    folder = file_store.workspace.project(tab.project_id)
    folder.mkdir(parents=True)
    (folder / "originals.pack").write_bytes(b"pixels")
    first = backups.make(file_store, tmp_path / "backups")
    before = every_row(Workspace(first.folder).database)
    assert all(before.values()), "each table has a row"
    before["stored_file"] = []  # the objects may be gone by the day of the restore

    moved = Workspace(tmp_path / "moved", server.empty())
    restoring.restore(first.folder, moved)
    store = Store.open(moved)
    assert not moved.database.exists()
    assert (moved.project(tab.project_id) / "originals.pack").read_bytes() == b"pixels"
    second = backups.make(store, tmp_path / "others")
    assert backups.verify(second) == []
    back = Workspace(tmp_path / "back", "")
    restoring.restore(second.folder, back)
    assert every_row(back.database) == before

    there = Tab(store, tab.project_id, "Ben")
    there.answer(there.next())
    with store.read() as connection:
        newest = connection.execute(text("SELECT max(id) FROM label_event")).scalar()
        assert newest == 1001, "a number was given twice"
        assert soundness.stale(connection) == [], "triggers do not rest any more"
    with pytest.raises(IntegrityError, match="append-only"), store.write() as connection:
        connection.execute(text("DELETE FROM label_event"))
    store.close()


def test_a_backup_of_postgresql_while_people_label_is_of_one_moment(
    store: Store, tmp_path: Path
) -> None:
    made = project(store, 400)
    over, done = threading.Event(), []

    def label(name: str) -> None:
        tab = Tab(store, made, name)
        while not over.is_set():
            lease = tab.next()
            tab.answer(lease)
            done.append(lease.item_id)

    people = [threading.Thread(target=label, args=(name,)) for name in ("Ana", "Ben")]
    for person in people:
        person.start()
    try:
        while len(done) < 5:
            time.sleep(0.005)
        acknowledged = set(done)
        backup = backups.make(store, tmp_path / "backups")
    finally:
        over.set()
        for person in people:
            person.join()
    copy = Store.open(Workspace(backup.folder, ""))
    kept = set(labels_of(copy, made))
    assert acknowledged <= kept < set(done)
    with copy.read() as connection:
        assert soundness.stale(connection) == soundness.miscounted(connection) == []
    copy.close()


def test_a_database_with_rows_is_never_restored_into_nor_is_half_a_backup_kept(
    file_store: Store, store: Store, server: postgres.Server, tmp_path: Path
) -> None:
    project(store, 3)
    project(file_store, 3, name="of before")
    backup = backups.make(file_store, tmp_path / "backups").folder

    def restore(workspace: Workspace) -> Result:
        there = {"ALCORE_WORKSPACE": str(workspace.root), "ALCORE_DATABASE": workspace.url}
        return CliRunner().invoke(main, ["restore", str(backup), "--replace"], env=there)

    refused = restore(store.workspace)
    assert refused.exit_code == 1 and "has rows already" in refused.stderr
    assert "createdb" in refused.stderr and "Traceback" not in refused.stderr
    with store.read() as connection:
        assert [one.name for one in projects.all_projects(connection)] == ["animals"]

    with file_store.write() as connection:
        labels.annotator_named(connection, "a\0na", 0.0)
    backup = backups.make(file_store, tmp_path / "backups").folder
    other = Workspace(tmp_path / "other", server.empty())
    refused = restore(other)
    assert refused.exit_code == 1 and "cannot keep" in refused.stderr
    assert not (other.root / "projects").exists()
    with file_store.write() as connection:
        connection.execute(text("UPDATE annotator SET name = 'ana'"))
    backup = backups.make(file_store, tmp_path / "backups").folder
    restored = restore(other)
    assert restored.exit_code == 0 and "is as it was on" in restored.stdout, restored.stderr


# -- what is wrong, in words -------------------------------------------------------------------


@pytest.mark.parametrize(
    "url", ["sqlite:///x.db", "postgresql://ana:s3cret@localhost", "mysql://ana:s3cret@h/alcore"]
)
def test_an_address_of_no_postgresql_database_is_refused_without_its_password(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALCORE_DATABASE", url)
    with pytest.raises(InvalidSettings, match="postgresql://user:password@host") as refused:
        database_url()
    assert "s3cret" not in str(refused.value)


def test_each_way_in_that_is_shut_is_named_in_a_sentence_without_a_password(
    server: postgres.Server, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    server.run(
        "DROP ROLE IF EXISTS guest, locked",
        "CREATE ROLE guest LOGIN",
        "CREATE ROLE locked LOGIN PASSWORD 'right'",
    )
    server.ask_for_a_password("locked")
    empty = server.empty().rpartition("/")[2]
    latin = server.empty("LATIN1")
    nowhere = f"postgresql://alcore:s3cret@127.0.0.1:{postgres._free_port()}/alcore"
    unknown = "postgresql://alcore:s3cret@no.such.host.invalid/alcore"
    for url, complaint in (
        (nowhere, "see that it runs"),
        (unknown, "failed to resolve host .* correct the name of the computer"),
        (server.url(empty, "locked:s3cret"), "password authentication failed .* correct user and"),
        (server.url(empty, "locked"), "no password supplied.* correct user and password"),
        (server.url(empty) + "?sslmod=s3cret", 'option "sslmod".* correct what stands behind'),
        (server.url("nothing", "alcore:s3cret"), 'database "nothing" does not exist.* createdb'),
        (server.url("postgres", "nobody:s3cret"), 'role "nobody" does not exist'),
        (latin, "encoded in LATIN1"),
        (server.url(empty, "guest:s3cret"), "make that user its owner"),
    ):
        workspace = Workspace(tmp_path, url)
        with pytest.raises(WorkspaceUnusable, match=complaint) as refused:
            Store.open(workspace)
        told = f"{refused.value} {workspace} {capfd.readouterr()}"
        assert "s3cret" not in told and "\n" not in str(refused.value), complaint


def test_a_command_says_in_one_line_why_there_is_no_database(
    server: postgres.Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = server.url("nothing", "alcore:s3cret")
    there = {"ALCORE_WORKSPACE": str(tmp_path), "ALCORE_DATABASE": url}

    def complaint() -> str:
        ended = CliRunner().invoke(main, ["check"], env=there)
        assert ended.exit_code == 1 and ended.stdout == ""
        (line,) = ended.stderr.splitlines()
        assert "s3cret" not in line
        return line

    assert 'database "nothing" does not exist' in complaint()
    monkeypatch.setattr("alcore.store.postgres.OLDEST", 99)
    there["ALCORE_DATABASE"] = server.empty()
    assert re.search(r"is of version \d+; alcore needs 99 or newer", complaint())
    monkeypatch.setitem(sys.modules, "psycopg", None)  # as where it is not installed
    assert 'needs psycopg: pip install "alcore[postgres]"' in complaint()


def test_a_text_that_postgresql_cannot_keep_is_refused_and_the_next_one_is_kept(
    store: Store,
) -> None:
    with pytest.raises(InvalidSettings, match="cannot keep"), store.write() as connection:
        labels.annotator_named(connection, "a\0na", 0.0)
    with store.write() as connection:
        assert labels.annotator_named(connection, "ana", 0.0).name == "ana"


def test_texts_are_put_in_order_byte_by_byte_as_in_sqlite(store: Store) -> None:
    names = ["Zoe", "ana", "Ähre", "Ben", "_x"]
    with store.write() as connection:
        for name in names:
            labels.annotator_named(connection, name, 0.0)
        rows = connection.execute(text("SELECT name FROM annotator ORDER BY name")).scalars()
        assert list(rows) == sorted(names, key=str.encode)
    assert os.environ["ALCORE_DATABASE"] == store.workspace.url
    with store.read() as connection:
        assert projects.all_projects(connection) == []
