"""Owns YOLO's data sets for classification: train/class/image and val/class/image, in a zip."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import IO

from alcore.label_formats import zips
from alcore.label_formats.contract import Format, Header, LabelRow

_HOLDOUT = "val"


def write(out: IO[bytes], header: Header, rows: Iterable[LabelRow]) -> Iterator[int]:
    return zips.write_folders(out, header, rows, holdout=_HOLDOUT)


FORMAT = Format(
    name="yolo",
    title="YOLO classification",
    sentence="A zip with train/class/image and, for the holdout, val/class/image.",
    suffix=".zip",
    mime="application/zip",
    content="images",
    write=write,
    read=zips.read_folders,
    holdout=_HOLDOUT,
    holds_more=False,
)
