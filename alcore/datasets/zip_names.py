"""Owns the names in zip archives: which characters their bytes mean.

A zip says of a name whether it is UTF-8. Where it says nothing, macOS writes UTF-8 all the same,
and Windows the code page of the country; so the names of an archive are read together.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Sequence

from alcore.datasets.code_pages import encoding_of

_IS_UTF_8 = 0x800
_UNICODE_PATH = 0x7075


def names(infos: Sequence[zipfile.ZipInfo]) -> list[str]:
    """Return the names of an archive's entries as they were meant."""
    certain = [_certain(info) for info in infos]
    unclear = {_bytes(info) for info, name in zip(infos, certain, strict=True) if name is None}
    encoding = encoding_of(unclear)
    return [
        _bytes(info).decode(encoding, "replace") if name is None else name
        for info, name in zip(infos, certain, strict=True)
    ]


def _certain(info: zipfile.ZipInfo) -> str | None:
    """Return a name that is said to be UTF-8, is said again as UTF-8, or is plain ASCII."""
    if info.flag_bits & _IS_UTF_8:
        return info.orig_filename
    by_extra = _by_extra(info) if info.extra else None
    return by_extra or (info.orig_filename if info.orig_filename.isascii() else None)


def _bytes(info: zipfile.ZipInfo) -> bytes:
    return info.orig_filename.encode("cp437")  # as which zipfile has read it


def _by_extra(info: zipfile.ZipInfo) -> str | None:
    """Read the field in which Info-ZIP puts the name as UTF-8."""
    extra, at = info.extra, 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, at)
        body = extra[at + 4 : at + 4 + length]
        if kind == _UNICODE_PATH and len(body) > 5 and body[0] == 1:
            (checksum,) = struct.unpack_from("<I", body, 1)
            if checksum == zlib.crc32(_bytes(info)):
                return body[5:].decode("utf-8", "replace")
        at += 4 + length
    return None
