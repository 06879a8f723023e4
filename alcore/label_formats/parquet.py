"""Owns labels as Parquet: typed columns, for pandas, Polars, DuckDB and the like."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import IO, Any

from alcore.errors import UnreadableLabels
from alcore.label_formats.contract import (
    Columns,
    ForeignLabel,
    Format,
    Header,
    LabelRow,
    Table,
    vote_values,
)
from alcore.label_formats.tables import BLOCK, guess, text_of

_EXAMPLES = 5
_KINDS = {
    "seconds": "float64",
    "model": "int64",
    "instant": "int64",
    "suggesting model": "int64",
    "suggestion shown": "bool",
    "explanation shown": "bool",
    "probability": "float32",
    "model label": "bool",
    "model label probability": "float32",
    "width": "int32",
    "height": "int32",
}
"""Types of columns that are no texts."""


def write(out: IO[bytes], header: Header, rows: Iterable[LabelRow]) -> Iterator[int]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = _schema(header)
    written, all_rows = 0, iter(rows)
    with pq.ParquetWriter(out, schema, compression="zstd") as writer:
        while block := list(islice(all_rows, 10 * BLOCK)):
            writer.write_table(pa.table(_arrays(header, block), schema=schema))
            written += len(block)
            yield written


def _schema(header: Header) -> Any:
    import pyarrow as pa

    text = pa.string()
    fields = [
        pa.field("item", pa.int64()),
        pa.field("file", text),
        pa.field("class", pa.dictionary(pa.int32(), text)),
    ]
    for name in header.columns:
        if name == "probabilities":
            fields.append(pa.field(name, pa.list_(pa.float32())))
        else:
            usual = "float64" if name in header.numbers else "string"
            fields.append(pa.field(name, pa.type_for_alias(_KINDS.get(name, usual))))
    if header.votes:
        vote = {"annotator": text, "class": text, "time": pa.float64(), "seconds": pa.float64()}
        fields.append(pa.field("votes", pa.list_(pa.struct(vote))))
    about = {"project": header.project, "revision": header.revision, "classes": header.classes}
    return pa.schema(fields, {"alcore": json.dumps(about, ensure_ascii=False)})


def _arrays(header: Header, block: list[LabelRow]) -> dict[str, Any]:
    import pyarrow as pa

    places = pa.array([row.place for row in block], pa.int32())
    arrays: dict[str, Any] = {
        "item": [row.item for row in block],
        "file": [row.file for row in block],
        "class": pa.DictionaryArray.from_arrays(places, pa.array(header.classes, pa.string())),
    }
    arrays |= {name: [row.more[i] for row in block] for i, name in enumerate(header.columns)}
    if header.votes:
        arrays["votes"] = [[vote_values(vote) for vote in row.votes] for row in block]
    return arrays


def columns(path: Path) -> Table:
    """Name the columns. Raises UnreadableLabels."""
    with opened(path) as file:
        names = tuple(file.schema_arrow.names)
        first = next(batches(file, path, _EXAMPLES), {})
    rows = zip(*first.values(), strict=True)
    examples = tuple({k: text_of(v)[:200] for k, v in zip(first, row, strict=True)} for row in rows)
    return Table(names, guess(names), examples)


def read(path: Path, chosen: Columns | None) -> Iterator[ForeignLabel]:
    """Read labels of two columns of a Parquet file."""
    with opened(path) as file:
        names = file.schema_arrow.names
        chosen = chosen or guess(names)
        if chosen is None or not {chosen.file, chosen.label} <= set(names):
            raise UnreadableLabels(
                f"{path.name} has the columns {', '.join(names[:20])}; say which holds the image "
                "and which its class"
            )
        number = 0
        for rows in batches(file, path, BLOCK, list({chosen.file, chosen.label})):
            for file_value, label in zip(rows[chosen.file], rows[chosen.label], strict=True):
                number += 1
                yield ForeignLabel(number, text_of(file_value), text_of(label))


def batches(
    file: Any, path: Path, size: int, names: list[str] | None = None
) -> Iterator[dict[str, list[Any]]]:
    """Yield the values of columns, by default of all, in blocks of so many rows.

    Raises UnreadableLabels.
    """
    import pyarrow as pa

    try:
        for batch in file.iter_batches(size, columns=names):
            yield batch.to_pydict()
    except (pa.ArrowException, OSError, ValueError) as error:  # also of a text that is none
        raise UnreadableLabels(f"{path.name} is damaged: {error}") from error


def opened(path: Path) -> Any:
    """Open a Parquet file. Raises UnreadableLabels."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise UnreadableLabels(f"{path.name} is no Parquet file, or a damaged one") from error


FORMAT = Format(
    name="parquet",
    title="Parquet",
    sentence="Typed columns for pandas, Polars, DuckDB and notebooks.",
    suffix=".parquet",
    mime="application/vnd.apache.parquet",
    content="labels",
    write=write,
    read=read,
    columns=columns,
)
