"""Owns the rows of finished rounds and of the simulated random baseline."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, insert, select
from sqlalchemy.dialects.sqlite import insert as insert_or

from alcore.errors import UnknownItem
from alcore.records import (
    BaselinePoint,
    Calibration,
    Evaluation,
    Learner,
    RecipeSummary,
    RoundSummary,
    StopSignals,
)
from alcore.store.tables import baseline_point, round_

_APART = {"id", "project_id", "number", "created_at", "labels"}
_LATEST = (
    select(round_)
    .where(round_.c.project_id == bindparam("project"))
    .order_by(round_.c.number.desc())
    .limit(1)
)


def next_number(connection: Connection, project_id: int) -> int:
    """Return the number of the project's next round: 1, 2, 3 …"""
    last = connection.execute(
        select(func.max(round_.c.number)).where(round_.c.project_id == project_id)
    ).scalar()
    return (last or 0) + 1


def add(connection: Connection, summary: RoundSummary, last_event: int) -> int:
    """Insert a round whose `id` is not known yet; return the id."""
    body = {key: value for key, value in asdict(summary).items() if key not in _APART}
    return connection.execute(
        insert(round_)
        .values(
            project_id=summary.project_id,
            number=summary.number,
            created_at=summary.created_at,
            labels=summary.labels,
            last_event=last_event,
            summary=body,
        )
        .returning(round_.c.id)
    ).scalar_one()


def all_rounds(connection: Connection, project_id: int) -> list[RoundSummary]:
    """Read a project's rounds by number."""
    rows = connection.execute(
        select(round_).where(round_.c.project_id == project_id).order_by(round_.c.number)
    )
    return [_record(row) for row in rows]


def latest(connection: Connection, project_id: int) -> RoundSummary | None:
    """Read the newest round of a project."""
    row = connection.execute(_LATEST, {"project": project_id}).one_or_none()
    return None if row is None else _record(row)


def numbered(connection: Connection, project_id: int, number: int) -> RoundSummary:
    """Read one round. Raises UnknownItem."""
    row = connection.execute(
        select(round_).where(round_.c.project_id == project_id, round_.c.number == number)
    ).one_or_none()
    if row is None:
        raise UnknownItem(f"there is no model {number}")
    return _record(row)


def last_event(connection: Connection, project_id: int) -> int:
    """Read the newest label event that the latest model knows, 0 without a model."""
    return (
        connection.execute(
            select(func.max(round_.c.last_event)).where(round_.c.project_id == project_id)
        ).scalar()
        or 0
    )


def add_baseline(
    connection: Connection, project_id: int, point: BaselinePoint, seconds: float, now: float
) -> None:
    """Store one simulated training on random labels; a point that is there is kept."""
    connection.execute(
        insert_or(baseline_point)
        .values(
            project_id=project_id,
            learner=fingerprint(point.learner),
            trial=point.trial,
            labels=point.labels,
            evaluation=asdict(point.evaluation),
            seconds=seconds,
            created_at=now,
        )
        .on_conflict_do_nothing()
    )


def baseline(connection: Connection, project_id: int) -> list[BaselinePoint]:
    """Read the simulated points of all learners, by labels and trial."""
    rows = connection.execute(
        select(baseline_point)
        .where(baseline_point.c.project_id == project_id)
        .order_by(baseline_point.c.labels, baseline_point.c.trial)
    )
    return [
        BaselinePoint(
            Learner(**json.loads(row.learner)), row.trial, row.labels, _evaluation(row.evaluation)
        )
        for row in rows
    ]


def fingerprint(learner: Learner) -> str:
    """Return what is the same for equal learners, and can be read."""
    fields = asdict(learner)
    for later in ("tuning", "classes"):  # as it was written before there were any
        if fields[later] == getattr(Learner, later):
            del fields[later]
    return json.dumps(fields, sort_keys=True)


def _evaluation(raw: dict[str, Any]) -> Evaluation:
    tuples = {key: tuple(raw[key]) for key in ("precision", "recall", "support") if raw.get(key)}
    interval = raw.get("interval")
    return Evaluation(
        **raw
        | tuples
        | {
            "interval": tuple(interval) if interval else None,
            "confusion": tuple(tuple(row) for row in raw.get("confusion", ())),
        }
    )


def _record(row: Row[Any]) -> RoundSummary:
    body = dict(row.summary)
    body["evaluation"] = _evaluation(body["evaluation"])
    body["stop"] = StopSignals(**body["stop"])
    if "recipe" in body:
        notes = tuple(body["recipe"]["notes"])
        body["recipe"] = RecipeSummary(**body["recipe"] | {"notes": notes})
    body["learner"] = Learner(**body["learner"])
    if body.get("calibration"):
        shares = tuple(body["calibration"].get("shares", ()))
        body["calibration"] = Calibration(**body["calibration"] | {"shares": shares})
    for key in ("uncertainty", "labels_per_class", "batch_per_class", "class_ids"):
        body[key] = tuple(body.get(key, ()))
    return RoundSummary(
        id=row.id,
        project_id=row.project_id,
        number=row.number,
        created_at=row.created_at,
        labels=row.labels,
        **body,
    )
