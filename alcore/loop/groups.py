"""Owns how a project's images are grouped: by a column of metadata, and as near-duplicates.

What either of them keeps together stays together.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from alcore.grouping import Settlement, draw, settle
from alcore.loop.randomness import rng
from alcore.metadata import PathPattern, Value, parse
from alcore.near_duplicates import components
from alcore.records import Project, RoundSummary, Split
from alcore.store import Connection, additions, items, metadata_values, near_duplicates
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


def near_of(connection: Connection, project_id: int, ids: np.ndarray) -> np.ndarray:
    """Return the group of near-duplicates of each image (N,) int64 by its id; -1 for none."""
    members, firsts = near_duplicates.groups(connection, project_id)
    order = np.argsort(ids, kind="stable")
    near = np.full(len(ids), -1, np.int64)
    if len(members):
        near[order[np.searchsorted(ids[order], members)]] = firsts
    return near


def together(*parts: np.ndarray) -> np.ndarray:
    """Return the groups of N images that none of some parts (N,) divides, from 0 on; -1 for none.

    Parts have groups of their own, by any numbers from 0 on.
    """
    pairs = []
    for part in parts:
        members = np.flatnonzero(part >= 0)
        _, first, of = np.unique(part[members], return_index=True, return_inverse=True)
        pairs.append(np.column_stack([members[first][of], members]))
    groups = components(np.concatenate(pairs), len(parts[0]))
    inside = groups >= 0
    groups[inside] = np.unique(groups[inside], return_inverse=True)[1]
    return groups


def of_project(
    connection: Connection, project: Project, one: MetadataColumn | None, ids: np.ndarray
) -> np.ndarray:
    """Return the group of each image (N,) int64 by a column, if any, and as near-duplicates."""
    parts = [near_of(connection, project.id, ids)]
    if one is not None:
        parts.append(of_images(connection, one, ids))
    return together(*parts)


def plan(
    connection: Connection, project: Project, one: MetadataColumn | None
) -> tuple[np.ndarray, np.ndarray, Settlement]:
    """Tell how groups could be brought together; returns the item ids (N,) by position, and the
    group of each, too."""
    ids, classes, held = items.outline(connection, project.id)
    fixed = np.isin(ids, group_rows.fixed(connection, project.id))
    could_be_held = classes > 0 if project.has_key else np.ones(len(ids), bool)
    groups = of_project(connection, project, one, ids)
    return ids, groups, settle(groups, held, fixed, could_be_held, rng(project.settings, "groups"))


def split_new(
    connection: Connection,
    project: Project,
    rows: Sequence[dict[str, Any]],
    known: bool,
    size: int,
    pairs: np.ndarray,
) -> bool:
    """Split new images, given as rows, by their groups; return False where none is told of them.

    pairs: near-duplicates (P, 2) by position, at least one of each is new. A group that is there is
    followed; of the others about as many images go to the holdout as make up `size` with these.
    known: only images whose class is known can be in it.
    """
    one = column(connection, project.id)
    texts = _path_values(one, rows)
    if one is None or one.origin != "path":
        one = None
        if not len(pairs):
            return False
    start = int(rows[0]["position"])
    inside = pairs[pairs[:, 0] >= start] - start
    of_new = together(components(inside, len(rows)), _numbered(texts))
    there = _followed(connection, project.id, pairs[pairs[:, 0] < start])
    sides = {} if one is None else group_rows.sides(connection, project.id, one, _known(texts))
    follows = np.full(len(rows), "", dtype="<U7")
    for place, text in enumerate(texts):
        own = {there.get(start + place, ""), sides.get(text or "", "")}
        follows[place] = "pool" if "pool" in own else "holdout" if "holdout" in own else ""
    for group in np.unique(of_new[(of_new >= 0) & (follows != "")]).tolist():
        mine = of_new == group
        follows[mine] = "pool" if (follows[mine] == "pool").any() else "holdout"
    could = np.array([row["true_class"] is not None or not known for row in rows], bool)
    held = (follows == "holdout") & could
    new = follows == ""
    missing = max(0, size - int(held.sum()))
    held[new] |= draw(of_new[new], could[new], missing, rng(project.settings, "new", str(start)))
    for place in np.flatnonzero(held).tolist():
        rows[place]["split"] = "holdout"
    return True


def _path_values(one: MetadataColumn | None, rows: Sequence[dict[str, Any]]) -> list[str | None]:
    """Read of new images' paths by what they are grouped; None for what is not told by them."""
    if one is None or one.origin != "path":
        return [None] * len(rows)
    pattern = PathPattern.of(one.pattern)
    return [(pattern.values(str(row["name"])) or {}).get(one.name) for row in rows]


def _known(texts: Sequence[str | None]) -> list[str]:
    return [text for text in texts if text]


def _followed(connection: Connection, project_id: int, pairs: np.ndarray) -> dict[int, Split]:
    """Tell where the images lie that new ones are like; one in both counts as the pool's.

    pairs (P, 2): the position of one that is there, and of a new one.
    """
    split = items.splits_at(connection, project_id, np.unique(pairs[:, 0]).tolist())
    result: dict[int, Split] = {}
    for old, new in pairs.tolist():
        result[new] = "pool" if "pool" in (split[old], result.get(new)) else "holdout"
    return result


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
    connection: Connection,
    project: Project,
    ids: np.ndarray,
    could: np.ndarray,
    size: int,
    near: np.ndarray,
) -> np.ndarray | None:
    """Draw the holdout of images (N,) by groups: ids (n,); None where there are no groups.

    near: (N,) the group of near-duplicates of each.
    """
    one = column(connection, project.id)
    if one is None and (near < 0).all():
        return None
    groups = near if one is None else together(of_images(connection, one, ids), near)
    return ids[draw(groups, could, size, rng(project.settings, "holdout"))]


@dataclass(frozen=True)
class Summary:
    """By what images stay together, and how many groups lie in both nevertheless."""

    column: str | None
    near: bool
    """Near-duplicates stay together."""
    groups: int
    split: int

    @property
    def name(self) -> str:
        """What its groups are called."""
        if self.column is None:
            return "groups of near-duplicates"
        return f"groups by {self.column!r}{' and of near-duplicates' if self.near else ''}"


def summary(connection: Connection, project: Project) -> Summary | None:
    """Say how a project's images are grouped; None where they are not."""
    one = column(connection, project.id)
    near = near_duplicates.any_there(connection, project.id)
    if one is None and not near:
        return None
    _, groups, settlement = plan(connection, project, one)
    name = None if one is None else one.name
    return Summary(name, near, int(groups.max(initial=-1)) + 1, settlement.split)


def since(project: Project, model: RoundSummary) -> str:
    """Say where a model was measured before images changed sides; empty where it was not."""
    if project.split_at is None or model.created_at >= project.split_at:
        return ""
    day = time.strftime("%d %B %Y, %H:%M", time.localtime(project.split_at))
    return (
        f"Model {model.number} was trained and measured before images moved between holdout and "
        f"pool ({day}): its accuracy is that on the holdout of then. The next model has today's."
    )


def sentence(now: Summary | None) -> str:
    """Say what that means for what is measured; empty where images are not grouped."""
    if now is None:
        return ""
    if not now.split:
        alike = "near-duplicates lie" if now.near else "lies"
        of = "" if now.column is None else f" {now.column!r}"
        both = " and no" if now.column is not None and now.near else ""
        return f"No{of}{both} {alike} both in the holdout and in the pool."
    return (
        f"{now.split:,} of {now.groups:,} {now.name} lie both in the holdout and in "
        "the pool, so that accuracy may be measured as better than it is."
    )
