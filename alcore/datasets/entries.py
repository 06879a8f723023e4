"""Owns what a source is made of: entries, their clean names, and the layouts of folders.

Paths here are relative, with "/" between the parts.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Literal, Protocol

from alcore import names
from alcore.datasets import label_table
from alcore.datasets.kinds import FORMATS
from alcore.errors import ImportRefused
from alcore.records import SkippedFile

GivenSplit = Literal["train", "test"]

_IMAGE_NAME = re.compile(
    r"\.(jpg|jpeg|jpe|jfif|png|webp|avif|avifs|heic|heif|hif|bmp|dib|gif|tif|tiff|dcm|dicom"
    # Not read here, but a person expects to be told so:
    r"|jp2|j2k|jxl|ico|svg|psd|raw|dng|cr2|cr3|nef|arw|tga|ppm|pgm|pbm|pnm)$",
    re.IGNORECASE,
)
_SYSTEM_FILES = frozenset({"thumbs.db", "desktop.ini", "__macosx", "ehthumbs.db"})
_SPLITS: Mapping[str, Literal["train", "test", "val"]] = MappingProxyType(
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

    @property
    def kind(self) -> str: ...

    @property
    def in_place(self) -> bool:
        """Whether originals stay where they are."""

    @property
    def inline_below(self) -> float:
        """With fewer entries, decoding here is quicker than starting workers, and safe."""

    def listing(self) -> Listing: ...

    def entries(self) -> list[Entry]: ...

    def read(self, entry: Entry) -> bytes:
        """Bytes of one image file; raises UnreadableImage."""

    def path_of(self, entry: Entry) -> str | None:
        """Path under the source's root where the original stays, or None when it is copied."""


def class_name(folder: str) -> str:
    """Clean name of a class folder."""
    return names.shown(folder) or "unnamed"


def is_hidden(path: str) -> bool:
    """Whether a path is one that people do not see, such as .git/x or __MACOSX/x."""
    return any(p.startswith(".") or p.lower() in _SYSTEM_FILES for p in path.split("/"))


def is_image_name(path: str) -> bool:
    """Whether the extension promises an image."""
    return _IMAGE_NAME.search(path) is not None


@dataclass(frozen=True)
class ImageFile:
    """A file with an image's extension: its path, and how the source reads it."""

    path: str
    handle: Any
    size: int


@dataclass(frozen=True)
class Table:
    """A file with labels that lies beside images."""

    path: str
    data: bytes


def arrange(
    images: Sequence[ImageFile],
    *,
    where: str,
    skipped: Sequence[SkippedFile] = (),
    ignored: int = 0,
    wrapper: str | None = None,
    table: Table | None = None,
    least: int = 2,
) -> Listing:
    """Turn files into entries by recognising the layout of their folders.

    `wrapper` is a folder name that holds everything and is not a class, if there is one by
    that name; `table` names classes where folders do not. Raises ImportRefused for fewer
    than `least` files.
    """
    files = len({names.page_of(file.path)[0] for file in images})
    if not images:
        others = ignored + (table is not None)
        raise ImportRefused(f"{where} has no images{_instead(skipped, others)}")
    if len(images) < least:
        raise ImportRefused(
            f"{where} has one image only; at least {least} are needed{_reasons(skipped, '; ')}"
        )
    images = sorted(images, key=_place)
    paths = _unwrap([f.path.split("/") for f in images], wrapper)
    tops = {p[0].lower() for p in paths if len(p) > 1}
    kinds = {_SPLITS[t] for t in tops if t in _SPLITS}
    split_layout = bool(tops) and (tops <= set(_SPLITS) or ("train" in kinds and len(kinds) > 1))
    # With both val/ and test/, the holdout is test/ and val/ is more to learn from.
    validation: GivenSplit = "train" if "test" in kinds else "test"
    entries = _entries(images, paths, validation if split_layout else None)
    labels = _labels(entries, images, table)
    if table is not None and labels is None:
        ignored += 1
    if labels is not None and labels.classes:
        entries = [
            replace(entry, class_name=labels.classes.get(file.path))
            for entry, file in zip(entries, images, strict=True)
        ]
    notes = _notes(entries, ignored, {"val", "test"} <= kinds and split_layout, labels)
    if files < len(images):
        notes += (f"{len(images):,} images in {_count(files, 'file')}: some have several pages",)
    return Listing(entries, _layout(entries, labels), tuple(skipped), notes)


def _entries(
    images: Sequence[ImageFile], paths: Sequence[Sequence[str]], validation: GivenSplit | None
) -> list[Entry]:
    """Read class and split from the parts of each image's path.

    validation: the split that val/ stands for; None where folders tell no splits.
    """
    entries = []
    unique = _Unique()
    for file, parts in zip(images, paths, strict=True):
        split: GivenSplit | None = None
        if validation is not None and len(parts) > 1 and parts[0].lower() in _SPLITS:
            kind = _SPLITS[parts[0].lower()]
            split = validation if kind == "val" else kind
            parts = parts[1:]
        name = class_name(parts[0]) if len(parts) > 1 else None
        entries.append(Entry(unique(names.of_file(file.path)), name, split, file.handle, file.size))
    return entries


def _place(file: ImageFile) -> tuple[list[str], int]:
    """Order files by their paths, and pages of one file by their numbers."""
    path, page = names.page_of(file.path)
    return path.split("/"), page or 0


def _instead(skipped: Sequence[SkippedFile], others: int) -> str:
    """Say what there is where there are no images, and what would be right."""
    if skipped:
        links = any(file.reason.startswith("a link") for file in skipped)
        remedy = "; put the files themselves there, or name the folder that the links lead to"
        return _reasons(skipped, " that can be read: ") + (remedy if links else "")
    there = f", only {_count(others, 'other file')}" if others else ""
    return f"{there}; put at least 2 {FORMATS} files there, in one folder per class or all in one"


def _reasons(skipped: Sequence[SkippedFile], before: str) -> str:
    """List why files were left out, the commonest reason first."""
    if not skipped:
        return ""
    reasons = Counter(file.reason for file in skipped).most_common(3)
    return before + "; ".join(f"{n:,} left out: {reason}" for reason, n in reasons)


def _labels(
    entries: Sequence[Entry], images: Sequence[ImageFile], table: Table | None
) -> label_table.Labels | None:
    """Read the table, where the folders do not say the same already."""
    if table is None:
        return None
    by_folder = {entry.class_name for entry in entries} - {None}
    labels = label_table.read(table.path, table.data, [file.path for file in images])
    if by_folder and (not labels.classes or by_folder & set(labels.classes.values())):
        return None
    return labels


def _unwrap(paths: list[list[str]], wrapper: str | None) -> list[list[str]]:
    """Look through folders that hold everything and are neither a class nor a split."""
    while len({p[0] for p in paths}) == 1 and min(map(len, paths)) > 1:
        top = paths[0][0]
        deeper = any(len(p) > 2 for p in paths)
        if top.lower() in _SPLITS or not (deeper or names.shown(top) == wrapper):
            break
        paths = [p[1:] for p in paths]
    return paths


def _layout(entries: list[Entry], labels: label_table.Labels | None) -> str:
    if labels is not None and labels.classes:
        return "train/test, labels.csv" if any(e.given_split for e in entries) else "labels.csv"
    classes = any(e.class_name is not None for e in entries)
    if any(e.given_split for e in entries):
        return "train/test, class folders" if classes else "train/test, unlabeled"
    return "class folders" if classes else "flat, unlabeled"


def _notes(
    entries: list[Entry], ignored: int, val_too: bool, labels: label_table.Labels | None
) -> tuple[str, ...]:
    notes = [] if labels is None else [labels.note]
    classes = Counter(e.class_name for e in entries)
    without = classes.pop(None, 0)
    if len(classes) == 1:
        notes.append(f"there is only one class: {next(iter(classes))}")
    if classes and without and labels is None:
        notes.append(f"{_count(without, 'image')} outside the class folders: without a class")
    if val_too:
        notes.append("test/ is the holdout; the validation folder joins the training images")
    if ignored:
        notes.append(f"{_count(ignored, 'file')} ignored: not images by their names")
    return tuple(notes)


def _count(n: int, what: str) -> str:
    return f"{n:,} {what}{'' if n == 1 else 's'}"


class _Unique:
    """An archive may hold a name twice; the later one gets a number."""

    def __init__(self) -> None:
        self._used: set[str] = set()

    def __call__(self, name: str) -> str:
        unique, n = name, 2
        while unique in self._used:
            unique, n = f"{name} ({n})", n + 1
        self._used.add(unique)
        return unique
