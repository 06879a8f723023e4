"""Owns how what a table knows of images comes into a project: looked at first, then whole.

Read twice in blocks: once to tell what it would change, once to write it. Besides a block, memory
holds some 20 bytes per image of the project. A column is written aside and accepted at once.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

import numpy as np

from alcore import label_formats, names
from alcore.errors import InvalidSettings, NotAllowed, UnreadableLabels
from alcore.label_formats.wide_tables import WideTable, open_table
from alcore.loop.image_matching import Images
from alcore.metadata import (
    KINDS,
    MOST_COLUMNS,
    KindGuess,
    Value,
    ValueKind,
    clean_name,
    fault,
    parse,
)
from alcore.store import Connection, Store, label_imports, metadata_values
from alcore.store.metadata_values import MetadataColumn

MOST_PROBLEMS = 1_000
"""Lines that are named with what is wrong with them; the others are counted."""
BLOCK = 1_000
"""Rows that are compared or written at once."""
PAUSE = 0.005
"""Seconds between two transactions, so that whoever waits comes first."""
TWICE = "two lines say different things of one image"


@dataclass(frozen=True)
class MetadataFile:
    """A table, and how to read it."""

    path: Path
    image_column: str = ""
    """Empty: the one with a usual name."""
    columns: tuple[str, ...] = ()
    """Empty: all but those that name the image and its class, or that our exports write."""
    kinds: Mapping[str, ValueKind] = field(default_factory=dict)
    """Kinds that were said, by column; others are told from the values."""
    name: str = ""
    """What the file is called where it comes from."""

    def table(self) -> WideTable:
        """Raises UnreadableLabels."""
        try:
            return open_table(self.path, label_formats.detect(self.path))
        except OSError as error:
            raise UnreadableLabels(f"{self.path} cannot be read: {error.strerror}") from error


@dataclass(frozen=True)
class Problem:
    """A line that brings nothing, or not all, and why."""

    line: int
    file: str
    reason: str


@dataclass
class ColumnPlan:
    """What a file would change in one column."""

    name: str
    title: str
    """As the file calls it."""
    kind: ValueKind
    there: MetadataColumn | None
    """The project's column of this name."""
    is_guessed: bool
    """The kind is told from the values."""
    new: int = 0
    changed: int = 0
    unchanged: int = 0

    @property
    def is_affected(self) -> bool:
        return bool(self.new or self.changed)


@dataclass
class MetadataPlan:
    """What a file would change in a project."""

    image_column: str
    columns: list[ColumnPlan]
    lines: int = 0
    images: int = 0
    """Of the project, that the file names."""
    all_images: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    problems: list[Problem] = field(default_factory=list)

    @property
    def new(self) -> int:
        return sum(column.new for column in self.columns)

    @property
    def changed(self) -> int:
        return sum(column.changed for column in self.columns)

    @property
    def unchanged(self) -> int:
        return sum(column.unchanged for column in self.columns)

    def refuse(self, line: int, file: str, reason: str) -> None:
        self.reasons[reason] += 1
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(Problem(line, file, reason))


def usual_columns(table: WideTable, image_column: str, written: Iterable[str]) -> tuple[str, ...]:
    """Choose what to take over of a table, as far as there is room.

    written: columns that exports write and that are no metadata.
    """
    guess = table.form.columns and table.form.columns(table.path).guess
    without = {image_column, *written} | ({guess.label} if guess else set())
    return tuple(name for name in table.names if name not in without)[:MOST_COLUMNS]


def settled(file: MetadataFile, written: Iterable[str] = ()) -> MetadataFile:
    """Return a file with its image column and the columns that come in.

    written: as in `usual_columns`. Raises UnreadableLabels, InvalidSettings.
    """
    table, called = file.table(), file.name or file.path.name
    image_column = file.image_column or table.file_column
    if image_column is None:
        raise UnreadableLabels(
            f"{called} has the columns {', '.join(table.names[:20])}; say which names the image"
        )
    columns = file.columns or usual_columns(table, image_column, written)
    if not columns:
        raise UnreadableLabels(f"{called} has no column but {image_column!r}")
    if len(columns) > MOST_COLUMNS:
        raise InvalidSettings(_too_many(len(columns)))
    return replace(file, image_column=image_column, columns=columns)


def look(
    store: Store,
    project_id: int,
    file: MetadataFile,
    written: Iterable[str] = (),
    progress: Callable[[int], None] = lambda lines: None,
) -> MetadataPlan:
    """Tell what a file would change; nothing is changed. Raises UnreadableLabels, InvalidSettings.

    progress: is told how many lines were read.
    """
    table, plan = _begin(store, project_id, file, written)
    with store.read() as connection:
        images = Images(label_imports.standings(connection, project_id))
    reading = _Reading(store, project_id, plan, images)
    for block in _blocks(table, plan):
        reading.compare(block)
        progress(plan.lines)
    reading.finish()
    return plan


def bring(
    store: Store,
    project_id: int,
    file: MetadataFile,
    written: Iterable[str] = (),
    within: Callable[[Connection, MetadataPlan], None] = lambda connection, plan: None,
) -> MetadataPlan:
    """Take over what a file knows, all of it or nothing, and return what that was.

    within: does more in the transaction in which it is accepted. Raises as `look`, and NotAllowed
    where the file or a column has changed meanwhile.
    """
    before = _stamp(file.path)
    table, plan = _begin(store, project_id, file, written)
    with store.read() as connection:
        images = Images(label_imports.standings(connection, project_id))
        last_item = int(images.ids[-1]) if len(images.ids) else 0
    reading = _Reading(store, project_id, plan, images)
    for block in _blocks(table, plan):
        reading.compare(block)
    reading.finish()
    affected = [column for column in plan.columns if column.is_affected]
    if not affected:
        return plan
    with store.read() as connection:
        given_up = metadata_values.abandoned(connection, project_id, time.time())
    sweep(store, project_id, given_up)
    writing = Writing(store, project_id, last_item)
    try:
        for column in affected:
            writing.begin(column.name, column.kind, column.there)
        for block in _blocks(table, plan):
            writing.put(reading.values(block))
        if _stamp(file.path) != before:
            raise NotAllowed("the file was changed while it was read; nothing of it came in")
        writing.accept(lambda connection: within(connection, plan))
    finally:
        writing.end()
    return plan


class Writing:
    """Columns that are written aside, and then accepted at once."""

    def __init__(self, store: Store, project_id: int, last_item: int) -> None:
        """last_item: the newest image that there was when the values were found."""
        self._store, self._project_id, self._last_item = store, project_id, last_item
        self._ids: dict[str, int] = {}
        self._there: dict[str, MetadataColumn | None] = {}

    def begin(self, name: str, kind: ValueKind, there: MetadataColumn | None) -> None:
        """Make a column aside with all that the one that is there knows."""
        new = there or MetadataColumn(0, name, kind, "table", "", 0, False)
        with self._store.write(patient=True) as connection:
            self._ids[name] = metadata_values.begin(connection, self._project_id, new, time.time())
        self._there[name] = there
        after: int | None = 0
        while there is not None and after is not None:
            with self._store.write(lasting=False, patient=True) as connection:
                after = metadata_values.copy(connection, there.id, self._ids[name], after, BLOCK)
            time.sleep(PAUSE)

    def put(self, values: Mapping[str, Mapping[int, Value]]) -> None:
        """Write values by column name and item id."""
        with self._store.write(lasting=False, patient=True) as connection:
            for name, number in self._ids.items():
                metadata_values.put(connection, self._project_id, number, values.get(name, {}))
        time.sleep(PAUSE)

    def accept(self, within: Callable[[Connection], None]) -> None:
        """Let the columns count. Raises NotAllowed where one has changed meanwhile."""
        with self._store.write(patient=True) as connection:
            now = {c.name: c for c in metadata_values.columns(connection, self._project_id)}
            if len({*now, *self._ids}) > MOST_COLUMNS:
                raise InvalidSettings(_too_many(len({*now, *self._ids})))
            for name, number in self._ids.items():
                there = self._there[name]
                if (now.get(name) and now[name].id) != (there and there.id):
                    raise NotAllowed(
                        f"somebody changed the column {name!r} meanwhile; look at the file again"
                    )
                if there is not None:  # what came for images that are newer than this reading
                    metadata_values.copy(connection, there.id, number, self._last_item, 2**31)
                metadata_values.accept(connection, number, there.id if there else None)
            within(connection)
        old = {name: there.id for name, there in self._there.items() if there is not None}
        self._ids = old

    def end(self) -> None:
        """Delete what does not count: columns that were replaced, or all where it was given up."""
        sweep(self._store, self._project_id, list(self._ids.values()))


def sweep(store: Store, project_id: int, column_ids: Sequence[int]) -> None:
    """Delete columns that do not count, a few values at a time."""
    more = True
    while more:
        with store.write(lasting=False, patient=True) as connection:
            more = metadata_values.sweep(connection, project_id, column_ids, 10 * BLOCK)
        time.sleep(PAUSE)


# -- what a file would change ------------------------------------------------------------------

Row = tuple[int, str, list[str]]
"""Its line, the image as the file names it, and the texts of the wanted columns."""


class _Reading:
    """What was read so far of a file, of each of the N images of a project."""

    def __init__(self, store: Store, project_id: int, plan: MetadataPlan, images: Images) -> None:
        self._store, self._project_id, self._plan, self._images = store, project_id, plan, images
        n = len(images.ids)
        plan.all_images = n
        self._digests = np.zeros(n, np.uint64)
        self._lines = np.zeros(n, np.int64)
        self._doubled = np.zeros(n, bool)
        # Of each image and column: 0 no value, 1 new, 2 changed, 3 unchanged.
        self._fates = np.zeros((n, len(plan.columns)), np.uint8)
        self._guesses = [KindGuess() for _ in plan.columns]

    def compare(self, block: Sequence[Row]) -> None:
        """Count what a block of lines would change."""
        rows = [(row, place) for row in block if (place := self._place(row)) is not None]
        ids = [int(self._images.ids[place]) for _, place in rows]
        known = {}
        if any(column.there for column in self._plan.columns):
            with self._store.read() as connection:
                known = metadata_values.of_items(connection, self._project_id, ids)
        for (row, place), item_id in zip(rows, ids, strict=True):
            self._judge(row, place, known.get(item_id, {}))

    def _place(self, row: Row) -> int | None:
        """Return which image a line means; None for a line that brings nothing."""
        self._plan.lines += 1
        line, file, texts = row
        item_id = self._images.find(file)
        if isinstance(item_id, str):
            self._plan.refuse(line, file, item_id)
            return None
        place = int(np.searchsorted(self._images.ids, item_id))
        digest = _digest(texts)
        if not self._digests[place]:
            self._digests[place], self._lines[place] = digest, line
            return place
        if self._digests[place] != digest:
            if not self._doubled[place]:
                self._plan.refuse(int(self._lines[place]), file, TWICE)
            self._plan.refuse(line, file, TWICE)
            self._doubled[place] = True
        return None

    def _judge(self, row: Row, place: int, known: Mapping[int, Value]) -> None:
        for i, (column, value) in enumerate(zip(self._plan.columns, row[2], strict=True)):
            if not value:
                continue
            if column.is_guessed:
                self._guesses[i].add(value)
            parsed = parse(column.kind, value)
            if parsed is None:
                self._plan.refuse(row[0], row[1], f"{column.name}: {fault(column.kind, value)}")
                continue
            before = known.get(column.there.id) if column.there else None
            self._fates[place, i] = 1 if before is None else 3 if before == parsed else 2

    def finish(self) -> None:
        """Count, without images of which two lines say different things."""
        self._fates[self._doubled] = 0
        plan = self._plan
        plan.images = int((self._digests > 0).sum() - self._doubled.sum())
        for i, column in enumerate(plan.columns):
            counts = np.bincount(self._fates[:, i], minlength=4)
            column.new, column.changed, column.unchanged = counts[1:].tolist()
            if column.is_guessed:
                column.kind = self._guesses[i].kind

    def values(self, block: Sequence[Row]) -> dict[str, dict[int, Value]]:
        """Return the values of a block by column name and item id."""
        result: dict[str, dict[int, Value]] = {c.name: {} for c in self._plan.columns}
        for _, file, texts in block:
            item_id = self._images.find(file)
            if isinstance(item_id, str):
                continue
            place = int(np.searchsorted(self._images.ids, item_id))
            for i, (column, value) in enumerate(zip(self._plan.columns, texts, strict=True)):
                if self._fates[place, i] in (1, 2):
                    parsed = parse(column.kind, value)
                    if parsed is not None:
                        result[column.name][item_id] = parsed
        return result


def _begin(
    store: Store, project_id: int, file: MetadataFile, written: Iterable[str]
) -> tuple[WideTable, MetadataPlan]:
    """Settle which columns of a file are read. Raises UnreadableLabels, InvalidSettings."""
    file = settled(file, written)
    titles = file.columns
    with store.read() as connection:
        there = {c.name: c for c in metadata_values.columns(connection, project_id)}
    plan = MetadataPlan(file.image_column, [])
    for title in titles:
        name = clean_name(title)
        before = there.get(name)
        kind = file.kinds.get(title) or (before.kind if before else "text")
        if kind not in KINDS:
            raise InvalidSettings(
                f"no kind of value is called {kind!r}; choose from {', '.join(KINDS)}"
            )
        if before is not None and before.kind != kind:
            raise InvalidSettings(
                f"the column {name!r} is a {before.kind} already; remove it to bring it in as "
                f"a {kind}"
            )
        if any(column.name == name for column in plan.columns):
            raise InvalidSettings(f"two columns would be called {name!r}; choose one of them")
        is_guessed = before is None and title not in file.kinds
        plan.columns.append(ColumnPlan(name, title, kind, before, is_guessed))
    if file.kinds:
        _check_said(file.kinds, titles)
    return file.table(), plan


def _check_said(kinds: Mapping[str, ValueKind], titles: Sequence[str]) -> None:
    stranger = next((name for name in kinds if name not in titles), None)
    if stranger is not None:
        raise InvalidSettings(
            f"no column called {stranger!r} comes in; there are {', '.join(titles[:20])}"
        )


def _blocks(table: WideTable, plan: MetadataPlan) -> Iterator[list[Row]]:
    wanted = [plan.image_column, *(column.title for column in plan.columns)]
    rows = table.rows(wanted)
    while block := list(islice(rows, BLOCK)):
        yield [
            (line, file, [text if text.isascii() else names.shown(text) for text in texts])
            for line, (file, *texts) in block
        ]


def _digest(texts: Sequence[str]) -> int:
    """Name the texts of a line by a number above 0."""
    joined = "\0".join(texts).encode(errors="surrogatepass")
    return int.from_bytes(hashlib.blake2b(joined, digest_size=8).digest()) | 1


def _stamp(path: Path) -> tuple[int, int]:
    try:
        entry = path.stat()
    except OSError as error:
        raise UnreadableLabels(f"{path} cannot be read: {error.strerror}") from error
    return entry.st_size, entry.st_mtime_ns


def _too_many(n: int) -> str:
    return f"{n:,} columns of metadata; a project has at most {MOST_COLUMNS}: choose among them"
