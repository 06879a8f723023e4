"""Owns DICOM files of several frames: how many there are, and one as a file of its own.

A frame takes along what the file says of it alone: its window, and what its numbers mean. Frames
count from 1; sizes in bytes.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from alcore.datasets.dicom import WHAT
from alcore.datasets.extras import library
from alcore.errors import UnreadableImage

Read = Callable[[int, int], bytes]
"""Gives bytes of a file: from where, how many at most."""
_HEAD = 65_536
"""Bytes in which most files say whether they have several frames."""
_FRAMES = (b"\x28\x00\x08\x00", b"\x00\x28\x00\x08")
_PIXELS = (b"\xe0\x7f\x10\x00", b"\x7f\xe0\x00\x10")
_FLOATS = {0x7FE00008: "OF", 0x7FE00009: "OD"}
_OF_A_FRAME = ("PixelValueTransformationSequence", "FrameVOILUTSequence")
_GROUPS = ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence")
_DEFLATED = "1.2.840.10008.1.2.1.99"


def count(read: Read) -> int:
    """Count the frames of a file; 1 where it is damaged or has none, or pydicom is missing.

    Most files have one frame, which their first bytes tell without a look at all else.
    """
    head = read(0, _HEAD)
    if not any(tag in head for tag in _FRAMES) and any(tag in head for tag in _PIXELS):
        return 1
    try:
        header, _ = _header(read, ["NumberOfFrames"])
        frames = int(header.get("NumberOfFrames") or 1)
    except Exception:  # as many kinds as files can be damaged in: reading the image says which
        return 1
    return 1 if header.file_meta.get("TransferSyntaxUID") == _DEFLATED else max(1, frames)


def frame(read: Read, number: int, most: int) -> bytes:
    """Write one frame as a DICOM file of its own.

    Raises UnreadableImage for a damaged file, and for a frame of more than `most` bytes.
    """
    pydicom = library("pydicom", "scientific", WHAT)
    try:
        header, file = _header(read, None)
        frames = int(header.get("NumberOfFrames") or 1)
        _lift(header, number)
        _put(header, file, number, frames, most)
        out = io.BytesIO()
        pydicom.dcmwrite(out, header)
    except UnreadableImage:
        raise
    except Exception as error:
        raise UnreadableImage(f"damaged: frame {number:,} cannot be taken out") from error
    return out.getvalue()


class _File(io.RawIOBase):
    """A file of which parts are read when they are needed."""

    name = ""

    def __init__(self, read: Read) -> None:
        self._read, self._at = read, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_END:
            raise io.UnsupportedOperation("the end is not known")
        self._at = offset + (self._at if whence == io.SEEK_CUR else 0)
        return self._at

    def readinto(self, buffer: Any) -> int:
        data = self._read(self._at, len(buffer))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)


def _header(read: Read, tags: list[str] | None) -> tuple[Any, io.BufferedReader[_File]]:
    """Read all that stands before the pixels; the file stands there then."""
    pydicom = library("pydicom", "scientific", WHAT)
    file = io.BufferedReader(_File(read), _HEAD)
    return pydicom.dcmread(file, stop_before_pixels=True, specific_tags=tags), file


def _lift(header: Any, number: int) -> None:
    """Let what is said of one frame be said of the file; what is said of the others goes."""
    for groups in _GROUPS:
        sequence = header.get(groups) or []
        place = 0 if groups == _GROUPS[0] else number - 1
        if place < len(sequence):
            for name in _OF_A_FRAME:
                for macro in sequence[place].get(name) or []:
                    for element in macro:
                        header[element.tag] = element
        if groups in header:
            delattr(header, groups)
    header.remove_private_tags()
    header.NumberOfFrames = 1


def _put(header: Any, file: io.BufferedReader[_File], number: int, frames: int, most: int) -> None:
    """Put the pixels of one frame into a header; the file stands where all of them begin."""
    encaps = library("pydicom.encaps", "scientific", WHAT)
    tag, length = _element(header, file)
    if length == 0xFFFFFFFF:
        data = encaps.get_frame(file, number - 1, number_of_frames=frames)
        _check(len(data), most)
        header.add_new(tag, "OB", encaps.encapsulate([data]))
        header[tag].is_undefined_length = True
        return
    pixels = library("pydicom.pixels.utils", "scientific", WHAT)
    bits = int(header.Rows) * int(header.Columns) * int(header.SamplesPerPixel)
    if int(header.BitsAllocated) == 1:  # a frame may begin within a byte
        _check(bits // 8, most)
        first, last = (number - 1) * bits, number * bits
        file.seek(first // 8, io.SEEK_CUR)
        packed = np.frombuffer(file.read((last + 7) // 8 - first // 8), np.uint8)
        ours = np.unpackbits(packed, bitorder="little")[first % 8 :][:bits]
        data = np.packbits(ours, bitorder="little").tobytes()
    else:
        size = pixels.get_expected_length(header)
        _check(size, most)
        file.seek((number - 1) * size, io.SEEK_CUR)
        data = file.read(size)
        if len(data) < size:
            raise UnreadableImage("truncated: the file ends before the frame does")
    kind = _FLOATS.get(tag, "OW" if int(header.BitsAllocated) > 8 else "OB")
    header.add_new(tag, kind, data + b"\0" * (len(data) % 2))


def _element(header: Any, file: io.BufferedReader[_File]) -> tuple[int, int]:
    """Read the tag of the pixels, and how many bytes they have."""
    order: Literal["little", "big"] = "little" if header.original_encoding[1] else "big"
    implicit = bool(header.original_encoding[0])
    head = file.read(8 if implicit else 12)
    group, element = (int.from_bytes(head[at : at + 2], order) for at in (0, 2))
    return group << 16 | element, int.from_bytes(head[-4:], order)


def _check(size: int, most: int) -> None:
    if size > most:
        raise UnreadableImage(f"a frame of more than the {most / 1e6:.0f} MB allowed for an image")
