"""Owns JSON documents: written in blocks, read whole up to a size."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from alcore.errors import UnreadableLabels

MOST_BYTES = 1_000_000_000
_BLOCK = 1_000

_BETWEEN = re.compile(r"[\s:,]*")

encode = json.JSONEncoder(ensure_ascii=False).encode


def write_list(out: IO[bytes], values: Iterable[Any]) -> Iterator[int]:
    """Write what stands between the brackets of a list; yields how many values so far."""
    block: list[str] = []
    written = 0
    for value in values:
        block.append(encode(value))
        if len(block) == _BLOCK:
            out.write(((",\n" if written else "") + ",\n".join(block)).encode())
            written += len(block)
            block = []
            yield written
    if block:
        out.write(((",\n" if written else "") + ",\n".join(block)).encode())
        yield written + len(block)


def load(path: Path) -> Any:
    """Read a JSON document. Raises UnreadableLabels."""
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise UnreadableLabels(
            f"{path.name} has {size / 1e6:,.0f} MB; JSON is read up to {MOST_BYTES / 1e6:,.0f} MB, "
            "CSV, JSON Lines and Parquet at any size"
        )
    try:
        return json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise UnreadableLabels(f"{path.name} is no JSON: {error}") from error


def first_keys(head: str) -> list[str]:
    """Name the keys of an object, as far as the beginning of its file shows them.

    >>> first_keys('{"info": {"year": 2026}, "images": [{"id": 1}, {"i')
    ['info', 'images']
    """
    keys: list[str] = []
    decode, at = json.JSONDecoder().raw_decode, head.find("{") + 1
    try:
        while True:
            key, at = decode(head, _past(head, at))
            keys.append(str(key))
            _, at = decode(head, _past(head, at))
    except (ValueError, RecursionError):  # here the beginning ends
        return keys


def _past(head: str, at: int) -> int:
    between = _BETWEEN.match(head, at)
    return between.end() if between else at


def items_of(document: Any, key: str, path: Path, what: str) -> list[dict[str, Any]]:
    """Return a list of objects in a document. Raises UnreadableLabels where there is none."""
    values = document.get(key) if isinstance(document, dict) else None
    if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
        raise UnreadableLabels(f"{path.name} is no {what}: it has no list of {key}")
    return values
