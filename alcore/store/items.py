"""Owns the rows of items and of files that an import left out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from sqlalchemy import (
    Connection,
    Select,
    String,
    bindparam,
    case,
    cast,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.dialects.sqlite import insert as insert_or

from alcore.errors import UnknownItem
from alcore.records import Item, SkippedFile, Split
from alcore.store.tables import answer, answer_count, item, item_count, project, skipped_file, today

longer_side = case((item.c.width > item.c.height, item.c.width), else_=item.c.height)
_answered = select(answer.c.item_id).where(answer.c.item_id == item.c.id).exists()
_GET = select(item).where(item.c.id == bindparam("item"), item.c.project_id == bindparam("project"))

_COUNT = select(item_count.c.split, item_count.c.total).where(
    item_count.c.project_id == bindparam("project")
)

_ANSWERED = (
    select(answer_count.c.split, func.sum(answer_count.c.total))
    .where(answer_count.c.project_id == bindparam("project"))
    .group_by(answer_count.c.split)
)
_KNOWN_CLASSES = select(project.c.known_classes).where(project.c.id == bindparam("project"))
_OPEN_AT = select(item.c.position, item.c.id).where(
    item.c.project_id == bindparam("project"),
    item.c.position.in_(bindparam("positions", expanding=True)),
    item.c.split == "pool",
    ~_answered,
)
_AT_ONCE = 500
_RARE = 0.05
"""Where a smaller share is open, to draw by position would mostly draw in vain."""


def add(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert items given as column values."""
    if rows:
        connection.execute(insert(item), list(rows))


def add_skipped(connection: Connection, project_id: int, files: Iterable[SkippedFile]) -> None:
    """Note files that an import left out; a file is noted once."""
    rows = [{"project_id": project_id, "name": f.name, "reason": f.reason} for f in files]
    if rows:
        connection.execute(insert_or(skipped_file).on_conflict_do_nothing(), rows)


def skipped(connection: Connection, project_id: int) -> list[SkippedFile]:
    rows = connection.execute(
        select(skipped_file.c.name, skipped_file.c.reason)
        .where(skipped_file.c.project_id == project_id)
        .order_by(skipped_file.c.id)
    )
    return [SkippedFile(row.name, row.reason) for row in rows]


def get(connection: Connection, project_id: int, item_id: int) -> Item:
    """Read one item of a project. Raises UnknownItem."""
    row = None
    if 0 < item_id < 2**63:  # more does not fit into a column
        row = connection.execute(_GET, {"item": item_id, "project": project_id}).one_or_none()
    if row is None:
        raise UnknownItem(f"project {project_id} has no item {item_id}")
    return Item(**row._mapping)


def get_all(connection: Connection, project_id: int) -> list[Item]:
    """Read all items of a project in the order of their positions."""
    rows = connection.execute(
        select(item).where(item.c.project_id == project_id).order_by(item.c.position)
    )
    return [Item(**row._mapping) for row in rows]


def page(connection: Connection, project_id: int, after: int, n: int) -> list[Item]:
    """Read up to n items of a project whose ids are above `after`, by id."""
    rows = connection.execute(
        select(item)
        .where(item.c.project_id == project_id, item.c.id > after)
        .order_by(item.c.id)
        .limit(n)
    )
    return [Item(**row._mapping) for row in rows]


def imported(connection: Connection, project_id: int) -> tuple[set[str], dict[str, str], int, int]:
    """Read how far an import came.

    Returns the names that are done (imported or left out), names by content hash, the next
    position and the next byte of the originals file.
    """
    rows = connection.execute(
        select(item.c.name, item.c.content_hash, item.c.position, item.c.offset, item.c.length)
        .where(item.c.project_id == project_id)
        .order_by(item.c.position)
    ).all()
    hashes = {row.content_hash: row.name for row in rows}
    names = set(hashes.values()) | {f.name for f in skipped(connection, project_id)}
    end = max((row.offset + row.length for row in rows if row.offset is not None), default=0)
    return names, hashes, (rows[-1].position + 1 if rows else 0), end


def with_content(connection: Connection, project_id: int, content_hash: str) -> int | None:
    """Read the id of the project's item with this content, None where there is none."""
    query = select(item.c.id).where(
        item.c.project_id == project_id, item.c.content_hash == content_hash
    )
    return connection.execute(query).scalar_one_or_none()


def ids(connection: Connection, project_id: int) -> np.ndarray:
    """Read all item ids of a project by position; (N,) int64."""
    query = select(item.c.id).where(item.c.project_id == project_id)
    return _numbers(connection, query.order_by(item.c.position))


def outline(connection: Connection, project_id: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Read of all items by position: their ids, their true classes, and which are held out.

    (N,) int64, int64 with 0 for no known class, and bool; a million of them take little memory.
    """
    rows = connection.execute(
        select(item.c.id, func.coalesce(item.c.true_class, 0), item.c.split == "holdout")
        .where(item.c.project_id == project_id)
        .order_by(item.c.position)
    )
    table = np.fromiter(map(tuple, rows), np.dtype("i8, i8, ?"))
    return table["f0"].copy(), table["f1"].copy(), table["f2"].copy()


def longest_sides(connection: Connection, project_id: int, most: int = 1_000) -> list[int]:
    """Read the longer side, in pixels, of a project's images, of the first if there are many."""
    query = select(longer_side).where(item.c.project_id == project_id)
    return list(connection.execute(query.limit(most)).scalars())


def pool_rows(connection: Connection, project_id: int) -> np.ndarray:
    """Read the positions of all pool items, labeled or not; (P,) int64, ascending."""
    query = select(item.c.position).where(item.c.project_id == project_id, item.c.split == "pool")
    return _numbers(connection, query.order_by(item.c.position))


def in_pool(connection: Connection, item_ids: Sequence[int]) -> set[int]:
    """Return those of some items that are in the pool."""
    there: set[int] = set()
    for start in range(0, len(item_ids), _AT_ONCE):
        part = item_ids[start : start + _AT_ONCE]
        rows = connection.execute(
            select(item.c.id).where(item.c.id.in_(part), item.c.split == "pool")
        )
        there |= set(rows.scalars())
    return there


def splits_at(
    connection: Connection, project_id: int, positions: Sequence[int]
) -> dict[int, Split]:
    """Read in which split the images at some positions lie."""
    result: dict[int, Split] = {}
    for start in range(0, len(positions), _AT_ONCE):
        rows = connection.execute(
            select(item.c.position, item.c.split).where(
                item.c.project_id == project_id,
                item.c.position.in_(positions[start : start + _AT_ONCE]),
            )
        )
        result |= {position: split for position, split in rows}
    return result


def move_to_holdout(connection: Connection, item_ids: Sequence[int]) -> None:
    if len(item_ids):
        connection.execute(
            update(item).where(item.c.id == bindparam("item")),
            [{"item": int(i), "split": "holdout"} for i in item_ids],
        )


def unlabeled(connection: Connection, project_id: int) -> np.ndarray:
    """Read the ids of pool items without an answer, by position; (P,) int64."""
    in_pool = select(item.c.id).where(item.c.project_id == project_id, item.c.split == "pool")
    answered = select(answer.c.item_id).where(
        answer.c.project_id == project_id, answer.c.split == "pool"
    )
    ids = _numbers(connection, in_pool.order_by(item.c.position))
    return ids[~np.isin(ids, _numbers(connection, answered))]


def count_open(connection: Connection, project_id: int) -> dict[str, int]:
    """Read how many items of the pool, and questions of the holdout, nobody has answered.

    A holdout with an answer key has no questions.
    """
    which = {"project": project_id}
    answered = dict(connection.execute(_ANSWERED, which).all())
    total = count(connection, project_id)
    if connection.execute(_KNOWN_CLASSES, which).scalar() == "answer key":
        total["holdout"] = answered["holdout"] = 0
    return {split: n - answered.get(split, 0) for split, n in total.items()}


def some_unlabeled(
    connection: Connection,
    project_id: int,
    n: int,
    rng: np.random.Generator,
    without: Collection[int],
) -> list[int]:
    """Draw n pool items at random that have no answer and are not among `without`.

    Fewer where there are no more. While many are open they are drawn by their positions, which
    costs the same however many there are; else all that are open are read.
    """
    total = sum(count(connection, project_id).values())
    open_items = count_open(connection, project_id)["pool"]
    drawn: dict[int, None] = {}
    if open_items - len(without) < max(_RARE * total, 4 * n):
        ids = np.setdiff1d(unlabeled(connection, project_id), np.array([*without], np.int64))
        return rng.permutation(ids)[:n].tolist()
    while len(drawn) < n:
        positions = rng.integers(total, size=2 * n).tolist()
        at = dict(
            connection.execute(_OPEN_AT, {"project": project_id, "positions": positions}).all()
        )
        at_hand = (at.get(position) for position in positions)
        drawn |= dict.fromkeys(i for i in at_hand if i is not None and i not in without)
    return list(drawn)[:n]


def unanswered_holdout(connection: Connection, project_id: int) -> np.ndarray:
    """Read the ids of holdout items whose class is not known yet; (M,) int64.

    In a project with an answer key there are none: its holdout is known from the start.
    """
    if count_open(connection, project_id)["holdout"] == 0:
        return np.zeros(0, np.int64)
    rows = connection.execute(
        select(item.c.id)
        .join(project, project.c.id == item.c.project_id)
        .where(
            item.c.project_id == project_id,
            item.c.split == "holdout",
            project.c.known_classes != "answer key",
            ~_answered,
        )
        .order_by(item.c.position)
    ).scalars()
    return np.fromiter(rows, np.int64)


def labeled(connection: Connection, project_id: int) -> tuple[np.ndarray, np.ndarray]:
    """Read the training labels: item ids and class ids, each (L,) int64, in order of answer."""
    rows = connection.execute(
        select(answer.c.item_id, answer.c.class_id)
        .where(
            answer.c.project_id == project_id,
            answer.c.split == "pool",
            answer.c.class_id.is_not(None),
        )
        .order_by(answer.c.event_id)
    ).all()
    return _two(rows)


def holdout(connection: Connection, project_id: int) -> tuple[np.ndarray, np.ndarray]:
    """Read holdout items whose class is known: item ids and class ids, each (M,) int64.

    The class is the answer key's where there is one, else the current label.
    """
    known_classes = connection.execute(
        select(project.c.known_classes).where(project.c.id == project_id)
    ).scalar()
    true_class = today(item.c.true_class)
    query = select(item.c.id, true_class).where(
        item.c.project_id == project_id, item.c.split == "holdout", true_class.is_not(None)
    )
    if known_classes != "answer key":
        query = (
            select(item.c.id, answer.c.class_id)
            .join(answer, answer.c.item_id == item.c.id)
            .where(
                item.c.project_id == project_id,
                item.c.split == "holdout",
                answer.c.class_id.is_not(None),
            )
        )
    return _two(connection.execute(query.order_by(item.c.position)).all())


def answer_key(connection: Connection, project_id: int) -> tuple[np.ndarray, np.ndarray]:
    """Read the hidden true classes of the pool: item ids and class ids, each (N,) int64."""
    true_class = today(item.c.true_class)
    rows = connection.execute(
        select(item.c.id, true_class)
        .where(
            item.c.project_id == project_id,
            item.c.split == "pool",
            true_class.is_not(None),
        )
        .order_by(item.c.position)
    ).all()
    return _two(rows)


def count(connection: Connection, project_id: int) -> dict[str, int]:
    """Read how many items there are by split."""
    rows = connection.execute(_COUNT, {"project": project_id})
    return {"pool": 0, "holdout": 0} | dict(rows.all())


def _numbers(connection: Connection, query: Select[tuple[int]]) -> np.ndarray:
    """Read a column of whole numbers, (n,) int64.

    As one text: row by row it takes ten times as long, and all the while no other thread of this
    process runs.
    """
    (column,) = query.subquery().c
    text = connection.execute(select(func.aggregate_strings(cast(column, String), ","))).scalar()
    return np.fromstring(text or "", np.int64, sep=",")


def _two(rows: Sequence[Any]) -> tuple[np.ndarray, np.ndarray]:
    pairs = np.array([tuple(row) for row in rows], dtype=np.int64).reshape(-1, 2)
    return pairs[:, 0].copy(), pairs[:, 1].copy()
