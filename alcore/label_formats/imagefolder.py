"""Owns images in one folder per class, in a zip: what most training code reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import IO

from alcore.label_formats import zips
from alcore.label_formats.contract import Format, Header, LabelRow

_HOLDOUT = "test"


def write(out: IO[bytes], header: Header, rows: Iterable[LabelRow]) -> Iterator[int]:
    return zips.write_folders(out, header, rows, holdout=_HOLDOUT)


FORMAT = Format(
    name="imagefolder",
    title="Folders of images",
    sentence="A zip with train/class/image and, for the holdout, test/class/image.",
    suffix=".zip",
    mime="application/zip",
    content="images",
    write=write,
    read=zips.read_folders,
    holdout=_HOLDOUT,
    holds_more=False,
)
