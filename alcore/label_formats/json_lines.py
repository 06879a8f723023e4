"""Owns labels as JSON Lines: an object a line, lists and votes as they are."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
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
from alcore.label_formats.tables import BLOCK, guess, text_of, values

_LONGEST_LINE = 10_000_000
_EXAMPLES = 5
_MOST_KEYS = 200


def write(out: IO[bytes], header: Header, rows: Iterable[LabelRow]) -> Iterator[int]:
    encode = json.JSONEncoder(ensure_ascii=False).encode
    written, all_rows = 0, iter(rows)
    while block := list(islice(all_rows, BLOCK)):
        lines = []
        for row in block:
            value = values(header, row)
            if header.votes:
                value["votes"] = [vote_values(vote) for vote in row.votes]
            lines.append(encode(value) + "\n")
        out.write("".join(lines).encode())
        written += len(block)
        yield written


def columns(path: Path) -> Table:
    """Name the keys of the first objects. Raises UnreadableLabels."""
    first = [value for _, value in islice(objects(path), _EXAMPLES)]
    keys = list(dict.fromkeys(key for value in first for key in value))[:_MOST_KEYS]
    if not keys:
        raise UnreadableLabels(f"{path.name} is empty; it must have a JSON object a line")
    examples = tuple({key: text_of(value.get(key)) for key in keys} for value in first)
    return Table(tuple(keys), guess(keys), examples)


def read(path: Path, chosen: Columns | None) -> Iterator[ForeignLabel]:
    """Read labels, a JSON object a line."""
    table = columns(path)
    chosen = chosen or table.guess
    if chosen is None:
        raise UnreadableLabels(
            f"the objects of {path.name} have {', '.join(table.names[:20])}; say which names the "
            "image and which its class"
        )
    for number, value in objects(path):
        yield ForeignLabel(
            number, text_of(value.get(chosen.file)), text_of(value.get(chosen.label))
        )


def objects(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield the number and the object of each line that is not empty."""
    with path.open("rb") as file:
        number = 0
        while line := file.readline(_LONGEST_LINE):
            number += 1
            if not line.strip():
                continue
            try:
                value = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise UnreadableLabels(
                    f"line {number} of {path.name} is no JSON: {error}"
                ) from error
            if not isinstance(value, dict):
                raise UnreadableLabels(
                    f"line {number} of {path.name} is no JSON object, but {str(value)[:40]!r}"
                )
            yield number, value


FORMAT = Format(
    name="jsonl",
    title="JSON Lines",
    sentence="An object a line, for scripts; votes and probabilities as lists.",
    suffix=".jsonl",
    mime="application/x-ndjson",
    content="labels",
    write=write,
    read=read,
    columns=columns,
)
