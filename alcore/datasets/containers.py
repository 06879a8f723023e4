"""Owns what stands around the pixels of JPEG, PNG, WebP and TIFF files.

Metadata may be huge or damaged beside sound pixels, so a decoder is given what the picture needs
and nothing else: orientation, transparency, palettes. Sizes and positions in bytes.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

JPEG_END = b"\xff\xd9"
_PNG_START = b"\x89PNG\r\n\x1a\n"
_PNG_END = b"\0\0\0\0IEND\xaeB`\x82"
_PICTURE = frozenset({b"IHDR", b"PLTE", b"IDAT"})
_MOST_METADATA = 1_000_000
_EXIF_AS_TEXT = b"Raw profile type exif\0"
_WEBP_PICTURE = frozenset({b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF"})
_WEBP_PROFILE, _WEBP_EXIF, _WEBP_XMP = 0x20, 0x08, 0x04
_TYPES = {3: "H", 4: "I", 16: "Q"}
"""Whole numbers in TIFF directories: their type, and how `struct` reads them."""


# -- PNG ---------------------------------------------------------------------------------------


def plain_png(data: bytes) -> bytes:
    """Leave away all chunks but those that the picture needs; put back an end that is missing.

    A chunk that is not needed to decode pixels is dropped where its checksum is wrong, as
    libpng does.
    """
    parts, at = [_PNG_START], len(_PNG_START)
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if kind == b"IEND":
            break
        if kind in _PICTURE:
            body = data[at:end]
            if kind == b"IDAT" and end > len(data):
                # What is there of the last chunk; the decoder judges whether it is enough.
                there = data[at + 8 : at + 8 + length]
                body = struct.pack(">I4s", len(there), kind) + there + b"\0\0\0\0"
            parts.append(body)
        elif _is_needed(kind, data[at + 8 : min(end - 4, at + 8 + _MOST_METADATA)]):
            body = data[at:end]
            if body[-4:] == struct.pack(">I", zlib.crc32(body[4:-4])):
                parts.append(body)
        at = end
    return b"".join((*parts, _PNG_END))


def _is_needed(kind: bytes, body: bytes) -> bool:
    if kind in (b"tRNS", b"eXIf"):
        return len(body) < _MOST_METADATA
    if kind not in (b"tEXt", b"zTXt") or not body.startswith(_EXIF_AS_TEXT):
        return False
    if kind == b"tEXt":
        return True
    unpacking = zlib.decompressobj()
    try:
        unpacking.decompress(body[len(_EXIF_AS_TEXT) + 1 :], _MOST_METADATA)
    except zlib.error:
        return False
    return not unpacking.unconsumed_tail


def png_bits(data: bytes) -> int:
    """Bits of each value, as the header says."""
    return data[24] if len(data) > 24 else 8


# -- JPEG --------------------------------------------------------------------------------------


def plain_jpeg(data: bytes) -> bytes:
    """Leave away application data and comments but for what tells colours and orientation."""
    parts, at = [data[:2]], 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
            continue
        if marker == 0xDA or marker == 0x01 or 0xD0 <= marker <= 0xD9:
            break
        end = at + 2 + struct.unpack_from(">H", data, at + 2)[0]
        segment = data[at:end]
        if not (0xE0 <= marker <= 0xEF or marker == 0xFE) or _tells(marker, segment[4:]):
            parts.append(segment)
        at = max(end, at + 4)
    return b"".join((*parts, memoryview(data)[at:]))


def _tells(marker: int, body: bytes) -> bool:
    return (
        (marker == 0xE0 and body.startswith(b"JFIF\0") and len(body) >= 14)
        or (marker == 0xE1 and body.startswith(b"Exif\0\0"))
        or (marker == 0xEE and body.startswith(b"Adobe") and len(body) >= 12)
    )


def jpeg_endings(data: bytes) -> tuple[bytes, bytes]:
    """End a JPEG without its end marker in two ways.

    Both give the same picture where every pixel is there; else what was put in shows.
    """
    whole = data[:-1] if data.endswith(b"\xff") else data
    return whole + b"\0" * 64 + JPEG_END, whole + b"\xaa" * 64 + JPEG_END


# -- WebP --------------------------------------------------------------------------------------


def plain_webp(data: bytes) -> bytes:
    """Leave away colour profile and XMP, and EXIF where it is damaged or large."""
    if data[12:16] != b"VP8X":
        return data
    parts, at, exif = [], 12, False
    while at + 8 <= len(data):
        kind, length = struct.unpack_from("<4sI", data, at)
        end = at + 8 + length + length % 2
        whole = kind == b"EXIF" and end <= len(data) and length < _MOST_METADATA
        exif = exif or whole
        if kind in _WEBP_PICTURE or whole:
            parts.append(data[at:end])
        at = end
    if parts and len(parts[0]) > 8:
        flags = parts[0][8] & ~(_WEBP_PROFILE | _WEBP_EXIF | _WEBP_XMP) | exif * _WEBP_EXIF
        parts[0] = parts[0][:8] + bytes([flags]) + parts[0][9:]
    body = b"".join((b"WEBP", *parts))
    return b"RIFF" + struct.pack("<I", len(body)) + body


# -- TIFF --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Tiff:
    """What the first directory of a TIFF says of its pixels."""

    bits: tuple[int, ...]
    samples: int
    sample_format: int
    """1 unsigned, 2 signed, 3 floating."""
    photometric: int
    """0 and 1 grey, 2 RGB, 5 inks."""
    planar: bool
    compression: int
    is_raw: bool
    """A raw photograph, whose first picture is a preview."""
    places: dict[int, tuple[int, str]]
    """Where the number of a tag stands, and how `struct` reads it."""

    @property
    def white_is_zero(self) -> bool:
        return self.photometric == 0

    @property
    def is_deep(self) -> bool:
        return max(self.bits) > 8 or self.sample_format != 1 or self.has_bands

    @property
    def has_bands(self) -> bool:
        """More values a pixel than colours and transparency, or inks and transparency, have."""
        return self.samples > (5 if self.photometric == 5 else 4)


BITS, COMPRESSION, PHOTOMETRIC, SAMPLES, PLANAR, SAMPLE_FORMAT = 258, 259, 262, 277, 284, 339
_SUBFILE, _MORE_PICTURES, _DNG = 254, 330, 50706


def tiff(data: bytes) -> Tiff | None:
    """Read the first directory; None where it cannot be read."""
    order = "<" if data[:2] == b"II" else ">"
    big = data[2:4] in (b"+\0", b"\0+")
    values: dict[int, tuple[int, ...]] = {}
    places: dict[int, tuple[int, str]] = {}
    try:
        (at,) = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)
        (count,) = struct.unpack_from(order + ("Q" if big else "H"), data, at)
        at += 8 if big else 2
        for _ in range(min(count, 1000)):
            tag, form = struct.unpack_from(order + "HH", data, at)
            (n,) = struct.unpack_from(order + ("Q" if big else "I"), data, at + 4)
            if form in _TYPES and 0 < n <= 64:
                size = struct.calcsize(_TYPES[form])
                where = at + (12 if big else 8)
                if n * size > (8 if big else 4):
                    (where,) = struct.unpack_from(order + ("Q" if big else "I"), data, where)
                values[tag] = struct.unpack_from(f"{order}{n}{_TYPES[form]}", data, where)
                places[tag] = (where, order + _TYPES[form])
            elif n:
                values[tag] = ()
            at += 20 if big else 12
    except (struct.error, OverflowError):
        return None

    def first(tag: int, default: int) -> int:
        return (values.get(tag) or (default,))[0]

    return Tiff(
        bits=values.get(BITS) or (1,),
        samples=first(SAMPLES, 1),
        sample_format=first(SAMPLE_FORMAT, 1),
        photometric=first(PHOTOMETRIC, 1),
        planar=first(PLANAR, 1) == 2,
        compression=first(COMPRESSION, 1),
        is_raw=_DNG in values or (first(_SUBFILE, 0) == 1 and _MORE_PICTURES in values),
        places=places,
    )


def with_tags(data: bytes, about: Tiff, tags: dict[int, int]) -> bytes:
    """Set single numbers in the first directory, where it has them."""
    for tag, value in tags.items():
        where, form = about.places.get(tag, (0, ""))
        if form and struct.unpack_from(form, data, where) != (value,):
            after = where + struct.calcsize(form)
            data = b"".join((data[:where], struct.pack(form, value), data[after:]))
    return data
