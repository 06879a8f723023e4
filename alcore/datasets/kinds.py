"""Owns the kinds of files: which are read, and what to call those that are not.

A kind is told from a file's first bytes, never from its name.
"""

from __future__ import annotations

import re
from typing import Literal

from alcore.errors import UnreadableImage

Kind = Literal["JPEG", "PNG", "WEBP", "AVIF", "HEIC", "BMP", "GIF", "TIFF", "DICOM"]
FORMATS = "JPEG, PNG, WEBP, AVIF, HEIC, BMP, GIF, TIFF or DICOM"
_HEAD = 1024
"""Bytes that are looked at."""

_READ: tuple[tuple[bytes, Kind], ...] = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"BM", "BMP"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
)
_NOT_READ: tuple[tuple[int, bytes, str], ...] = (
    (8, b"CR\x02", "a Canon raw photograph"),
    (12, b"CgBI", "a PNG changed for Apple's telephones"),
    (0, b"\xff\x0a", "a JPEG XL image"),
    (4, b"JXL ", "a JPEG XL image"),
    (4, b"jP  ", "a JPEG 2000 image"),
    (0, b"\xff\x4f\xff\x51", "a JPEG 2000 image"),
    (0, b"II\xbc", "a JPEG XR image"),
    (0, b"8BPS", "a Photoshop file"),
    (0, b"gimp xcf", "a GIMP file"),
    (0, b"%PDF-", "a PDF document"),
    (0, b"%!PS", "a PostScript document"),
    (0, b"AT&TFORM", "a DjVu document"),
    (0, b"\0\0\1\0", "a Windows icon"),
    (0, b"\0\0\2\0", "a Windows cursor"),
    (0, b"icns", "an Apple icon"),
    (0, b"#?RADIANCE", "a Radiance HDR image"),
    (0, b"v/1\x01", "an OpenEXR image"),
    (0, b"SIMPLE  =", "a FITS file"),
    (0, b"DDS ", "a DirectX texture"),
    (0, b"qoif", "a QOI image"),
    (0, b"BPG\xfb", "a BPG image"),
    (0, b"FUJIFILMCCD-RAW", "a Fujifilm raw photograph"),
    (0, b"IIU\0", "a Panasonic raw photograph"),
    (0, b"IIRO", "an Olympus raw photograph"),
    (0, b"MMOR", "an Olympus raw photograph"),
    (0, b"\x1aE\xdf\xa3", "a film"),
    (8, b"AVI ", "a film"),
    (0, b"\x89HDF", "an HDF5 file"),
    (0, b"\x93NUMPY", "a NumPy array"),
    (0, b"PK\3\4", "a zip archive"),
    (0, b"\x1f\x8b", "a file packed with gzip"),
    (0, b"Rar!", "an archive"),
    (0, b"7z\xbc\xaf", "an archive"),
)
_MEDIA_READ: tuple[tuple[bytes, Kind], ...] = (
    (rb"avi[fs]", "AVIF"),
    (rb"hei[cxms]|hev[cxms]|mif1|msf1", "HEIC"),
)
_MEDIA_NOT_READ: tuple[tuple[bytes, str], ...] = (
    (rb"crx ", "a Canon raw photograph"),
    (rb"jp2 |jpx ", "a JPEG 2000 image"),
)
"""What an ISO media file ("ftyp") says that it is; any other is a film."""
_NETPBM = re.compile(rb"P[1-7Ff][\s#]")
_SVG = re.compile(rb"<svg[\s>]|<!DOCTYPE svg", re.IGNORECASE)
_PAGE = re.compile(rb"\s*(<!doctype html|<html)", re.IGNORECASE)
_POINTER = b"version https://git-lfs.github.com/spec/"


def kind_of(data: bytes) -> Kind:
    """Tell what a file is by its first bytes.

    Raises UnreadableImage that names the kind where it is none that is read.
    """
    if not data:
        raise UnreadableImage("the file is empty")
    head = data[:_HEAD]
    if head[4:8] == b"ftyp":
        return _media(head)
    if is_dicom(head):
        return "DICOM"
    name = _not_read(head)
    if name is not None:
        raise UnreadableImage(not_read(name))
    for magic, kind in _READ:
        if head.startswith(magic):
            return kind
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "WEBP"
    if head.startswith(_POINTER):
        raise UnreadableImage(
            "a pointer of Git LFS: the image itself was not downloaded; run git lfs pull"
        )
    if _PAGE.match(_without_mark(head)):
        raise UnreadableImage(f"a web page, not an image; {FORMATS} can be read")
    what = "text, not an image" if _is_text(head) else "not an image"
    raise UnreadableImage(f"{what}; {FORMATS} can be read")


def is_dicom(head: bytes) -> bool:
    """Tell whether a file that begins so is a DICOM file, whose names often have no ending."""
    return head.startswith(b"DICM", 128)


def not_read(name: str) -> str:
    """Say that a kind of file is not read, and what would be.

    >>> not_read("a JPEG XL image")
    'a JPEG XL image, which is not read; save it as JPEG or PNG'
    """
    return f"{name}, which is not read; save it as JPEG or PNG"


def _media(head: bytes) -> Kind:
    """Tell what an ISO media file is; raises UnreadableImage where it is none that is read."""
    brands = head[8 : min(int.from_bytes(head[:4], "big"), 64)] or head[8:12]
    for pattern, name in _MEDIA_NOT_READ:
        if re.search(pattern, brands):
            raise UnreadableImage(not_read(name))
    for pattern, kind in _MEDIA_READ:
        if re.search(pattern, brands):
            return kind
    raise UnreadableImage(not_read("a film"))


def _not_read(head: bytes) -> str | None:
    for at, magic, name in _NOT_READ:
        if head.startswith(magic, at):
            return name
    if _NETPBM.match(head):
        return "a PPM, PGM or PBM image"
    if _SVG.search(_without_mark(head)) and _is_text(head):
        return "an SVG drawing"
    return None


def _without_mark(head: bytes) -> bytes:
    """Leave away a byte order mark, and read UTF-16 as what it says."""
    for mark, encoding in ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")):
        if head.startswith(mark):
            return head[2:].decode(encoding, "ignore").encode()
    return head.removeprefix(b"\xef\xbb\xbf")


def _is_text(head: bytes) -> bool:
    head = _without_mark(head)
    # The last character may be cut in two.
    text = head.decode("utf-8", errors="ignore")
    return len(text.encode()) >= len(head) - 3 and all(c.isprintable() or c.isspace() for c in text)
