"""Owns the registry of label formats: one module each, and one line here."""

from __future__ import annotations

import json
import posixpath
import zipfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from alcore.errors import UnknownFormat, UnreadableLabels
from alcore.label_formats import (
    coco,
    csv_table,
    cvat,
    datumaro,
    documents,
    huggingface,
    huggingface_parquet,
    imagefolder,
    json_lines,
    label_studio,
    parquet,
    yolo,
)
from alcore.label_formats.contract import (
    DAMAGE,
    Columns,
    ForeignLabel,
    Format,
    Header,
    LabelRow,
    Table,
    Vote,
)

__all__ = [
    "DAMAGE",
    "FORMATS",
    "Columns",
    "ForeignLabel",
    "Format",
    "Header",
    "LabelRow",
    "Table",
    "Vote",
]

FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        module.FORMAT.name: module.FORMAT
        for module in (
            csv_table,
            json_lines,
            parquet,
            imagefolder,
            yolo,
            coco,
            label_studio,
            cvat,
            datumaro,
            huggingface,
            huggingface_parquet,
        )
    }
)
_HEAD = 65_536


def get(name: str) -> Format:
    """Return the format of this name. Raises UnknownFormat, with the names that there are."""
    try:
        return FORMATS[name]
    except KeyError:
        raise UnknownFormat(
            f"no format of labels is called {name!r}; choose from {', '.join(FORMATS)}"
        ) from None


def detect(path: Path) -> Format:
    """Tell in which format labels are, by the file itself. Raises UnreadableLabels."""
    if path.is_dir():
        return imagefolder.FORMAT
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError as error:
        raise UnreadableLabels(f"{path} cannot be read: {error.strerror}") from error
    if not head:
        raise UnreadableLabels(f"{path.name} is empty")
    if head.startswith(b"PK"):
        return _zipped(path)
    if head.startswith(b"PAR1"):
        return huggingface_parquet.FORMAT if huggingface_parquet.is_one(path) else parquet.FORMAT
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if start.startswith(b"<"):
        return cvat.FORMAT
    if start.startswith((b"{", b"[")):
        return _json(path, start)
    if b"\0" in head and not head.startswith((b"\xff\xfe", b"\xfe\xff")) and b"\0" not in head[:2]:
        raise UnreadableLabels(
            f"{path.name} holds no labels in a format that is known; there are {', '.join(FORMATS)}"
        )
    return csv_table.FORMAT


def _zipped(path: Path) -> Format:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except zipfile.BadZipFile as error:
        raise UnreadableLabels(f"{path.name} is a damaged zip archive") from error
    if any(posixpath.basename(name) == huggingface.METADATA for name in names):
        return huggingface.FORMAT
    if any(name.endswith(".json") and "annotations/" in name for name in names):
        return datumaro.FORMAT
    return imagefolder.FORMAT


def _json(path: Path, start: bytes) -> Format:
    """Tell a line of JSON Lines, a list of tasks, COCO and Datumaro apart."""
    first = start.split(b"\n", 1)[0]
    try:
        value = json.loads(first)
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, dict) and not {"images", "items"} & set(value):
        return json_lines.FORMAT
    if start.startswith(b"["):
        return label_studio.FORMAT
    keys = set(documents.first_keys(start.decode("utf-8", "ignore")))
    if not keys & {"images", "annotations", "items"}:  # another list comes first, and is long
        keys = set(documents.load(path))
    return coco.FORMAT if keys & {"images", "annotations"} else datumaro.FORMAT
