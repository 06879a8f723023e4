"""Owns the rows of simulated labeling: what a strategy reaches with answers of the key."""

from __future__ import annotations

from sqlalchemy import Connection, select
from sqlalchemy.dialects.sqlite import insert as insert_or

from alcore.records import Learner, SimulatedPoint
from alcore.store.rounds import fingerprint
from alcore.store.tables import simulated_point


def add(
    connection: Connection, project_id: int, learner: Learner, point: SimulatedPoint, now: float
) -> None:
    """Store one step of a simulation; one that is there is kept."""
    new = insert_or(simulated_point).values(
        project_id=project_id,
        learner=fingerprint(learner),
        strategy=point.strategy,
        labels=point.labels,
        accuracy=point.accuracy,
        batch=list(point.batch),
        created_at=now,
    )
    connection.execute(new.on_conflict_do_nothing())


def of_learner(
    connection: Connection, project_id: int, learner: Learner
) -> dict[str, list[SimulatedPoint]]:
    """Read the steps that were simulated with a learner, by strategy, in their order."""
    points: dict[str, list[SimulatedPoint]] = {}
    for one in of_project(connection, project_id, learner):
        points.setdefault(one.strategy, []).append(one)
    return points


def of_project(
    connection: Connection, project_id: int, learner: Learner | None = None
) -> list[SimulatedPoint]:
    """Read a project's simulated steps in their order; of the newest learner, if none is named."""
    columns = simulated_point.c
    here = select(columns.learner).where(columns.project_id == project_id)
    newest = here.order_by(columns.created_at.desc()).limit(1).scalar_subquery()
    rows = connection.execute(
        select(columns.strategy, columns.labels, columns.accuracy, columns.batch)
        .where(
            columns.project_id == project_id,
            columns.learner == (newest if learner is None else fingerprint(learner)),
        )
        .order_by(columns.strategy, columns.labels)
    )
    return [
        SimulatedPoint(strategy, labels, accuracy, tuple(batch))
        for strategy, labels, accuracy, batch in rows
    ]
