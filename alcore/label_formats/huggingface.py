"""Owns Hugging Face's image folder: a zip with images and a metadata.jsonl for each split."""

from __future__ import annotations

import hashlib
import json
import posixpath
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

from alcore.errors import UnreadableLabels
from alcore.label_formats import documents, zips
from alcore.label_formats.contract import Columns, ForeignLabel, Format, Header, LabelRow
from alcore.label_formats.tables import text_of

METADATA = "metadata.jsonl"
_LABELS = ("label", "class", "category")
_SUBSETS = {"pool": "train", "holdout": "test"}
_LONGEST_LINE = 10_000_000
_BLOCK = 1_000_000


def write(out: IO[bytes], header: Header, rows: Iterable[LabelRow]) -> Iterator[int]:
    with ExitStack() as stack, zipfile.ZipFile(out, "w") as archive:
        tables = {split: stack.enter_context(zips.spooled()) for split in _SUBSETS}

        def name(row: LabelRow, path: str) -> str:
            tables[row.split].write(documents.encode(_line(header, row, path)).encode() + b"\n")
            return f"{_SUBSETS[row.split]}/{path}"

        written = yield from zips.write_images(archive, header, rows, name)
        for split, table in tables.items():
            if table.tell():
                zips.add_spooled(archive, f"{_SUBSETS[split]}/{METADATA}", table)
                yield written
    yield written


def _line(header: Header, row: LabelRow, path: str) -> dict[str, Any]:
    """Describe an image; what else is known is one text, since all splits must have equal types."""
    return {
        "file_name": path,
        "label": header.classes[row.place],
        "item": row.item,
        "file": row.file,
        "about": documents.encode(header.named(row)),
    }


def read(path: Path, _columns: Columns | None) -> Iterator[ForeignLabel]:
    """Read the labels of a zip's metadata; images by their content, where they are there."""
    number = 0
    try:
        with zipfile.ZipFile(path) as archive:
            inside = {info.filename: info for info in archive.infolist()}
            for name in inside:
                if posixpath.basename(name) != METADATA:
                    continue
                with archive.open(name) as lines:
                    for value in _objects(lines, name):
                        number += 1
                        file = str(value.get("file_name", ""))
                        label = next((value[key] for key in _LABELS if key in value), None)
                        image = inside.get(posixpath.join(posixpath.dirname(name), file))
                        digest = None if image is None else _digest(archive, image)
                        yield ForeignLabel(number, file, text_of(label), digest)
    except (zipfile.BadZipFile, OSError) as error:
        raise UnreadableLabels(f"{path.name} is damaged: {error}") from error


def _objects(lines: IO[bytes], name: str) -> Iterator[dict[str, Any]]:
    while line := lines.readline(_LONGEST_LINE):
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise UnreadableLabels(f"{name} has a line that is no JSON: {error}") from error
        if isinstance(value, dict):
            yield value


def _digest(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> str:
    digest = hashlib.blake2b(digest_size=16)
    with archive.open(info) as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


FORMAT = Format(
    name="huggingface",
    title="Hugging Face image folder",
    sentence="A zip for load_dataset('imagefolder'): images, and all else in metadata.jsonl.",
    suffix=".zip",
    mime="application/zip",
    content="images",
    write=write,
    read=read,
)
