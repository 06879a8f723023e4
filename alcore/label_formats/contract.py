"""Owns what a format of labels is: what it is given to write, and what it reads.

A format writes in blocks, so that neither a file nor a response is ever whole in memory. N images,
C classes; probabilities are 0–1, sizes pixels, durations seconds, times Unix seconds in UTC.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Literal

from alcore.records import Split

Content = Literal["labels", "images"]
DAMAGE: tuple[type[Exception], ...] = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    OverflowError,
    RuntimeError,  # an encrypted entry, an unknown compression, or nesting without end
    ValueError,
)
"""What Python and its libraries raise for files that are not what they say they are."""


@dataclass(frozen=True, slots=True)
class Vote:
    """What one person said of an image."""

    annotator: str
    class_name: str | None
    """None for unsure."""
    created_at: float
    seconds: float | None


@dataclass(frozen=True, slots=True)
class LabelRow:
    """One labeled image on its way out."""

    item: int
    file: str
    """Its name in the project, or where it lies on disk."""
    place: int
    """Position of its class."""
    width: int
    height: int
    split: Split
    content_hash: str
    more: tuple[Any, ...]
    """A value for each of the header's columns."""
    votes: tuple[Vote, ...] = ()


@dataclass(frozen=True)
class Header:
    """What holds for all rows of an export."""

    project: str
    classes: tuple[str, ...]
    """Names by position."""
    columns: tuple[str, ...]
    """What `LabelRow.more` holds."""
    votes: bool
    """All votes are asked for, besides the label that counts."""
    revision: str
    """Names the label set: equal for equal labels on equal images."""
    numbers: frozenset[str]
    """Those of the columns that hold numbers by the project's own account."""
    read: Callable[[LabelRow], bytes | None]
    """Returns the bytes of an original; None where they are gone, which is counted."""

    def all(self, row: LabelRow) -> dict[str, Any]:
        """Return the values of all columns, probabilities by class."""
        values = dict(zip(self.columns, row.more, strict=True))
        if values.get("probabilities") is not None:
            values["probabilities"] = dict(zip(self.classes, values["probabilities"], strict=True))
        return values

    def named(self, row: LabelRow) -> dict[str, Any]:
        """Return what is known of a row besides its class, by column; votes too, if wanted."""
        known = {k: v for k, v in self.all(row).items() if v is not None}
        if self.votes:
            known["votes"] = [vote_values(vote) for vote in row.votes]
        return known


@dataclass(frozen=True, slots=True)
class ForeignLabel:
    """One label as another tool wrote it."""

    line: int
    """Where in the file it stands, from 1 on."""
    file: str
    """How the tool names the image: a path, a name, an address."""
    class_name: str
    """Empty where the image has none."""
    content_hash: str | None = None
    """Of the image's bytes, where the file holds them; it decides."""


@dataclass(frozen=True)
class Columns:
    """Which columns of a table name the image and its class."""

    file: str
    label: str


@dataclass(frozen=True)
class Table:
    """What a table's columns are called and what stands in them first."""

    names: tuple[str, ...]
    guess: Columns | None
    """None where no columns have usual names."""
    examples: tuple[Mapping[str, str], ...] = ()


@dataclass(frozen=True)
class Format:
    """One format of labels, out and in."""

    name: str
    """As commands take it."""
    title: str
    """As pages call it."""
    sentence: str
    suffix: str
    """Of a file's name, with the dot."""
    mime: str
    content: Content
    """Whether the images themselves are in it."""
    write: Callable[[IO[bytes], Header, Iterable[LabelRow]], Iterator[int]] = field(repr=False)
    """Writes rows; yields how many there are so far, after each block."""
    read: Callable[[Path, Columns | None], Iterator[ForeignLabel]] | None = field(repr=False)
    """Reads labels one by one. Raises UnreadableLabels."""
    columns: Callable[[Path], Table] | None = field(default=None, repr=False)
    """What may be chosen, where the format is a table."""
    holdout: str = ""
    """Folder of the holdout, where the format is folders of images, in a zip or on disk."""
    holds_more: bool = True
    """Whether it has room for what is known of a label besides its class."""

    @property
    def binary(self) -> bool:
        """Whether it is no text."""
        return self.suffix in (".zip", ".parquet")


def vote_values(vote: Vote) -> dict[str, Any]:
    """Write a vote as plain values."""
    return {
        "annotator": vote.annotator,
        "class": vote.class_name,
        "time": vote.created_at,
        "seconds": vote.seconds,
    }
