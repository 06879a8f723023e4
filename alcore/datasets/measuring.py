"""Owns the look at the values of a data set's deep images, so that all get one scale."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from alcore.datasets.decoding import is_deep
from alcore.datasets.depth import Scale, bands_of, together
from alcore.datasets.entries import Entry, Source
from alcore.datasets.workers import Examined, examine_all
from alcore.errors import UnreadableImage

SAMPLE = 200
"""Files that are looked at."""
SAMPLE_BYTES = 300_000_000
_FILES = ("folder", "archive", "remote")
"""Sources of which somebody else made the images."""
_SHALLOW = re.compile(r"\.(jpe?g|jpe|jfif|webp|avifs?|hei[cf]|hif|bmp|dib|gif)$", re.IGNORECASE)
"""Names of files that hold 8 bits."""


def scale_of(source: Source, entries: Sequence[Entry]) -> Scale | None:
    """Return the scale that suits a sample of the images with more than 8 bits; None for none."""
    if source.kind not in _FILES:
        return None
    candidates = [entry for entry in entries if not _SHALLOW.search(entry.name)]
    deep = [entry for entry in _sample(candidates) if _is_deep(source, entry)]
    if not deep:
        return None
    return together(
        result.reduced.scale
        for batch in examine_all(source, deep, 8, 1)
        for result in batch
        if isinstance(result, Examined) and result.reduced.scale is not None
    )


def words(scale: Scale) -> str:
    """Say what a scale does.

    >>> words((0.0, 4095.0))
    'images of more than 8 bits: values from 0 to 4,095 are shown from black to white'
    """
    black, white = (f"{end:,.0f}" if end == round(end) else f"{end:,.6g}" for end in scale[:2])
    bands = ", ".join(map(str, bands_of(scale)))
    return (
        f"images of more than 8 bits: values from {black} to {white} are shown from black to white"
        + (f", of bands {bands}" if bands else "")
    )


def _sample(entries: Sequence[Entry]) -> Iterator[Entry]:
    """Take entries at equal distances, as many as may be read in a moment."""
    step = max(1.0, len(entries) / SAMPLE)
    size = 0
    for i in range(min(len(entries), SAMPLE)):
        entry = entries[int(i * step)]
        size += entry.size
        if size > SAMPLE_BYTES and i > 0:
            return
        yield entry


def _is_deep(source: Source, entry: Entry) -> bool:
    try:
        return is_deep(source.read(entry))
    except UnreadableImage:
        return False
