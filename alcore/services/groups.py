"""Owns what pages and commands ask about groups: by which column, what is split, bringing together.

Images of one group, such as a patient, lie all in the pool or all in the holdout, since a model
that has seen a patient knows another image of them too well. Nothing that has a label moves.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from alcore.errors import InvalidSettings, NotAllowed
from alcore.loop import groups
from alcore.metadata import Origin
from alcore.records import Project, RoundSummary
from alcore.services import audit, metadata, rights
from alcore.store import Connection, Store, items, metadata_values, near_duplicates, projects
from alcore.store import groups as group_rows
from alcore.store.metadata_values import MetadataColumn


@dataclass(frozen=True)
class Grouping:
    """How a project's images are grouped, and what bringing them together would do."""

    column: str | None
    """None where only near-duplicates stay together."""
    origin: Origin | None
    near: bool
    """Near-duplicates stay together."""
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
    """Say how a project's images are grouped by a column; None where they are not."""
    with store.read() as connection:
        one = groups.column(connection, project_id)
        return None if one is None else _grouping(connection, project_id, one)


def of_near_duplicates(store: Store, project_id: int) -> Grouping | None:
    """Say how groups of near-duplicates lie, by themselves; None where there are none."""
    with store.read() as connection:
        if not near_duplicates.any_there(connection, project_id):
            return None
        return _grouping(connection, project_id, None)


def since(store: Store, project_id: int, model: RoundSummary) -> str:
    """Say where a model was measured before images changed sides; empty where it was not."""
    with store.read() as connection:
        return groups.since(projects.get(connection, project_id), model)


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
        to_holdout, to_pool = _bring_together(connection, project, one)
        metadata_values.set_grouping(connection, project_id, one.id)
        audit.note(
            connection,
            project_id,
            by,
            "group",
            name=column,
            to_holdout=to_holdout,
            to_pool=to_pool,
        )
        return _grouping(connection, project_id, one)


def bring_together(store: Store, project_id: int, by: int | None = None) -> Grouping | None:
    """Bring near-duplicates together that lie both in the holdout and in the pool.

    As far as nothing that has a label moves; what a column groups stays together. Returns how they
    lie then. Raises NotAllowed, InvalidSettings where the holdout would be empty.
    """
    with store.write() as connection:
        rights.check_owner(connection, project_id, by)
        project = projects.get(connection, project_id)
        one = groups.column(connection, project_id)
        to_holdout, to_pool = _bring_together(connection, project, one)
        moved = {"to_holdout": to_holdout, "to_pool": to_pool}
        audit.note(connection, project_id, by, "near-duplicates", **moved)
    return of_near_duplicates(store, project_id)


def _bring_together(
    connection: Connection, project: Project, one: MetadataColumn | None
) -> tuple[int, int]:
    """Move images as far as none has a label; return how many into holdout and pool."""
    ids, _, settlement = groups.plan(connection, project, one)
    held = items.count(connection, project.id)["holdout"]
    if held and held + len(settlement.to_holdout) == len(settlement.to_pool):
        name = "grouped so" if one is None else f"grouped by {one.name!r}"
        raise InvalidSettings(f"{name} no image would be left in the holdout")
    to_holdout, to_pool = ids[settlement.to_holdout].tolist(), ids[settlement.to_pool].tolist()
    now = time.time()
    group_rows.move(connection, project.id, to_holdout, "holdout", now)
    group_rows.move(connection, project.id, to_pool, "pool", now)
    return len(settlement.to_holdout), len(settlement.to_pool)


def ungroup(store: Store, project_id: int, by: int | None = None) -> None:
    """Keep no images together from now on; none moves. Raises NotAllowed."""
    with store.write() as connection:
        rights.check_owner(connection, project_id, by)
        audit.note(connection, project_id, by, "ungroup")
        metadata_values.set_grouping(connection, project_id, None)


def words(grouping: Grouping) -> list[str]:
    """Say how things stand, in sentences."""
    summary = groups.Summary(grouping.column, grouping.near, grouping.groups, grouping.split)
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
    if grouping.ungrouped and grouping.column is not None:
        notes.append(
            f"{grouping.ungrouped:,} images have no {grouping.column!r}; each stands for itself."
        )
    return notes


def _grouping(connection: Connection, project_id: int, one: MetadataColumn | None) -> Grouping:
    project = projects.get(connection, project_id)
    ids, of, settlement = groups.plan(connection, project, one)
    known = 0 if one is None else metadata_values.extent(connection, one).images
    return Grouping(
        column=None if one is None else one.name,
        origin=None if one is None else one.origin,
        near=near_duplicates.any_there(connection, project_id),
        groups=int(of.max(initial=-1)) + 1,
        ungrouped=len(ids) - known,
        split=settlement.split,
        stuck=settlement.stuck,
        cost=settlement.cost,
        to_holdout=len(settlement.to_holdout),
        to_pool=len(settlement.to_pool),
    )
