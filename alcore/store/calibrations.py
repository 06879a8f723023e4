"""Owns the temperatures of a project: the newest of each recipe of training."""

from __future__ import annotations

from sqlalchemy import Connection, select
from sqlalchemy.dialects.sqlite import insert as insert_or

from alcore.records import Calibration
from alcore.store.tables import calibration

_VALUES = ("temperature", "labels", "created_at", "of_labels", "shares")


def put(connection: Connection, project_id: int, newest: Calibration) -> None:
    """Store a temperature in place of the last one of its recipe."""
    values = {name: getattr(newest, name) for name in _VALUES}
    values["shares"] = list(newest.shares)
    connection.execute(
        insert_or(calibration)
        .values(project_id=project_id, recipe=newest.recipe, **values)
        .on_conflict_do_update(index_elements=["project_id", "recipe"], set_=values)
    )


def known(connection: Connection, project_id: int) -> tuple[Calibration, ...]:
    """Read the newest temperature of each recipe."""
    rows = connection.execute(
        select(calibration.c.recipe, *(calibration.c[name] for name in _VALUES))
        .where(calibration.c.project_id == project_id)
        .order_by(calibration.c.created_at)
    )
    return tuple(Calibration(**{**row, "shares": tuple(row["shares"])}) for row in rows.mappings())
