"""Owns the rows of an export: the labels that count, with all that is wanted beside them.

N images, C classes, D embedding width.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from alcore import linear_head
from alcore.config import user_path
from alcore.datasets.ingest import read_original
from alcore.errors import UnknownItem, UnreadableImage
from alcore.folding import Folding, columns_of, folding
from alcore.label_formats import Header, LabelRow, Vote
from alcore.loop import embeddings
from alcore.loop.label_sets import revision
from alcore.loop.round_files import head_of
from alcore.metadata import PREFIX, Value, written
from alcore.records import Item, Label, Project
from alcore.store import (
    Connection,
    Store,
    completions,
    exports,
    items,
    metadata_values,
    projects,
    rounds,
)

PARTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "provenance": (
        "who answered, when, why the image was asked about and by which model",
        ("annotator", "time", "source", "model", "instant"),
    ),
    "seconds": ("how long the answer took", ("seconds",)),
    "suggestions": (
        "what the model suggested, where it was shown, and whether it was shown why",
        ("suggestion shown", "suggested class", "suggesting model", "explanation shown"),
    ),
    "remarks": ("notes and comments", ("note", "comments")),
    "votes": ("what each person said, besides the label that counts", ()),
    "probabilities": (
        "what the newest model says: its class, how probable that is, and each class",
        ("predicted class", "probability", "probabilities"),
    ),
    "metadata": (
        "what is known of an image, its size in pixels, whether it is of the holdout, and a hash",
        ("width", "height", "split", "hash"),
    ),
    "model labels": (
        "the classes that the model gave in a completion, marked as its own, after people's",
        ("model label", "model label probability"),
    ),
    "revision": ("a name of this label set, equal for equal labels", ("revision",)),
}
"""What may stand beside file and class: a sentence, and the columns."""
_MOST_NAMED = 20


@dataclass
class Missing:
    """Images whose originals cannot be read, so that formats with images lack them."""

    count: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, name: str, reason: str) -> None:
        self.count += 1
        if len(self.examples) < _MOST_NAMED:
            self.examples.append(f"{name}: {reason}")

    def words(self) -> str:
        """Say so in a sentence; empty where there are none."""
        if not self.count:
            return ""
        images = "1 labeled image is" if self.count == 1 else f"{self.count:,} labeled images are"
        return f"{images} not in it, as originals cannot be read, such as {self.examples[0]}"


class Rows:
    """The rows of an export, read while they are written."""

    def __init__(
        self,
        store: Store,
        connection: Connection,
        project: Project,
        parts: Sequence[str],
        in_place: bool,
        missing: Missing,
    ) -> None:
        """in_place: name images by where they lie on disk, if they stayed there."""
        self._connection = connection
        self._project = project
        self._parts = [name for name in PARTS if name in parts]
        self._classes = {c.id: c for c in project.classes}
        self._names = {c.id: c.name for c in project.classes}
        self._folder = store.folder(project.id)
        self._source, _ = projects.source(connection, project.id)
        self._missing = missing
        self._items: dict[int, Item] = {}
        self._revision = revision(connection, project)
        self._model = _Model.newest(self._folder, connection, project)
        stays = self._source.get("kind") == "folder" and not self._source.get("copy", True)
        self.root = user_path(str(self._source["path"])) if in_place and stays else None
        """Folder in which the originals stay, where images are named by that."""
        self._comments = exports.has_comments(connection, project.id)
        wants_known = "metadata" in self._parts
        self._known = metadata_values.columns(connection, project.id) if wants_known else []
        self._columns: dict[str, Callable[[Label, Item], tuple[Any, ...]]] = {
            "provenance": self._provenance,
            "seconds": lambda label, item: (_rounded(label.seconds),),
            "suggestions": self._suggestions,
            "metadata": lambda label, i: (i.width, i.height, i.split, i.content_hash),
            "model labels": lambda label, item: (False, None),
            "revision": lambda label, item: (self._revision,),
        }

    def header(self) -> Header:
        return Header(
            project=self._project.name,
            classes=tuple(c.name for c in self._project.classes),
            columns=tuple(column for part in self._parts for column in self._names_of(part)),
            votes="votes" in self._parts,
            revision=self._revision,
            numbers=frozenset(PREFIX + c.name for c in self._known if c.kind == "number"),
            read=self._read,
        )

    def _names_of(self, part: str) -> tuple[str, ...]:
        """Name the columns of a part; what is known of images stands behind their sizes."""
        more = self._known if part == "metadata" else ()
        return (*PARTS[part][1], *(PREFIX + column.name for column in more))

    def __iter__(self) -> Iterator[LabelRow]:
        for block in exports.labels(self._connection, self._project.id):
            self._items = {item.id: item for _, item in block}
            yield from self._block(block)
        if "model labels" in self._parts:
            yield from self._of_model()

    def _of_model(self) -> Iterator[LabelRow]:
        """Yield what the model labeled, which nobody answered."""
        place = self.header().columns.index("model label")
        for block in completions.labels(self._connection, self._project.id):
            self._items = {item.id: item for _, item, _ in block}
            rows = self._block([(label, item) for label, item, _ in block])
            for row, (_, _, p) in zip(rows, block, strict=True):
                probability = None if p is None else round(p, 6)
                more = (*row.more[:place], True, probability, *row.more[place + 2 :])
                yield replace(row, more=more)

    def _block(self, block: Sequence[tuple[Label, Item]]) -> Iterator[LabelRow]:
        ids = [item.id for _, item in block]
        votes = exports.votes(self._connection, ids) if "votes" in self._parts else {}
        remarked = self._comments and "remarks" in self._parts
        comments = exports.comments(self._connection, ids) if remarked else {}
        known = {}
        if self._known:
            known = metadata_values.of_items(self._connection, self._project.id, ids)
        if "probabilities" in self._parts:
            said = self._model.says([item.position for _, item in block])
        for number, (label, item) in enumerate(block):
            more: list[Any] = []
            for part in self._parts:
                if part == "remarks":
                    more += (label.note, comments.get(item.id))
                elif part == "probabilities":
                    more += self._prediction(said[number])
                elif part in self._columns:
                    more += self._columns[part](label, item)
                if part == "metadata":
                    more += self._values(known.get(item.id, {}))
            yield LabelRow(
                item.id,
                self._place(item),
                self._classes[label.class_id].position,
                item.width,
                item.height,
                item.split,
                item.content_hash,
                tuple(more),
                tuple(self._vote(*vote) for vote in votes.get(item.id, ())),
            )

    def _values(self, known: Mapping[int, Value]) -> list[Value | None]:
        return [written(c.kind, known[c.id]) if c.id in known else None for c in self._known]

    def _provenance(self, label: Label, item: Item) -> tuple[Any, ...]:
        return (
            label.annotator,
            iso(label.created_at),
            label.origin,
            label.round_number,
            label.head_labels,
        )

    def _suggestions(self, label: Label, item: Item) -> tuple[Any, ...]:
        suggestion = label.suggestion
        return (
            label.suggestion_shown,
            suggestion and self._names[suggestion.class_id],
            suggestion and suggestion.model,
            label.explanation_shown,
        )

    def _prediction(self, probabilities: np.ndarray | None) -> tuple[Any, ...]:
        if probabilities is None:
            return None, None, None
        best = int(probabilities.argmax())
        values = [round(p, 6) for p in probabilities.tolist()]
        return self._project.classes[best].name, values[best], values

    def _vote(self, who: str, class_id: int | None, at: float, seconds: float | None) -> Vote:
        return Vote(who, None if class_id is None else self._names[class_id], at, seconds)

    def _place(self, item: Item) -> str:
        if self.root is None or item.path is None:
            return item.name
        return str(self.root / item.path)

    def read_anew(self, row: LabelRow) -> bytes | None:
        """Read the original of an image that these rows have not come by."""
        try:
            self._items = {row.item: items.get(self._connection, self._project.id, row.item)}
        except UnknownItem as error:
            self._missing.add(row.file, str(error))
            return None
        return self._read(row)

    def _read(self, row: LabelRow) -> bytes | None:
        try:
            return read_original(self._folder, self._items[row.item], self._source)
        except UnreadableImage as error:
            self._missing.add(row.file, str(error))
            return None


@dataclass(frozen=True)
class _Model:
    """What the newest model left on disk for those who have no torch."""

    embeddings: np.ndarray | None
    """(N, D) by position."""
    head: np.ndarray | None
    """(D + 1, M)."""
    today: Folding
    """From its M columns to the C classes of today."""

    @classmethod
    def newest(cls, folder: Path, connection: Connection, project: Project) -> _Model:
        latest = rounds.latest(connection, project.id)
        if latest is None:
            return cls(None, None, folding(project, ()))
        columns = columns_of(project, latest)
        head = head_of(folder, latest.number)
        if head is not None:
            head = linear_head.widened(head, len(columns))
        return cls(embeddings.mapped(folder, latest.number), head, folding(project, columns))

    def says(self, positions: Sequence[int]) -> list[np.ndarray | None]:
        """Return the probabilities (C,) of the images at positions; None where nothing is known."""
        if self.embeddings is None or self.head is None:
            return [None] * len(positions)
        rows = np.array(positions)
        known = rows < len(self.embeddings)
        asked = linear_head.probabilities(self.embeddings[rows[known]], self.head)
        asked = self.today.fold(asked)
        places = np.cumsum(known) - 1
        return [asked[places[i]] if known[i] else None for i in range(len(rows))]


def iso(at: float) -> str:
    """Write a time in ISO 8601, UTC."""
    return datetime.fromtimestamp(at, UTC).isoformat()


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 2)
