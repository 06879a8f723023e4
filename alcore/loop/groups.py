"""Owns how a project's images are grouped, by the column of metadata that says so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from alcore.grouping import Settlement, draw, settle
from alcore.loop.randomness import rng
from alcore.metadata import PathPattern, Value, parse
from alcore.records import Project
from alcore.store import Connection, additions, items, metadata_values
from alcore.store import groups as group_rows
from alcore.store.metadata_values import MetadataColumn


def column(connection: Connection, project_id: int) -> MetadataColumn | None:
    """Read the column by which a project's images stay together; None for none."""
    columns = metadata_values.columns(connection, project_id)
    return next((one for one in columns if one.grouping), None)


def of_images(connection: Connection, one: MetadataColumn, ids: np.ndarray) -> np.ndarray:
    """Return the group of each image (N,) int64 by its id; -1 without a value."""
    item_ids, values = metadata_values.values(connection, one.id)
    _, places = np.unique(values, return_inverse=True)
    order = np.argsort(ids, kind="stable")
    groups = np.full(len(ids), -1, np.int64)
    if len(item_ids):
        groups[order[np.searchsorted(ids[order], item_ids)]] = places
    return groups


def plan(
    connection: Connection, project: Project, one: MetadataColumn
) -> tuple[np.ndarray, Settlement]:
    """Tell how groups could be brought together; returns the item ids (N,) by position too."""
    ids, classes, held = items.outline(connection, project.id)
    fixed = np.isin(ids, group_rows.fixed(connection, project.id))
    could_be_held = classes > 0 if project.has_key else np.ones(len(ids), bool)
    groups = of_images(connection, one, ids)
    return ids, settle(groups, held, fixed, could_be_held, rng(project.settings, "groups"))


def split_new(
    connection: Connection,
    project: Project,
    rows: Sequence[dict[str, Any]],
    known: bool,
    size: int,
) -> bool:
    """Split new images, given as rows, by their groups; return False where none is told of them.

    A group that is there is followed; of the others about as many images go to the holdout as make
    up `size` with these. known: only images whose class is known can be in it.
    """
    one = column(connection, project.id)
    if one is None or one.origin != "path":
        return False
    pattern = PathPattern.of(one.pattern)
    values = [(pattern.values(str(row["name"])) or {}).get(one.name) for row in rows]
    sides = group_rows.sides(connection, project.id, one, [v for v in values if v])
    new = np.array([value not in sides for value in values], bool)
    could = np.array([row["true_class"] is not None or not known for row in rows], bool)
    for row, value, may in zip(rows, values, could.tolist(), strict=True):
        if value in sides and sides[value] == "holdout" and may:
            row["split"] = "holdout"
    followed = sum(row["split"] == "holdout" for row in rows)
    groups = _numbered([value for value, mine in zip(values, new, strict=True) if mine])
    first = str(rows[0]["position"])
    held = draw(groups, could[new], max(0, size - followed), rng(project.settings, "new", first))
    for place in np.flatnonzero(new)[held].tolist():
        rows[place]["split"] = "holdout"
    return True


def note_new(connection: Connection, project_id: int, rows: Sequence[dict[str, Any]]) -> None:
    """Note at once in which groups new images are, so that those that come after follow them."""
    one = column(connection, project_id)
    if one is None or one.origin != "path" or not rows:
        return
    pattern = PathPattern.of(one.pattern)
    ids = additions.ids_at(connection, project_id, [int(row["position"]) for row in rows])
    values: dict[int, Value] = {}
    for row in rows:
        text = (pattern.values(str(row["name"])) or {}).get(one.name)
        value = parse(one.kind, text) if text else None
        if value is not None:
            values[ids[int(row["position"])]] = value
    metadata_values.put(connection, project_id, one.id, values)


def _numbered(values: Sequence[str | None]) -> np.ndarray:
    places: dict[str, int] = {}
    numbers = [-1 if v is None else places.setdefault(v, len(places)) for v in values]
    return np.array(numbers, np.int64)


def drawn_at_import(
    connection: Connection, project: Project, ids: np.ndarray, could: np.ndarray, size: int
) -> np.ndarray | None:
    """Draw the holdout of images (N,) by groups: ids (n,); None where there are no groups."""
    one = column(connection, project.id)
    if one is None:
        return None
    groups = of_images(connection, one, ids)
    return ids[draw(groups, could, size, rng(project.settings, "holdout"))]


@dataclass(frozen=True)
class Summary:
    """By which column images stay together, and how many groups lie in both nevertheless."""

    column: str
    groups: int
    split: int


def summary(connection: Connection, project: Project) -> Summary | None:
    """Say how a project's images are grouped; None where they are not."""
    one = column(connection, project.id)
    if one is None:
        return None
    _, settlement = plan(connection, project, one)
    return Summary(one.name, metadata_values.extent(connection, one).distinct, settlement.split)


def sentence(now: Summary | None) -> str:
    """Say what that means for what is measured; empty where images are not grouped."""
    if now is None:
        return ""
    if not now.split:
        return f"No {now.column!r} lies both in the holdout and in the pool."
    return (
        f"{now.split:,} of {now.groups:,} groups by {now.column!r} lie both in the holdout and in "
        "the pool, so that accuracy may be measured as better than it is."
    )
