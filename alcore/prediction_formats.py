"""Owns predictions as files: CSV, JSON Lines and Parquet, written in blocks.

n images of a block, C classes, D embedding width; probabilities are 0–1 and calibrated.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import IO, Any

import numpy as np

from alcore.errors import UnknownFormat
from alcore.spreadsheets import safe

_DIGITS = 6


@dataclass(frozen=True)
class PredictedBlock:
    """What a model says of some images."""

    files: tuple[str, ...]
    """n names."""
    probabilities: np.ndarray
    """(n, C) float32."""
    embeddings: np.ndarray | None = None
    """(n, D) float32, where they are asked for."""
    problems: tuple[tuple[str, str], ...] = ()
    """Files that could not be read, and why."""

    def __len__(self) -> int:
        return len(self.files) + len(self.problems)


@dataclass(frozen=True)
class PredictionFormat:
    """One format of predictions."""

    name: str
    title: str
    suffix: str
    mime: str
    write: Callable[[IO[bytes], tuple[str, ...], Iterable[PredictedBlock]], Iterator[int]]
    """Writes blocks, with names for the C classes; yields how many images there are so far."""

    @property
    def binary(self) -> bool:
        """Whether it is no text."""
        return self.suffix == ".parquet"


def _best(block: PredictedBlock) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return position, probability and margin (n,) of the likeliest classes."""
    places = block.probabilities.argmax(axis=1)
    if block.probabilities.shape[1] < 2:
        top = block.probabilities[:, :1]
        return places, top[:, 0], top[:, 0]
    two = -np.partition(-block.probabilities, 1, axis=1)[:, :2]
    return places, two[:, 0], two[:, 0] - two[:, 1]


def _write_csv(
    out: IO[bytes], classes: tuple[str, ...], blocks: Iterable[PredictedBlock]
) -> Iterator[int]:
    """Write a column `p(class)` for each class; an embedding as JSON."""
    text = io.TextIOWrapper(out, "utf-8", newline="", write_through=True)
    head = ["file", "class", "probability", "margin", "problem"]
    columns = [*head, *(safe(f"p({name})") for name in classes)]
    written = 0
    try:
        table = csv.writer(text, lineterminator="\n")
        for block in blocks:
            embeds = block.embeddings is not None
            if not written:
                table.writerow([*columns, "embedding"] if embeds else columns)
            for row in _rows(block, classes):
                cells = [safe(row[column]) for column in head]
                cells += row["values"]
                if embeds:
                    cells.append(json.dumps(row["embedding"]))
                table.writerow(cells)
            table.writerows([safe(file), "", "", "", safe(why)] for file, why in block.problems)
            written += len(block)
            yield written
        if not written:
            table.writerow(columns)
            yield written
    finally:
        text.detach()


def _rows(block: PredictedBlock, classes: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    places, top, margins = _best(block)
    values = np.round(block.probabilities.astype(np.float64), _DIGITS).tolist()
    for i, file in enumerate(block.files):
        yield {
            "file": file,
            "class": classes[places[i]],
            "probability": round(float(top[i]), _DIGITS),
            "margin": round(float(margins[i]), _DIGITS),
            "problem": "",
            "values": values[i],
            "embedding": None if block.embeddings is None else block.embeddings[i].tolist(),
        }


def _write_json_lines(
    out: IO[bytes], classes: tuple[str, ...], blocks: Iterable[PredictedBlock]
) -> Iterator[int]:
    encode = json.JSONEncoder(ensure_ascii=False).encode
    written = 0
    for block in blocks:
        lines = []
        for row in _rows(block, classes):
            row["probabilities"] = dict(zip(classes, row.pop("values"), strict=True))
            lines.append(encode({k: v for k, v in row.items() if v not in (None, "")}))
        lines += [encode({"file": file, "problem": why}) for file, why in block.problems]
        out.write("".join(f"{line}\n" for line in lines).encode())
        written += len(block)
        yield written


def _write_parquet(
    out: IO[bytes], classes: tuple[str, ...], blocks: Iterable[PredictedBlock]
) -> Iterator[int]:
    """Write probabilities as a list in the order of the classes, which the metadata names."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    about = {"alcore": json.dumps({"classes": classes}, ensure_ascii=False)}
    writer, written = None, 0
    try:
        for block in blocks:
            table = _table(block, classes).replace_schema_metadata(about)
            writer = writer or pq.ParquetWriter(out, table.schema, compression="zstd")
            writer.write_table(table)
            written += len(block)
            yield written
    finally:
        if writer is not None:
            writer.close()
    if writer is None:  # nothing to predict is a table too
        empty = PredictedBlock((), np.zeros((0, len(classes)), np.float32))
        pq.write_table(pa.Table.from_batches([], _table(empty, classes).schema), out)
    yield written


def _table(block: PredictedBlock, classes: tuple[str, ...]) -> Any:
    import pyarrow as pa

    places, top, margins = _best(block)
    lost = [None] * len(block.problems)
    columns: dict[str, Any] = {
        "file": pa.array([*block.files, *(file for file, _ in block.problems)], pa.string()),
        "class": pa.array([*(classes[p] for p in places), *lost], pa.string()),
        "probability": pa.array([*top.tolist(), *lost], pa.float32()),
        "margin": pa.array([*margins.tolist(), *lost], pa.float32()),
        "probabilities": pa.array([*block.probabilities, *lost], pa.list_(pa.float32())),
    }
    if block.embeddings is not None:
        columns["embedding"] = pa.array([*block.embeddings, *lost], pa.list_(pa.float32()))
    why = [None] * len(block.files)
    columns["problem"] = pa.array([*why, *(reason for _, reason in block.problems)], pa.string())
    return pa.table(columns)


FORMATS: Mapping[str, PredictionFormat] = MappingProxyType(
    {
        form.name: form
        for form in (
            PredictionFormat("csv", "CSV", ".csv", "text/csv", _write_csv),
            PredictionFormat(
                "jsonl", "JSON Lines", ".jsonl", "application/x-ndjson", _write_json_lines
            ),
            PredictionFormat(
                "parquet",
                "Parquet",
                ".parquet",
                "application/vnd.apache.parquet",
                _write_parquet,
            ),
        )
    }
)


def get(name: str) -> PredictionFormat:
    """Return the format of this name. Raises UnknownFormat, with the names that there are."""
    try:
        return FORMATS[name]
    except KeyError:
        raise UnknownFormat(
            f"no format of predictions is called {name!r}; choose from {', '.join(FORMATS)}"
        ) from None
