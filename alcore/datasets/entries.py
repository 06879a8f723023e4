"""Owns what a source is made of: entries, their clean names, and the layouts of folders.

Paths here are relative, with "/" between the parts.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, Protocol

from alcore.errors import ImportRefused
from alcore.records import SkippedFile

GivenSplit = Literal["train", "test"]

_IMAGE_NAME = re.compile(
    r"\.(jpg|jpeg|jpe|jfif|png|webp|bmp|dib|gif|tif|tiff"
    # Not read here, but a person expects to be told so:
    r"|heic|heif|avif|jp2|j2k|jxl|ico|svg|psd|raw|dng|cr2|cr3|nef|arw|tga|ppm|pgm|pbm|pnm)$",
    re.IGNORECASE,
)
_SYSTEM_FILES = frozenset({"thumbs.db", "desktop.ini", "__macosx", "ehthumbs.db"})
_SPLITS = MappingProxyType(
    {
        "train": "train",
        "training": "train",
        "test": "test",
        "testing": "test",
        "val": "val",
        "valid": "val",
        "validation": "val",
    }
)
# Invisible marks that reorder the text around them.
_REORDERING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@dataclass(frozen=True)
class Entry:
    """One file of a source; `handle` is what the source needs to read it, plain and small."""

    name: str
    class_name: str | None
    given_split: GivenSplit | None
    handle: Any
    size: int = 0
    """Bytes, as far as the source knows."""


@dataclass(frozen=True)
class Listing:
    """All that a source holds, in a fixed order; names are unique."""

    entries: list[Entry]
    layout: str
    skipped: tuple[SkippedFile, ...] = ()
    notes: tuple[str, ...] = ()


class Source(Protocol):
    """Where image files come from. Sent to worker processes, so it can be pickled."""

    kind: str
    in_place: bool
    """Originals stay where they are."""
    inline_below: float
    """With fewer entries, decoding here is quicker than starting workers, and safe."""

    def listing(self) -> Listing: ...

    def entries(self) -> list[Entry]: ...

    def read(self, entry: Entry) -> bytes:
        """Bytes of one image file; raises UnreadableImage."""
        ...

    def path_of(self, entry: Entry) -> str | None:
        """Path under the source's root where the original stays, or None when it is copied."""
        ...


def clean_text(text: str) -> str:
    """Normalise a name (NFC) and replace control characters; markup and quotes are kept.

    >>> clean_text("<b>\\x07")
    '<b>\ufffd'
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        "\ufffd" if unicodedata.category(c) in ("Cc", "Cs") or c in _REORDERING else c
        for c in unicodedata.normalize("NFC", text)
    )


def class_name(folder: str) -> str:
    """Clean name of a class folder."""
    return clean_text(folder).strip() or "unnamed"


def is_hidden(path: str) -> bool:
    """Whether a path is one that people do not see, such as .git/x or __MACOSX/x."""
    return any(p.startswith(".") or p.lower() in _SYSTEM_FILES for p in path.split("/"))


def is_image_name(path: str) -> bool:
    """Whether the extension promises an image."""
    return _IMAGE_NAME.search(path) is not None


@dataclass(frozen=True)
class Found:
    """A file with an image's extension: its path, and how the source reads it."""

    path: str
    handle: Any
    size: int


def arrange(
    found: Sequence[Found],
    *,
    where: str,
    skipped: Sequence[SkippedFile] = (),
    ignored: int = 0,
    wrapper: str | None = None,
) -> Listing:
    """Turn files into entries by recognising the layout of their folders.

    `wrapper` is a folder name that holds everything and is not a class, if there is one by
    that name. Raises ImportRefused for fewer than two files.
    """
    if not found:
        others = f", only {_count(ignored, 'other file')}" if ignored else ""
        raise ImportRefused(
            f"{where} has no images{others}; put at least 2 JPEG, PNG, WEBP, BMP, GIF or TIFF "
            "files there, in one folder per class or all in one"
        )
    if len(found) == 1:
        raise ImportRefused(f"{where} has one image only; at least 2 are needed")
    found = sorted(found, key=lambda f: f.path.split("/"))
    paths = _unwrap([f.path.split("/") for f in found], wrapper)
    tops = {p[0].lower() for p in paths if len(p) > 1}
    kinds = {_SPLITS[t] for t in tops if t in _SPLITS}
    split_layout = bool(tops) and (tops <= set(_SPLITS) or ("train" in kinds and len(kinds) > 1))
    # With both val/ and test/, the holdout is test/ and val/ is more to learn from.
    as_split = {"train": "train", "test": "test", "val": "train" if "test" in kinds else "test"}
    entries = []
    names = _Unique()
    for file, parts in zip(found, paths, strict=True):
        split = None
        if split_layout and len(parts) > 1 and parts[0].lower() in _SPLITS:
            split = as_split[_SPLITS[parts[0].lower()]]
            parts = parts[1:]
        name = class_name(parts[0]) if len(parts) > 1 else None
        entries.append(Entry(names(clean_text(file.path)), name, split, file.handle, file.size))
    return Listing(
        entries,
        _layout(entries),
        tuple(skipped),
        _notes(entries, ignored, val_too={"val", "test"} <= kinds and split_layout),
    )


def _unwrap(paths: list[list[str]], wrapper: str | None) -> list[list[str]]:
    """Look through folders that hold everything and are neither a class nor a split."""
    while len({p[0] for p in paths}) == 1 and min(map(len, paths)) > 1:
        top = paths[0][0]
        deeper = any(len(p) > 2 for p in paths)
        if top.lower() in _SPLITS or not (deeper or top == wrapper):
            break
        paths = [p[1:] for p in paths]
    return paths


def _layout(entries: list[Entry]) -> str:
    classes = any(e.class_name is not None for e in entries)
    if any(e.given_split for e in entries):
        return "train/test, class folders" if classes else "train/test, unlabeled"
    return "class folders" if classes else "flat, unlabeled"


def _notes(entries: list[Entry], ignored: int, val_too: bool) -> tuple[str, ...]:
    notes = []
    classes = Counter(e.class_name for e in entries)
    without = classes.pop(None, 0)
    if len(classes) == 1:
        notes.append(f"there is only one class: {next(iter(classes))}")
    if classes and without:
        notes.append(f"{_count(without, 'image')} outside the class folders: without a class")
    if val_too:
        notes.append("test/ is the holdout; the validation folder joins the training images")
    if ignored:
        notes.append(f"{_count(ignored, 'file')} ignored: not images by their names")
    return tuple(notes)


def _count(n: int, what: str) -> str:
    return f"{n:,} {what}{'' if n == 1 else 's'}"


class _Unique:
    """Cleaning can make two names equal; the later one gets a number."""

    def __init__(self) -> None:
        self._used: set[str] = set()

    def __call__(self, name: str) -> str:
        unique, n = name, 2
        while unique in self._used:
            unique, n = f"{name} ({n})", n + 1
        self._used.add(unique)
        return unique
