"""Owns the questions that the dashboard asks: counts over the log, and what has changed.

Times are Unix seconds in UTC; durations are seconds. A label that was undone does not count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, Integer, Table, cast, func, select

from alcore.store.tables import (
    annotator,
    answer,
    baseline_point,
    item,
    label_event,
    project_class,
    round_,
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
    first_at: float
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


def unlabeled(connection: Connection, project_id: int) -> int:
    """Count pool items without an answer."""
    everything = select(func.count()).where(item.c.project_id == project_id, item.c.split == "pool")
    answered = select(func.count()).where(
        answer.c.project_id == project_id, answer.c.split == "pool"
    )
    return connection.execute(everything).scalar_one() - connection.execute(answered).scalar_one()


def span(connection: Connection, project_id: int) -> tuple[float, float] | None:
    """Read when people gave the first and the newest label, or None without labels."""
    row = connection.execute(
        select(func.min(label_event.c.created_at), func.max(label_event.c.created_at)).where(
            label_event.c.project_id == project_id, label_event.c.kind == "label"
        )
    ).one()
    return None if row[0] is None else (row[0], row[1])


def labels_over_time(
    connection: Connection, project_id: int, width: int, since: float = 0.0
) -> list[LabelCount]:
    """Count labels per annotator in stretches of `width` >= 1 whole seconds, by time."""
    second = cast(label_event.c.created_at, Integer)
    start = (second - second % width).label("start")
    rows = connection.execute(
        select(start, annotator.c.name, func.count())
        .join(annotator, annotator.c.id == label_event.c.annotator_id)
        .where(
            label_event.c.project_id == project_id,
            label_event.c.kind == "label",
            label_event.c.created_at >= since,
            _not_undone,
        )
        .group_by(start, annotator.c.name)
        .order_by(start, annotator.c.name)
    )
    return [LabelCount(float(at), name, n) for at, name, n in rows]


def work(connection: Connection, project_id: int) -> list[Work]:
    """Read what each annotator did, most labels first; imports are nobody's work."""
    mine = (label_event.c.project_id == project_id) & label_event.c.kind.in_(
        ["label", "skip", "unsure"]
    )
    counts = connection.execute(
        select(
            annotator.c.name,
            func.count().filter(label_event.c.kind == "label", _not_undone),
            func.count().filter(label_event.c.kind == "skip", _not_undone),
            func.count().filter(label_event.c.kind == "unsure", _not_undone),
            func.count().filter(~_not_undone),
            func.min(label_event.c.created_at),
            func.max(label_event.c.created_at),
        )
        .join(annotator, annotator.c.id == label_event.c.annotator_id)
        .where(mine)
        .group_by(annotator.c.name)
    ).all()
    ranked = (
        select(
            label_event.c.annotator_id,
            label_event.c.seconds,
            func.row_number()
            .over(partition_by=label_event.c.annotator_id, order_by=label_event.c.id.desc())
            .label("place"),
        )
        .where(mine, label_event.c.seconds.is_not(None))
        .subquery()
    )
    speeds: dict[str, list[float]] = {}
    for name, seconds in connection.execute(
        select(annotator.c.name, ranked.c.seconds)
        .join(ranked, ranked.c.annotator_id == annotator.c.id)
        .where(ranked.c.place <= RECENT)
    ):
        speeds.setdefault(name, []).append(seconds)
    work = [Work(*(*row, tuple(speeds.get(row[0], ())))) for row in counts]
    return sorted(work, key=lambda w: (-w.labels, w.annotator))


def labels_per_class(connection: Connection, project_id: int) -> dict[int, tuple[int, int]]:
    """Count current labels per class id as (for training, for the holdout)."""
    rows = connection.execute(
        select(
            answer.c.class_id,
            func.count().filter(answer.c.split == "pool"),
            func.count().filter(answer.c.split == "holdout"),
        )
        .where(answer.c.project_id == project_id, answer.c.class_id.is_not(None))
        .group_by(answer.c.class_id)
    )
    return {class_id: (training, held) for class_id, training, held in rows}


def pictures(connection: Connection, project_id: int, item_ids: Sequence[int]) -> list[Picture]:
    """Read what shows these items, in the order given; unknown ones are left out."""
    rows = connection.execute(
        select(item.c.id, item.c.name, item.c.content_hash, item.c.width, item.c.height).where(
            item.c.project_id == project_id, item.c.id.in_([int(i) for i in item_ids])
        )
    )
    by_id = {row.id: Picture(*row) for row in rows}
    return [by_id[int(i)] for i in item_ids if int(i) in by_id]
