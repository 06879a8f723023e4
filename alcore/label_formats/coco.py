"""Owns COCO with a category per image: one annotation as large as the image."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import IO, Any

from alcore.errors import UnreadableLabels
from alcore.label_formats import documents
from alcore.label_formats.contract import Columns, ForeignLabel, Format, Header, LabelRow
from alcore.label_formats.zips import spooled

_ROWS = 1_000
_BYTES = 1_000_000


def write(out: IO[bytes], header: Header, rows: Iterable[LabelRow]) -> Iterator[int]:
    """Write images as they come, and their annotations after them."""
    info = {
        "description": f"{header.project}: one category per image",
        "version": header.revision,
    }
    categories = [{"id": i + 1, "name": name} for i, name in enumerate(header.classes)]
    out.write(f'{{"info": {documents.encode(info)},\n"licenses": [],\n'.encode())
    out.write(f'"categories": {documents.encode(categories)},\n"images": [\n'.encode())
    with spooled() as rest:
        written, all_rows = 0, iter(rows)
        while block := list(islice(all_rows, _ROWS)):
            between = ",\n" if written else ""
            images = ",\n".join(documents.encode(_image(row)) for row in block)
            annotations = ",\n".join(documents.encode(_annotation(header, row)) for row in block)
            out.write((between + images).encode())
            rest.write((between + annotations).encode())
            written += len(block)
            yield written
        out.write(b'\n],\n"annotations": [\n')
        rest.seek(0)
        while part := rest.read(_BYTES):
            out.write(part)
            yield written
    out.write(b"\n]}\n")
    yield written


def _image(row: LabelRow) -> dict[str, Any]:
    return {"id": row.item, "file_name": row.file, "width": row.width, "height": row.height}


def _annotation(header: Header, row: LabelRow) -> dict[str, Any]:
    return {
        "id": row.item,
        "image_id": row.item,
        "category_id": row.place + 1,
        "bbox": [0, 0, row.width, row.height],
        "area": row.width * row.height,
        "iscrowd": 0,
        "attributes": header.named(row),
    }


def read(path: Path, _columns: Columns | None) -> Iterator[ForeignLabel]:
    """Read the category of each image; an image of several categories has several labels."""
    document = documents.load(path)
    files = {
        image.get("id"): str(image.get("file_name", ""))
        for image in documents.items_of(document, "images", path, "COCO file")
    }
    categories = {
        category.get("id"): str(category.get("name", ""))
        for category in documents.items_of(document, "categories", path, "COCO file")
    }
    annotations = documents.items_of(document, "annotations", path, "COCO file")
    for number, annotation in enumerate(annotations, 1):
        image, category = annotation.get("image_id"), annotation.get("category_id")
        if category not in categories:
            raise UnreadableLabels(f"annotation {number} of {path.name} names no known category")
        yield ForeignLabel(number, files.get(image, ""), categories[category])


FORMAT = Format(
    name="coco",
    title="COCO",
    sentence="JSON with a category per image, as an annotation of its whole size.",
    suffix=".json",
    mime="application/json",
    content="labels",
    write=write,
    read=read,
)
