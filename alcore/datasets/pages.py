"""Owns files of several images: the pages of a TIFF and the frames of a DICOM file.

Pages count from 1; positions and sizes in bytes.
"""

from __future__ import annotations

from alcore.datasets import dicom_frames, tiff_pages
from alcore.datasets.entries import is_image_name
from alcore.datasets.kinds import is_dicom
from alcore.datasets.tiff_pages import MOST_PAGES
from alcore.datasets.tiff_pages import Read as Read
from alcore.errors import UnreadableImage

_ENDINGS = (".tif", ".tiff", ".dcm", ".dicom")
_MAGIC = 132


def may_be_several(path: str) -> bool:
    """Tell by its name whether a file may have pages: DICOM files often have no ending.

    >>> may_be_several("a/scan.TIF"), may_be_several("a/1.2.840.7"), may_be_several("a/b.png")
    (True, True, False)
    """
    return path.lower().endswith(_ENDINGS) or not is_image_name(path)


def starts(read: Read) -> list[int]:
    """Say by what each page of a file is found; of a file that cannot have any, nothing.

    Raises UnreadableImage for a file of more than `MOST_PAGES`.
    """
    if not is_dicom(read(0, _MAGIC)):
        return tiff_pages.pages(read)
    frames = dicom_frames.count(read)
    if frames > MOST_PAGES:
        raise UnreadableImage(
            f"{frames:,} frames, more than the {MOST_PAGES:,} allowed; split the file into several"
        )
    return list(range(1, frames + 1))


def page(read: Read, start: int, most: int) -> bytes:
    """Write the page that is found by `start` as a file of its own.

    Raises UnreadableImage for a damaged page, or one of more than `most` bytes.
    """
    one = dicom_frames.frame if is_dicom(read(0, _MAGIC)) else tiff_pages.page
    return one(read, start, most)


def of_bytes(data: bytes) -> Read:
    """Read parts of a file that is in memory."""
    return lambda at, length: data[at : at + length]
