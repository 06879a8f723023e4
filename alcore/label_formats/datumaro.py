"""Owns Datumaro's data sets: a zip with annotations/train.json and annotations/test.json."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import IO, Any

from alcore.errors import UnreadableLabels
from alcore.label_formats import documents
from alcore.label_formats.contract import Columns, ForeignLabel, Format, Header, LabelRow
from alcore.label_formats.zips import add_spooled, spooled

_SUBSETS = {"pool": "train", "holdout": "test"}
_BLOCK = 1_000


def write(out: IO[bytes], header: Header, rows: Iterable[LabelRow]) -> Iterator[int]:
    with ExitStack() as stack, zipfile.ZipFile(out, "w") as archive:
        parts = {split: stack.enter_context(spooled()) for split in _SUBSETS}
        counts = dict.fromkeys(parts, 0)
        written, all_rows = 0, iter(rows)
        while block := list(islice(all_rows, _BLOCK)):
            for row in block:
                before = b",\n" if counts[row.split] else _head(header)
                parts[row.split].write(before + documents.encode(_item(header, row)).encode())
                counts[row.split] += 1
            written += len(block)
            yield written
        for split, part in parts.items():
            if counts[split] or split == "pool":
                part.write((b"" if counts[split] else _head(header)) + b"\n]}\n")
                add_spooled(archive, f"annotations/{_SUBSETS[split]}.json", part)
                yield written
    yield written


def _head(header: Header) -> bytes:
    labels = [{"name": name, "parent": "", "attributes": []} for name in header.classes]
    head = {
        "info": {"project": header.project, "revision": header.revision},
        "categories": {"label": {"labels": labels, "attributes": []}},
    }
    return (documents.encode(head)[:-1] + ', "items": [\n').encode()


def _item(header: Header, row: LabelRow) -> dict[str, Any]:
    return {
        "id": row.file.rpartition(".")[0] or row.file,
        "annotations": [
            {
                "id": 0,
                "type": "label",
                "attributes": header.named(row),
                "group": 0,
                "label_id": row.place,
            }
        ],
        "attr": {},
        "image": {"path": row.file, "size": [row.height, row.width]},
    }


def read(path: Path, _columns: Columns | None) -> Iterator[ForeignLabel]:
    """Read labels of a data set, zipped or as one of its JSON files."""
    number = 0
    for document in _documents(path):
        labels = document.get("categories", {}).get("label", {}).get("labels", [])
        names = [str(label.get("name", "")) for label in labels if isinstance(label, dict)]
        for item in documents.items_of(document, "items", path, "data set of Datumaro"):
            number += 1
            image = item.get("image") or {}
            file = str(image.get("path") or item.get("id") or "")
            ids = [a.get("label_id") for a in item.get("annotations") or []]
            classes = {names[i] for i in ids if isinstance(i, int) and 0 <= i < len(names)}
            for name in sorted(classes) or [""]:
                yield ForeignLabel(number, file, name)


def _documents(path: Path) -> Iterator[dict[str, Any]]:
    if path.suffix.lower() != ".zip":
        yield documents.load(path)
        return
    try:
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                if info.filename.endswith(".json") and "annotations/" in info.filename:
                    if info.file_size > documents.MOST_BYTES:
                        raise UnreadableLabels(f"{info.filename} in {path.name} is too large")
                    yield json.loads(archive.read(info))
    except (zipfile.BadZipFile, ValueError, RecursionError) as error:
        raise UnreadableLabels(f"{path.name} is damaged: {error}") from error


FORMAT = Format(
    name="datumaro",
    title="Datumaro",
    sentence="A zip with Datumaro's JSON for training images and holdout.",
    suffix=".zip",
    mime="application/zip",
    content="labels",
    write=write,
    read=read,
)
