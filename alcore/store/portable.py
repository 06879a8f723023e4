"""Owns the portable database: a SQLite file with every row, from which either kind is filled.

Rows go table by table, as of one moment and a batch at a time, so that memory is bounded. What
triggers keep beside the log is copied like everything else, so they rest meanwhile. JSON goes as
the text that it is, letter by letter.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import (
    JSON,
    URL,
    BindParameter,
    Cast,
    ColumnElement,
    Connection,
    Engine,
    LargeBinary,
    Table,
    TableClause,
    Text,
    TypeDecorator,
    cast,
    column,
    create_engine,
    event,
    func,
    insert,
    select,
    table,
    text,
)
from sqlalchemy.exc import DBAPIError

from alcore import disk
from alcore.errors import WorkspaceUnusable
from alcore.store import migrate
from alcore.store.experiment_tables import metadata
from alcore.store.functions import POSTGRESQL
from alcore.store.sqlite import driver

AT_ONCE = 1_000
"""Rows in memory."""
LARGE_AT_ONCE = 10
"""The same of tables with files in them, of a few megabytes each."""
_TABLES = metadata.sorted_tables


class _Written(TypeDecorator[str]):
    """JSON, read and written as its text."""

    impl = Text
    cache_ok = True

    def column_expression(self, column: ColumnElement[str]) -> Cast[str]:
        return cast(column, Text)


class _WrittenThere(_Written):
    """The same where the database looks whether a text is JSON."""

    cache_ok = True

    def bind_expression(self, bindparam: BindParameter[str]) -> Cast[str]:
        return cast(bindparam, JSON)


def write(source: Connection, to: Path) -> None:
    """Copy every row that a connection sees into a new file of the newest schema.

    Raises WorkspaceUnusable where the file cannot be written.
    """
    os.close(os.open(to, os.O_CREAT | os.O_EXCL, 0o600))
    engine = _engine(to)
    try:
        migrate.upgrade(engine)
        with engine.begin() as target, _without_triggers(target):
            _copy(source, target)
            for name, last in _last_ids(source).items():
                target.execute(text("DELETE FROM sqlite_sequence WHERE name = :n"), {"n": name})
                target.execute(
                    text("INSERT INTO sqlite_sequence (name, seq) VALUES (:n, :last)"),
                    {"n": name, "last": last},
                )
    except DBAPIError as error:
        if not isinstance(error.orig, driver()[0].Error):
            raise
        raise WorkspaceUnusable(
            f"{to} cannot be written ({error.orig}); make room or give the right to write there"
        ) from error
    finally:
        engine.dispose()
    with to.open("rb+") as file:
        disk.sync(file)


def is_empty(connection: Connection) -> bool:
    """Tell whether no table has a row."""
    return all(connection.execute(select(one).limit(1)).first() is None for one in _TABLES)


def fill(target: Connection, file: Path) -> None:
    """Copy every row of a file of the newest schema into an empty PostgreSQL database.

    Nothing of it is there until the transaction of the connection ends well.
    """
    engine = _engine(file)
    try:
        with engine.connect() as source:
            for one in _TABLES:
                target.execute(text(f'ALTER TABLE "{one.name}" DISABLE TRIGGER USER'))
            _copy(source, target)
            for one in _TABLES:
                target.execute(text(f'ALTER TABLE "{one.name}" ENABLE TRIGGER USER'))
            _count_on(target, _last_ids(source))
    finally:
        engine.dispose()


def _copy(source: Connection, target: Connection) -> None:
    """Copy all tables, those first to which others refer, each in the order of its key."""
    there = target.dialect.name == POSTGRESQL
    for one in _TABLES:
        large = any(isinstance(c.type, LargeBinary) for c in one.columns)
        plain = _plain(one, _Written())
        rows = select(plain).order_by(*(plain.c[c.name] for c in one.primary_key))
        insertion = insert(_plain(one, _WrittenThere()) if there else plain)
        some = {"yield_per": LARGE_AT_ONCE if large else AT_ONCE}
        for batch in source.execute(rows, execution_options=some).mappings().partitions():
            target.execute(insertion, [dict(row) for row in batch])


def _plain(one: Table, written: _Written) -> TableClause:
    """Make a table with the same columns, whose JSON is text."""
    types = {c.name: written if isinstance(c.type, JSON) else c.type for c in one.columns}
    return table(one.name, *(column(name, type_) for name, type_ in types.items()))


def _last_ids(connection: Connection) -> dict[str, int]:
    """Read the last number of the tables that give none twice, also where its row is gone."""
    last = {}
    for one in _TABLES:
        if not one.dialect_options["sqlite"]["autoincrement"]:
            continue
        if connection.dialect.name == POSTGRESQL:
            question = "SELECT pg_sequence_last_value(pg_get_serial_sequence(:name, 'id'))"
        else:
            question = "SELECT seq FROM sqlite_sequence WHERE name = :name"
        last[one.name] = connection.execute(text(question), {"name": one.name}).scalar() or 0
    return last


def _count_on(target: Connection, last: dict[str, int]) -> None:
    """Let the next row of each table get the number after the last one."""
    for one in _TABLES:
        if one.autoincrement_column is not None:
            highest = target.execute(select(func.max(one.c.id))).scalar() or 0
            number = max(highest, last.get(one.name, 0))
            if number:
                of = func.pg_get_serial_sequence(one.name, "id")
                target.execute(select(func.setval(of, number)))


@contextmanager
def _without_triggers(connection: Connection) -> Iterator[None]:
    """Take SQLite's triggers away, and make them anew at the end."""
    question = text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
    triggers = connection.execute(question).all()
    for trigger in triggers:
        connection.execute(text(f"DROP TRIGGER {trigger.name}"))
    yield
    for trigger in triggers:
        connection.exec_driver_sql(trigger.sql)


def _engine(file: Path) -> Engine:
    """Make an engine for a file that nobody else uses, and that is thrown away after a fault."""
    engine = create_engine(URL.create("sqlite", database=str(file)), module=driver()[0])

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _record: object) -> None:
        connection.isolation_level = None
        for pragma in ("journal_mode = OFF", "synchronous = OFF"):
            connection.execute(f"PRAGMA {pragma}").fetchone()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine
