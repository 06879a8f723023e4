"""Owns the questions that the dashboard asks: counts over the log, and what has changed.

Times are Unix seconds in UTC; durations are seconds. A label that was undone does not count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, Table, func, select

from alcore.store import labels
from alcore.store.functions import whole
from alcore.store.tables import (
    annotator,
    baseline_point,
    item,
    label_event,
    project_class,
    round_,
    work,
    work_time,
)

RECENT = 200
"""Answers per annotator that the speed is measured on."""

_undo = label_event.alias("undo")
_not_undone = ~select(_undo.c.id).where(_undo.c.undoes == label_event.c.id).exists()


@dataclass(frozen=True)
class Pulse:
    """Numbers that change when a chart has to: equal pulses, equal charts."""

    round_id: int
    baseline_points: int
    event_id: int
    classes: int


@dataclass(frozen=True)
class LabelCount:
    """Labels that one annotator gave in one stretch of time."""

    start: float
    annotator: str
    labels: int


@dataclass(frozen=True)
class Work:
    """What one annotator did in a project; `seconds` are those of the last 200 answers."""

    annotator: str
    labels: int
    skipped: int
    unsure: int
    undone: int
    last_at: float
    seconds: tuple[float, ...]


@dataclass(frozen=True)
class Picture:
    """What is needed to show the image of an item."""

    item_id: int
    name: str
    content_hash: str
    width: int
    height: int


def pulse(connection: Connection, project_id: int) -> Pulse:
    """Read the counters of a project; costs four look-ups in indexes."""

    def ask(question: ColumnElement[int], table: Table) -> int:
        query = select(question).where(table.c.project_id == project_id)
        return connection.execute(query).scalar() or 0

    return Pulse(
        round_id=ask(func.max(round_.c.id), round_),
        baseline_points=ask(func.count(), baseline_point),
        event_id=ask(func.max(label_event.c.id), label_event),
        classes=ask(func.count(), project_class),
    )


def span(connection: Connection, project_id: int) -> tuple[float, float] | None:
    """Read when people gave the first and the newest label, or None without labels."""
    given = (label_event.c.project_id == project_id, label_event.c.kind == "label")
    # Each by itself is the end of an index; both at once read all of it.
    first, last = (
        connection.execute(select(end(label_event.c.created_at)).where(*given)).scalar()
        for end in (func.min, func.max)
    )
    return None if first is None or last is None else (first, last)


def labels_over_time(
    connection: Connection, project_id: int, width: int, since: float = 0.0
) -> list[LabelCount]:
    """Count labels per annotator in stretches of `width` >= 1 whole seconds, by time.

    Whole quarters of an hour are kept; shorter stretches are counted in the log.
    """
    in_quarters = width % labels.QUARTER == 0 and since % labels.QUARTER == 0
    second = work_time.c.quarter * labels.QUARTER
    source = work_time
    count: ColumnElement[int] = func.sum(work_time.c.labels)
    which = [
        work_time.c.project_id == project_id,
        work_time.c.quarter >= int(since) // labels.QUARTER,
        work_time.c.labels > 0,
    ]
    if not in_quarters:
        second = whole(label_event.c.created_at)
        source, count = label_event, func.count()
        which = [
            label_event.c.project_id == project_id,
            label_event.c.kind == "label",
            label_event.c.created_at >= since,
            _not_undone,
        ]
    start = (second - second % width).label("start")
    rows = connection.execute(
        select(start, annotator.c.name, count)
        .join(annotator, annotator.c.id == source.c.annotator_id)
        .where(*which)
        .group_by(start, annotator.c.name)
        .order_by(start, annotator.c.name)
    )
    return [LabelCount(float(at), name, n) for at, name, n in rows]


def all_work(connection: Connection, project_id: int) -> list[Work]:
    """Read what each annotator did, most labels first; imports are nobody's work."""
    rows = connection.execute(
        select(
            annotator.c.id,
            annotator.c.name,
            work.c.labels,
            work.c.skipped,
            work.c.unsure,
            work.c.undone,
            work.c.last_at,
        )
        .join(annotator, annotator.c.id == work.c.annotator_id)
        .where(work.c.project_id == project_id)
    ).all()
    done = [Work(*row[1:], _seconds(connection, project_id, row.id)) for row in rows]
    return sorted(done, key=lambda w: (-w.labels, w.annotator))


def _seconds(connection: Connection, project_id: int, annotator_id: int) -> tuple[float, ...]:
    """Read how long somebody's last answers took, newest first."""
    rows = connection.execute(
        select(label_event.c.seconds)
        .where(
            label_event.c.annotator_id == annotator_id,
            label_event.c.project_id == project_id,
            label_event.c.kind.in_(["label", "skip", "unsure"]),
            label_event.c.seconds.is_not(None),
        )
        .order_by(label_event.c.id.desc())
        .limit(RECENT)
    )
    return tuple(rows.scalars())


def labels_per_class(connection: Connection, project_id: int) -> dict[int, tuple[int, int]]:
    """Read how many labels count per class id as (for training, for the holdout)."""
    of_class = labels.counts(connection, project_id)
    return {
        c: (of_class.get(("pool", c), 0), of_class.get(("holdout", c), 0))
        for c in {c for _, c in of_class if c}
    }


def pictures(connection: Connection, project_id: int, item_ids: Sequence[int]) -> list[Picture]:
    """Read what shows these items, in the order given; unknown ones are left out."""
    rows = connection.execute(
        select(item.c.id, item.c.name, item.c.content_hash, item.c.width, item.c.height).where(
            item.c.project_id == project_id, item.c.id.in_([int(i) for i in item_ids])
        )
    )
    by_id = {row.id: Picture(*row) for row in rows}
    return [by_id[int(i)] for i in item_ids if int(i) in by_id]
