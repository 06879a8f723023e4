"""Owns the rows of what is known of images: columns, and a value per image and column.

A column is written aside and then accepted at once in the place of the one of its name, so that
nobody sees half of it. Texts stand once per project; a value is the id of one, a number, or a date
as Unix seconds. N images.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    case,
    delete,
    func,
    insert,
    select,
    text,
    update,
)

from alcore.errors import UnknownItem
from alcore.metadata import Origin, Value, ValueKind
from alcore.store.tables import item, metadata_column, metadata_text, metadata_value

_AT_ONCE = 500
_DAY = 24 * 3600.0
_UNUSED = text(
    "DELETE FROM metadata_text WHERE project_id = :project AND id NOT IN (SELECT v.value FROM "
    "metadata_value v JOIN metadata_column c ON c.id = v.column_id "
    "WHERE c.project_id = :project AND c.kind = 'text')"
)
_KEEP_TEXT = "INSERT INTO metadata_text (project_id, text) VALUES (?, ?) ON CONFLICT DO NOTHING"
_PUT = (
    "INSERT INTO metadata_value (column_id, item_id, value) VALUES (?, ?, ?) "
    "ON CONFLICT (column_id, item_id) DO UPDATE SET value = excluded.value"
)
"""Written for the driver, since SQLAlchemy takes as long over a row as SQLite."""
_COPY = text(
    "INSERT INTO metadata_value (column_id, item_id, value) SELECT :to, item_id, value "
    "FROM metadata_value WHERE column_id = :from AND item_id > :after AND item_id <= :last "
    "ON CONFLICT DO NOTHING"
)
_value = metadata_value.c


@dataclass(frozen=True)
class MetadataColumn:
    """One thing that is known of images."""

    id: int
    name: str
    kind: ValueKind
    origin: Origin
    pattern: str
    """Of the path, where it is read of that."""
    last_item: int
    grouping: bool
    """Images of one value stay together: all in the pool, or all in the holdout."""


@dataclass(frozen=True)
class Condition:
    """Which images are meant by a value of a column."""

    column: int
    text: str | None = None
    """Of a text column: the value or, where there is none like it, a part of it."""
    low: float | None = None
    high: float | None = None
    """Of a number or date: from `low` on, up to and with `high`."""
    absent: bool = False
    """Images without a value instead."""


@dataclass(frozen=True)
class Extent:
    """What a column's values are like."""

    images: int
    distinct: int
    low: float | None
    high: float | None
    """Of numbers and dates."""


_COLUMN = select(
    metadata_column.c.id,
    metadata_column.c.name,
    metadata_column.c.kind,
    metadata_column.c.origin,
    metadata_column.c.pattern,
    metadata_column.c.last_item,
    metadata_column.c.grouping,
)


def columns(connection: Connection, project_id: int) -> list[MetadataColumn]:
    """List what is known of a project's images, by age."""
    rows = connection.execute(
        _COLUMN.where(metadata_column.c.project_id == project_id, metadata_column.c.accepted)
        .order_by(metadata_column.c.created_at, metadata_column.c.id)
    )  # fmt: skip
    return [MetadataColumn(*row) for row in rows]


def column(connection: Connection, project_id: int, column_id: int) -> MetadataColumn:
    """Read one column of a project. Raises UnknownItem."""
    for one in columns(connection, project_id):
        if one.id == column_id:
            return one
    raise UnknownItem(f"project {project_id} has no column {column_id} of metadata; reload")


# -- written -----------------------------------------------------------------------------------


def begin(connection: Connection, project_id: int, new: MetadataColumn, now: float) -> int:
    """Make a column that nobody sees yet; return its id."""
    result = connection.execute(
        insert(metadata_column).values(
            project_id=project_id,
            name=new.name,
            kind=new.kind,
            origin=new.origin,
            pattern=new.pattern,
            last_item=new.last_item,
            grouping=new.grouping,
            created_at=now,
        )
    )
    assert result.inserted_primary_key is not None
    return int(result.inserted_primary_key[0])


def text_ids(connection: Connection, project_id: int, texts: Iterable[str]) -> dict[str, int]:
    """Return ids of texts, which are kept from now on."""
    wanted = list(dict.fromkeys(texts))
    ids: dict[str, int] = {}
    for start in range(0, len(wanted), _AT_ONCE):
        part = wanted[start : start + _AT_ONCE]
        _for_rows(connection, _KEEP_TEXT, [(project_id, one) for one in part])
        rows = connection.execute(
            select(metadata_text.c.text, metadata_text.c.id).where(
                metadata_text.c.project_id == project_id, metadata_text.c.text.in_(part)
            )
        )
        ids |= {one: number for one, number in rows}
    return ids


def put(
    connection: Connection, project_id: int, column_id: int, values: Mapping[int, Value]
) -> None:
    """Write values by item id; what was there of them is replaced."""
    if not values:
        return
    ids = text_ids(connection, project_id, (v for v in values.values() if isinstance(v, str)))
    rows = [(column_id, i, ids[v] if isinstance(v, str) else v) for i, v in values.items()]
    _for_rows(connection, _PUT, rows)


def _for_rows(connection: Connection, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
    """Run a statement of the driver's for rows; its parameters are written as ?."""
    mark = "?" if connection.dialect.paramstyle == "qmark" else "%s"
    connection.exec_driver_sql(statement.replace("?", mark), list(rows))


def copy(connection: Connection, from_id: int, to_id: int, after: int, n: int) -> int | None:
    """Copy n values of a column, of items above `after`; return the last item, None at the end."""
    next_ones = (
        select(_value.item_id)
        .where(_value.column_id == from_id, _value.item_id > after)
        .order_by(_value.item_id)
        .limit(n)
        .subquery()
    )
    last = connection.execute(select(func.max(next_ones.c.item_id))).scalar()
    if last is not None:
        which = {"from": from_id, "to": to_id, "after": after, "last": last}
        connection.execute(_COPY, which)
    return last


def accept(connection: Connection, new_id: int, old_id: int | None) -> None:
    """Let a column count from now on, in the place of another one."""
    kept = {}
    if old_id is not None:
        old = metadata_column.c.id == old_id
        names = ("created_at", "last_item", "grouping")
        row = connection.execute(select(*(metadata_column.c[n] for n in names)).where(old)).one()
        kept = dict(zip(names, row, strict=True))
        connection.execute(
            update(metadata_column).where(old).values(accepted=False, created_at=0.0)
        )
    connection.execute(
        update(metadata_column).where(metadata_column.c.id == new_id).values(accepted=True, **kept)
    )


def looked_at(connection: Connection, column_ids: Sequence[int], last_item: int) -> None:
    """Note how far a column that is read of paths or files has come."""
    connection.execute(
        update(metadata_column)
        .where(metadata_column.c.id.in_(column_ids))
        .values(last_item=last_item)
    )


def set_grouping(connection: Connection, project_id: int, column_id: int | None) -> None:
    """Let a project's images stay together by one column, or by none."""
    mine = metadata_column.c.project_id == project_id
    chosen = case((metadata_column.c.id == column_id, True), else_=False)
    connection.execute(update(metadata_column).where(mine).values(grouping=chosen))


def hide(connection: Connection, project_id: int, column_id: int) -> None:
    """Let a column count no more; `sweep` deletes what it holds."""
    connection.execute(
        update(metadata_column)
        .where(metadata_column.c.project_id == project_id, metadata_column.c.id == column_id)
        .values(accepted=False, created_at=0.0)
    )


def sweep(connection: Connection, project_id: int, ids: Sequence[int], n: int) -> bool:
    """Delete n values of columns that do not count; return whether there may be more."""
    mine = (
        metadata_column.c.project_id == project_id,
        ~metadata_column.c.accepted,
        metadata_column.c.id.in_(ids),
    )
    for (one,) in connection.execute(select(metadata_column.c.id).where(*mine)).all():
        rows = connection.execute(
            select(_value.item_id).where(_value.column_id == one).limit(n)
        ).all()
        if rows:
            connection.execute(
                delete(metadata_value).where(
                    _value.column_id == one, _value.item_id <= max(row[0] for row in rows)
                )
            )
            return True
        connection.execute(delete(metadata_column).where(metadata_column.c.id == one))
    connection.execute(_UNUSED, {"project": project_id})
    return False


def abandoned(connection: Connection, project_id: int, now: float) -> list[int]:
    """List columns that were given up: by a removal, or by an import that was killed a day ago."""
    query = select(metadata_column.c.id).where(
        metadata_column.c.project_id == project_id,
        ~metadata_column.c.accepted,
        metadata_column.c.created_at < now - _DAY,
    )
    return list(connection.execute(query).scalars())


# -- read --------------------------------------------------------------------------------------


def of_items(
    connection: Connection,
    project_id: int,
    item_ids: Sequence[int],
    wanted: Sequence[MetadataColumn] | None = None,
) -> dict[int, dict[int, Value]]:
    """Read what is known of images: item id to column id to value.

    wanted: the columns, None for all of the project's.
    """
    known: dict[int, dict[int, Value]] = defaultdict(dict)
    for one in columns(connection, project_id) if wanted is None else wanted:
        for start in range(0, len(item_ids), _AT_ONCE):
            part = [int(i) for i in item_ids[start : start + _AT_ONCE]]
            query = select(_value.item_id, _value.value)
            if one.kind == "text":
                query = select(_value.item_id, metadata_text.c.text).join(
                    metadata_text, metadata_text.c.id == _value.value
                )
            query = query.where(_value.column_id == one.id, _value.item_id.in_(part))
            for item_id, value in connection.execute(query):
                known[item_id][one.id] = value
    return known


def values(connection: Connection, column_id: int) -> tuple[np.ndarray, np.ndarray]:
    """Read a column whole: item ids (n,) int64, ascending, and values (n,) float64.

    Of a text column the values are ids, which `texts` names.
    """
    rows = connection.execute(
        select(_value.item_id, _value.value)
        .where(_value.column_id == column_id)
        .order_by(_value.item_id)
    )
    table = np.fromiter(map(tuple, rows), np.dtype("i8, f8"))
    return table["f0"].copy(), table["f1"].copy()


def texts(connection: Connection, ids: Sequence[int]) -> dict[int, str]:
    """Read texts by id."""
    known: dict[int, str] = {}
    for start in range(0, len(ids), _AT_ONCE):
        part = [int(i) for i in ids[start : start + _AT_ONCE]]
        rows = connection.execute(
            select(metadata_text.c.id, metadata_text.c.text).where(metadata_text.c.id.in_(part))
        )
        known |= {number: one for number, one in rows}
    return known


def extent(connection: Connection, one: MetadataColumn) -> Extent:
    """Count a column's values, and name the smallest and largest of numbers and dates."""
    row = connection.execute(
        select(
            func.count(), func.count(_value.value.distinct()), func.min(_value.value),
            func.max(_value.value),
        ).where(_value.column_id == one.id)
    ).one()  # fmt: skip
    low, high = (None, None) if one.kind == "text" else (row[2], row[3])
    return Extent(row[0], row[1], low, high)


def commonest(connection: Connection, one: MetadataColumn, most: int) -> list[tuple[str, int]]:
    """List the values of a text column that most images have, and how many have them."""
    number = func.count().label("n")
    counts = (
        select(_value.value, number)
        .where(_value.column_id == one.id)
        .group_by(_value.value)
        .order_by(number.desc(), _value.value)
        .limit(most)
        .subquery()
    )
    rows = connection.execute(
        select(metadata_text.c.text, counts.c.n)
        .join(counts, counts.c.value == metadata_text.c.id)
        .order_by(counts.c.n.desc(), metadata_text.c.text)
    )
    return [(row[0], row[1]) for row in rows]


def having(
    connection: Connection, project_id: int, condition: Condition, item_id: ColumnElement[int]
) -> ColumnElement[bool]:
    """Return the test in SQL whether an item meets a condition. Raises UnknownItem."""
    one = column(connection, project_id, condition.column)
    mine: Select[tuple[int]] = select(_value.item_id).where(_value.column_id == one.id)
    if condition.absent:
        return item_id.not_in(mine)
    if one.kind == "text" and condition.text is not None:
        mine = mine.where(_value.value.in_(_like(connection, project_id, condition.text)))
    if one.kind != "text" and condition.low is not None:
        mine = mine.where(_value.value >= condition.low)
    if one.kind != "text" and condition.high is not None:
        mine = mine.where(_value.value <= condition.high)
    return item_id.in_(mine)


def meeting(connection: Connection, project_id: int, condition: Condition) -> np.ndarray:
    """Read the items that meet a condition: ids (n,) int64. Raises UnknownItem."""
    query = select(item.c.id).where(
        item.c.project_id == project_id, having(connection, project_id, condition, item.c.id)
    )
    return np.fromiter(connection.execute(query).scalars(), np.int64)


def _like(connection: Connection, project_id: int, wanted: str) -> Select[tuple[int]]:
    mine = select(metadata_text.c.id).where(metadata_text.c.project_id == project_id)
    exact = mine.where(metadata_text.c.text == wanted)
    if connection.execute(exact).first() is not None:
        return exact
    return mine.where(metadata_text.c.text.icontains(wanted, autoescape=True))
