"""Owns what pages and commands ask about groups: by which column, what is split, bringing together.

Images of one group, such as a patient, lie all in the pool or all in the holdout, since a model
that has seen a patient knows another image of them too well. Nothing that has a label moves.
"""

from __future__ import annotations

from dataclasses import dataclass

from alcore.errors import InvalidSettings, NotAllowed
from alcore.loop import groups
from alcore.metadata import Origin
from alcore.services import audit, metadata, rights
from alcore.store import Connection, Store, metadata_values, projects
from alcore.store import groups as group_rows
from alcore.store.metadata_values import MetadataColumn


@dataclass(frozen=True)
class Grouping:
    """How a project's images are grouped, and what bringing them together would do."""

    column: str
    origin: Origin
    groups: int
    ungrouped: int
    """Images without a value; each stands for itself."""
    split: int
    """Groups that lie in holdout and pool."""
    stuck: int
    """Those of them that cannot be brought together without moving images that have a label."""
    cost: int
    """Such images that would have to move."""
    to_holdout: int
    to_pool: int
    """Images without a label that would move."""


def of_project(store: Store, project_id: int) -> Grouping | None:
    """Say how a project's images are grouped; None where they are not."""
    with store.read() as connection:
        one = groups.column(connection, project_id)
        return None if one is None else _grouping(connection, project_id, one)


def preview(store: Store, project_id: int, column: str, by: int | None = None) -> Grouping:
    """Say what grouping by a column would do; nothing is changed. Raises InvalidSettings."""
    with store.read() as connection:
        rights.check_owner(connection, project_id, by)
        return _grouping(connection, project_id, metadata.named(connection, project_id, column))


def group(store: Store, project_id: int, column: str, by: int | None = None) -> Grouping:
    """Keep images of one value together from now on, and bring those together that can be.

    Images without a label move, nothing else; returns what there is then. Raises InvalidSettings,
    NotAllowed.
    """
    with store.write() as connection:
        rights.check_owner(connection, project_id, by)
        project = projects.get(connection, project_id)
        if project.state != "ready":
            raise NotAllowed("images can be grouped once they are in")
        one = metadata.named(connection, project_id, column)
        ids, settlement = groups.plan(connection, project, one)
        stay = len(ids) - len(settlement.to_pool)
        if not stay:
            raise InvalidSettings(f"grouped by {column!r} no image would be left in the holdout")
        metadata_values.set_grouping(connection, project_id, one.id)
        group_rows.move(connection, project_id, ids[settlement.to_holdout].tolist(), "holdout")
        group_rows.move(connection, project_id, ids[settlement.to_pool].tolist(), "pool")
        audit.note(
            connection,
            project_id,
            by,
            "group",
            name=column,
            to_holdout=len(settlement.to_holdout),
            to_pool=len(settlement.to_pool),
        )
        return _grouping(connection, project_id, one)


def ungroup(store: Store, project_id: int, by: int | None = None) -> None:
    """Keep no images together from now on; none moves. Raises NotAllowed."""
    with store.write() as connection:
        rights.check_owner(connection, project_id, by)
        audit.note(connection, project_id, by, "ungroup")
        metadata_values.set_grouping(connection, project_id, None)


def words(grouping: Grouping) -> list[str]:
    """Say how things stand, in sentences."""
    summary = groups.Summary(grouping.column, grouping.groups, grouping.split)
    notes = [groups.sentence(summary)]
    if grouping.split:
        moves = [
            f"{n:,} into the {to}"
            for n, to in ((grouping.to_holdout, "holdout"), (grouping.to_pool, "pool"))
            if n
        ]
        if moves:
            notes.append(f"Images without a label would move: {' and '.join(moves)}.")
    if grouping.stuck:
        notes.append(
            f"{grouping.stuck:,} of them cannot be brought together: both sides have labels. It "
            f"would cost {grouping.cost:,} labeled images their place, which is not done."
        )
    if grouping.ungrouped:
        notes.append(
            f"{grouping.ungrouped:,} images have no {grouping.column!r}; each stands for itself."
        )
    return notes


def _grouping(connection: Connection, project_id: int, one: MetadataColumn) -> Grouping:
    project = projects.get(connection, project_id)
    ids, settlement = groups.plan(connection, project, one)
    extent = metadata_values.extent(connection, one)
    return Grouping(
        column=one.name,
        origin=one.origin,
        groups=extent.distinct,
        ungrouped=len(ids) - extent.images,
        split=settlement.split,
        stuck=settlement.stuck,
        cost=settlement.cost,
        to_holdout=len(settlement.to_holdout),
        to_pool=len(settlement.to_pool),
    )
