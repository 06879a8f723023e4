"""Owns what pages and commands ask about metadata: what is known, bringing it in, removing it.

Who may read file names may read metadata: both may tell an answer.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from alcore.errors import InvalidSettings, NotAllowed, UnknownItem
from alcore.job_kinds import INCOMING
from alcore.loop import metadata_import, waiting_tables
from alcore.loop.metadata_import import MetadataFile, MetadataPlan, usual_columns
from alcore.metadata import (
    EXIF,
    MOST_COLUMNS,
    KindGuess,
    PathPattern,
    Value,
    ValueKind,
    clean_name,
    usual_pattern,
    written,
)
from alcore.records import Job
from alcore.services import audit, rights
from alcore.services.export_rows import PARTS
from alcore.store import Connection, Store, items, jobs, map_points, metadata_values, projects
from alcore.store.metadata_values import Extent, MetadataColumn
from alcore.workers.foreground import run_here

__all__ = ["MetadataFile", "MetadataPlan", "usual_columns"]

MOST_VALUES = 200
"""Values of a text column that are offered, the commonest first; others can be typed."""
MOST_EXAMPLES = 8
_VOTES = ("votes", "vote", "vote by", "vote time", "vote seconds")
WRITTEN = ("item", *_VOTES, *(name for _, columns in PARTS.values() for name in columns))
"""Columns that our exports write and that are no metadata."""


@dataclass(frozen=True)
class KnownColumn:
    """A column and what its values are like."""

    column: MetadataColumn
    extent: Extent
    values: tuple[tuple[str, int], ...]
    """The commonest of a text column, with how many images have each."""


@dataclass(frozen=True)
class Known:
    """What is known of a project's images."""

    columns: tuple[KnownColumn, ...]
    images: int
    job: Job | None
    """The newest reading of paths and files."""


@dataclass
class PathPlan:
    """What a pattern would tell of paths."""

    pattern: PathPattern
    images: int = 0
    matching: int = 0
    kinds: dict[str, ValueKind] = field(default_factory=dict)
    examples: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)
    """Some images whose path does not fit."""


def known(store: Store, project_id: int, by: int | None = None) -> Known:
    """Read what is known of a project's images; nothing for who may not read their names."""
    with store.read() as connection:
        shown = tuple(_described(connection, c) for c in visible(connection, project_id, by))
        images = sum(items.count(connection, project_id).values())
        return Known(shown, images, jobs.newest(connection, project_id, "metadata"))


def columns(store: Store, project_id: int, by: int | None = None) -> list[MetadataColumn]:
    """List the columns of which somebody may read the values."""
    with store.read() as connection:
        return visible(connection, project_id, by)


def column(store: Store, project_id: int, column_id: int, by: int | None = None) -> KnownColumn:
    """Read what a column's values are like. Raises UnknownItem for one that one may not read."""
    with store.read() as connection:
        mine = {c.id: c for c in visible(connection, project_id, by)}
        if column_id not in mine:
            raise UnknownItem("there is no such column of metadata; reload the page")
        return _described(connection, mine[column_id])


def _described(connection: Connection, one: MetadataColumn) -> KnownColumn:
    is_text = one.kind == "text"
    commonest = metadata_values.commonest(connection, one, MOST_VALUES) if is_text else []
    return KnownColumn(one, metadata_values.extent(connection, one), tuple(commonest))


def known_job(store: Store, project_id: int) -> Job | None:
    """Read the newest reading of paths and files."""
    with store.read() as connection:
        return jobs.newest(connection, project_id, "metadata")


def as_row(one: KnownColumn, images: int) -> dict[str, object]:
    """Say in a row of a table what a column is like."""
    kind, extent = one.column.kind, one.extent
    if extent.low is not None and extent.high is not None:
        ends = f"{written(kind, extent.low)} to {written(kind, extent.high)}"
    else:
        ends = ", ".join(f"{value} ({n:,})" for value, n in one.values[:3])
    return {
        "column": one.column.name,
        "kind": kind,
        "from": f"path {one.column.pattern}"
        if one.column.pattern and one.column.origin == "path"
        else one.column.origin,
        "known of": f"{extent.images:,} of {images:,} images",
        "values": extent.distinct,
        "such as": ends,
    }


def visible(connection: Connection, project_id: int, by: int | None) -> list[MetadataColumn]:
    """List the columns of which somebody may read the values."""
    if not rights.sees_names(connection, project_id, by):
        return []
    return metadata_values.columns(connection, project_id)


def of(
    store: Store, project_id: int, item_ids: list[int], by: int | None = None
) -> dict[int, dict[str, Value]]:
    """Read what somebody may know of images: values by item id and column name."""
    with store.read() as connection:
        return of_images(connection, project_id, by, item_ids)


def of_images(
    connection: Connection, project_id: int, by: int | None, item_ids: list[int]
) -> dict[int, dict[str, Value]]:
    """Read what somebody may know of images: values by column name, as they are written."""
    columns = {c.id: c for c in visible(connection, project_id, by)}
    if not columns:
        return {}
    values = metadata_values.of_items(connection, project_id, item_ids)
    return {
        item_id: {columns[c].name: written(columns[c].kind, v) for c, v in row.items()}
        for item_id, row in values.items()
    }


# -- from a table ------------------------------------------------------------------------------


def preview(
    store: Store, project_id: int, file: MetadataFile, by: int | None = None
) -> MetadataPlan:
    """Say what a table would bring; nothing is changed.

    Raises NotAllowed, UnreadableLabels, InvalidSettings.
    """
    with store.read() as connection:
        rights.check_owner(connection, project_id, by)
    return metadata_import.look(store, project_id, file, WRITTEN)


def bring(store: Store, project_id: int, file: MetadataFile, by: int | None = None) -> MetadataPlan:
    """Take over what a table knows, all of it or nothing, and return what that was.

    Values that are there and that the table does not name stay. Raises as `preview`.
    """
    with store.read() as connection:
        rights.check_owner(connection, project_id, by)
        rights.check_not_archived(connection, project_id)
        if projects.get(connection, project_id).state != "ready":
            raise NotAllowed("metadata can come in once the images are in")

    def within(connection: Connection, plan: MetadataPlan) -> None:
        names = [column.name for column in plan.columns if column.is_affected]
        source, values = file.name or file.path.name, plan.new + plan.changed
        rights.check_owner(connection, project_id, by)
        audit.note(
            connection, project_id, by, "metadata", values=values, names=names, source=source
        )

    return metadata_import.bring(store, project_id, file, WRITTEN, within)


def words(plan: MetadataPlan) -> list[str]:
    """Say what somebody should know of a plan besides its numbers."""
    notes = []
    if plan.reasons:
        count = sum(plan.reasons.values())
        most = plan.reasons.most_common(5)
        reasons = "; ".join(f"{n:,}: {reason}" for reason, n in most)
        more = "; and others" if len(plan.reasons) > len(most) else ""
        notes.append(f"lines or values that bring nothing: {count:,} ({reasons}{more})")
    if plan.images < plan.all_images:
        notes.append(f"{plan.all_images - plan.images:,} images of the project are not in the file")
    for column in plan.columns:
        if column.changed:
            notes.append(
                f"{column.changed:,} images have another {column.name!r}, which would change"
            )
    return notes


def summary(plan: MetadataPlan) -> dict[str, object]:
    """Write a plan as plain values."""
    return {
        "lines": plan.lines,
        "images": plan.images,
        "images of the project": plan.all_images,
        "columns": [
            {
                "name": c.name,
                "kind": c.kind,
                "new": c.new,
                "changed": c.changed,
                "unchanged": c.unchanged,
            }
            for c in plan.columns
        ],
        "left out": dict(plan.reasons),
        "problems": [{"line": p.line, "file": p.file, "reason": p.reason} for p in plan.problems],
    }


# -- from paths and files ----------------------------------------------------------------------


def example_pattern(store: Store, project_id: int) -> str:
    """Write a pattern for a project's paths, to be changed; empty where there are no folders."""
    with store.read() as connection:
        some = items.page(connection, project_id, 0, 1)
    return usual_pattern(some[0].name) if some else ""


def preview_path(store: Store, project_id: int, pattern: str, by: int | None = None) -> PathPlan:
    """Say what a pattern would tell of the paths. Raises InvalidSettings, NotAllowed."""
    plan = PathPlan(PathPattern.of(pattern.strip()))
    with store.read() as connection:
        rights.check_owner(connection, project_id, by)
        names = map_points.names(connection, project_id)
    guesses = {name: KindGuess() for name in plan.pattern.fields}
    for name in names:
        values = plan.pattern.values(name)
        plan.images += 1
        if values is None:
            if len(plan.strangers) < MOST_EXAMPLES:
                plan.strangers.append(name)
            continue
        plan.matching += 1
        if len(plan.examples) < MOST_EXAMPLES:
            plan.examples.append((name, values))
        for column, value in values.items():
            guesses[column].add(value)
    plan.kinds = {name: guess.kind for name, guess in guesses.items()}
    return plan


def add_path(
    store: Store,
    project_id: int,
    pattern: str,
    kinds: Mapping[str, ValueKind] | None = None,
    by: int | None = None,
) -> list[str]:
    """Let parts of the path be metadata, of images that come later too; return the new columns.

    They are read in the background. Raises InvalidSettings where no path fits, or where a column
    of the name is something else.
    """
    plan = preview_path(store, project_id, pattern, by)
    if not plan.matching:
        raise InvalidSettings(
            f"no path fits {plan.pattern.text!r}; a path is such as {plan.strangers[0]!r}"
            if plan.strangers
            else "the project has no images"
        )
    new = [
        MetadataColumn(0, name, kind, "path", plan.pattern.text, 0, False)
        for name, kind in (plan.kinds | dict(kinds or {})).items()
    ]
    return _add(store, project_id, new, f"the path {plan.pattern.text}", by)


@dataclass(frozen=True)
class Wish:
    """What an import shall bring to know of its images."""

    pattern: str = ""
    """Of their paths, whose parts are columns."""
    exif: bool = False
    table: MetadataFile | None = None
    """With a row per image; its columns are settled."""
    group: str = ""
    """The column by which images stay together, in holdout or pool; empty for none."""

    @property
    def fields(self) -> tuple[str, ...]:
        """Name the parts of the path. Raises InvalidSettings."""
        return PathPattern.of(self.pattern.strip()).fields if self.pattern.strip() else ()

    @property
    def names(self) -> list[str]:
        """Name the columns by which images can stay together. Raises InvalidSettings."""
        return [*self.fields, *(map(clean_name, self.table.columns) if self.table else ())]


def table_for_import(path: Path, name: str = "", image_column: str = "") -> MetadataFile:
    """Settle what a table would bring to an import. Raises UnreadableLabels, InvalidSettings."""
    return metadata_import.settled(MetadataFile(path, image_column, name=name), WRITTEN)


def check_wish(wish: Wish) -> None:
    """Raise InvalidSettings for what no import can bring."""
    if wish.group and wish.group not in wish.names:
        raise InvalidSettings(
            f"images can be kept together by a part of the path or a column of the table; "
            f"{wish.group!r} is none of: {', '.join(wish.names) or 'none, as neither was said'}"
        )
    twice = [name for name in wish.fields if wish.names.count(name) > 1]
    if twice:
        raise InvalidSettings(f"path and table both tell {twice[0]!r}; choose one of them")
    if len(wish.names) + (len(EXIF) if wish.exif else 0) > MOST_COLUMNS:
        raise InvalidSettings(f"a project has at most {MOST_COLUMNS} columns of metadata")


def before_import(store: Store, project_id: int, wish: Wish) -> None:
    """Let a project that is being imported bring this. Raises InvalidSettings, ExportFailed."""
    check_wish(wish)
    wanted = [
        MetadataColumn(0, name, "text", "path", wish.pattern.strip(), 0, name == wish.group)
        for name in wish.fields
    ]
    wanted += _exif_columns() if wish.exif else []
    if wish.table is not None:
        group = "" if wish.group in wish.fields else wish.group
        waiting_tables.keep(store.folder(project_id), wish.table, group)
    with store.publish(project_id, INCOMING) as connection:
        if projects.get(connection, project_id).state != "importing":
            raise InvalidSettings("the images are in already; bring metadata in by its own command")
        for column in wanted:
            number = metadata_values.begin(connection, project_id, column, time.time())
            metadata_values.accept(connection, number, None)


def _exif_columns() -> list[MetadataColumn]:
    kinds: dict[str, ValueKind] = {"date taken": "date", "camera": "text"}
    return [MetadataColumn(0, name, kinds[name], "exif", name, 0, False) for name in EXIF]


def read_exif(store: Store, project_id: int, by: int | None = None) -> list[str]:
    """Let date taken and camera be metadata, of images that come later too."""
    return _add(store, project_id, _exif_columns(), "EXIF", by)


def _add(
    store: Store, project_id: int, wanted: list[MetadataColumn], source: str, by: int | None
) -> list[str]:
    now = time.time()
    with store.write() as connection:
        rights.check_owner(connection, project_id, by)
        there = {c.name: c for c in metadata_values.columns(connection, project_id)}
        for column in wanted:
            before = there.get(column.name)
            if before and (before.origin, before.pattern) != (column.origin, column.pattern):
                raise InvalidSettings(
                    f"there is a column {column.name!r} already, of something else; remove it or "
                    "name this one otherwise"
                )
        new = [column for column in wanted if column.name not in there]
        if len(there) + len(new) > MOST_COLUMNS:
            raise InvalidSettings(f"a project has at most {MOST_COLUMNS} columns of metadata")
        for column in new:
            number = metadata_values.begin(connection, project_id, column, now)
            metadata_values.accept(connection, number, None)
        names = [column.name for column in new]
        if names:
            audit.note(
                connection, project_id, by, "metadata", values="the", names=names, source=source
            )
        jobs.request(connection, project_id, "metadata", now)
    return names


def read_now(store: Store, project_id: int, threads: int) -> None:
    """Read what paths and files tell in this process. Raises what the job raises."""
    busy = "metadata of this project is being read by another process; it goes on there"

    def ask(connection: Connection) -> None:
        jobs.request(connection, project_id, "metadata", time.time())

    run_here(store, project_id, "metadata", threads, ask, busy)


def stop(store: Store, project_id: int, by: int | None = None) -> None:
    """End the reading of paths and files; it is gone on with when it is asked for again."""
    with store.write() as connection:
        rights.check_owner(connection, project_id, by)
        audit.note(connection, project_id, by, "stop metadata")
        jobs.cancel(connection, project_id, "metadata", time.time())


def remove(store: Store, project_id: int, name: str, by: int | None = None) -> None:
    """Forget a column and all its values. Raises NotAllowed, InvalidSettings for none of the name.

    The images themselves, and files that were exported, are not touched.
    """
    with store.write() as connection:
        rights.check_owner(connection, project_id, by)
        column = named(connection, project_id, name)
        audit.note(connection, project_id, by, "remove metadata", name=name)
        metadata_values.hide(connection, project_id, column.id)
    metadata_import.sweep(store, project_id, [column.id])


def named(connection: Connection, project_id: int, name: str) -> MetadataColumn:
    """Find a column by its name. Raises InvalidSettings, naming the others."""
    columns = metadata_values.columns(connection, project_id)
    for column in columns:
        if column.name == name:
            return column
    others = ", ".join(repr(column.name) for column in columns) or "none yet"
    raise InvalidSettings(f"no column of metadata is called {name!r}; there are: {others}")
