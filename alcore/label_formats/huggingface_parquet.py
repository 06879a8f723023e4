"""Owns Hugging Face's Parquet of images: bytes, path and a class label a row."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from alcore.errors import UnreadableLabels
from alcore.label_formats import parquet
from alcore.label_formats.contract import Columns, ForeignLabel, Format, Header, LabelRow
from alcore.label_formats.documents import encode
from alcore.label_formats.tables import text_of

_LABELS = ("label", "class", "category", "labels")
_BLOCK_BYTES = 16_000_000
_MOST_ROWS = 1_000
_READ = 100


def write(out: IO[bytes], header: Header, rows: Iterable[LabelRow]) -> Iterator[int]:
    """Write row groups of at most 16 MB of images; what else is known goes as JSON."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    image = pa.struct({"bytes": pa.binary(), "path": pa.string()})
    texts = {"file": "string", "split": "string", "about": "string"}
    schema = pa.schema(
        {"image": image, "label": pa.int64(), **{k: pa.string() for k in texts}},
        {"huggingface": encode({"info": {"features": _features(header, texts)}})},
    )
    written, block, size = 0, [], 0
    with pq.ParquetWriter(out, schema, compression="zstd", use_dictionary=False) as writer:
        for row in rows:
            data = header.read(row)
            if data is None:
                continue
            block.append(
                {
                    "image": {"bytes": data, "path": row.file},
                    "label": row.place,
                    "file": row.file,
                    "split": "test" if row.split == "holdout" else "train",
                    "about": encode({"item": row.item, **header.named(row)}),
                }
            )
            size += len(data)
            if size >= _BLOCK_BYTES or len(block) == _MOST_ROWS:
                writer.write_table(pa.Table.from_pylist(block, schema))
                written, block, size = written + len(block), [], 0
                yield written
        if block:
            writer.write_table(pa.Table.from_pylist(block, schema))
            yield written + len(block)


def _features(header: Header, texts: dict[str, str]) -> dict[str, Any]:
    return {
        "image": {"_type": "Image"},
        "label": {"names": list(header.classes), "_type": "ClassLabel"},
        **{name: {"dtype": kind, "_type": "Value"} for name, kind in texts.items()},
    }


def is_one(path: Path) -> bool:
    """Tell whether a Parquet file holds images as Hugging Face's data sets do."""
    with parquet.opened(path) as file:
        return _image_column(file.schema_arrow) is not None


def _image_column(schema: Any) -> str | None:
    import pyarrow as pa

    for field in schema:
        if pa.types.is_struct(field.type) and field.type.get_field_index("bytes") >= 0:
            return str(field.name)
    return None


def read(path: Path, _columns: Columns | None) -> Iterator[ForeignLabel]:
    """Read labels; images are known by their bytes, else by their path."""
    with parquet.opened(path) as file:
        schema = file.schema_arrow
        image = _image_column(schema)
        label = next((name for name in _LABELS if name in schema.names), None)
        if image is None or label is None:
            raise UnreadableLabels(
                f"{path.name} has the columns {', '.join(schema.names[:20])}; a data set of images "
                "has image and label"
            )
        names = _names(schema, label)
        number = 0
        for rows in parquet.batches(file, path, _READ, [image, label]):
            for picture, value in zip(rows[image], rows[label], strict=True):
                number += 1
                picture = picture or {}
                data = picture.get("bytes")
                digest = None if data is None else hashlib.blake2b(data, digest_size=16).hexdigest()
                known = isinstance(value, int) and 0 <= value < len(names)
                name = names[value] if known else text_of(value)
                yield ForeignLabel(number, picture.get("path") or "", name, digest)


def _names(schema: Any, label: str) -> list[str]:
    """Read what the numbers of a class label mean."""
    try:
        about = json.loads((schema.metadata or {})[b"huggingface"])
        names = about["info"]["features"][label]["names"]
    except (KeyError, TypeError, ValueError):
        return []
    return [str(name) for name in names] if isinstance(names, list) else []


FORMAT = Format(
    name="huggingface-parquet",
    title="Hugging Face Parquet",
    sentence="One Parquet file with the bytes of the images and their class labels.",
    suffix=".parquet",
    mime="application/vnd.apache.parquet",
    content="images",
    write=write,
    read=read,
)
