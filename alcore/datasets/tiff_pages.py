"""Owns TIFF files of several pages: where each page stands, and one page as a file of its own.

A page is a directory of the file that shows a picture; reduced versions and masks of another page
are none. Positions and sizes in bytes; pages count from 1.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from alcore.errors import UnreadableImage

MOST_PAGES = 10_000
"""Pages of one file that become images; a file with more is left out."""
_MOST_TAGS = 4_096
_MOST_METADATA = 65_536
"""Longer values that no picture needs are left behind."""
_PACKED_JPEG = 6
"""JPEG as of 1992, whose parts lie anywhere in the file."""
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
_SIZES |= {13: 4, 16: 8, 17: 8, 18: 8}
_WHOLE = {3: "H", 4: "I", 13: "I", 16: "Q"}
_SUBFILE, _OLD_SUBFILE, _COMPRESSION = 254, 255, 259
_REDUCED_OR_MASK = 1 | 4
_PARTS = {273: 279, 324: 325}
"""Tags that say where strips and tiles lie, and those that say how long they are."""
_PALETTE, _TABLES = 320, 347
_POINTERS = frozenset({330, 34665, 34853, 40965})
"""Tags that lead elsewhere in the file: to inner pictures and metadata."""

Read = Callable[[int, int], bytes]
"""Gives bytes of a file: from where, how many at most."""


@dataclass(frozen=True)
class _Form:
    """How a file writes numbers."""

    order: str
    big: bool

    @property
    def offset(self) -> str:
        return self.order + ("Q" if self.big else "I")

    @property
    def count(self) -> str:
        return self.order + ("Q" if self.big else "H")

    @property
    def tag(self) -> struct.Struct:
        return struct.Struct(self.order + ("HHQ8s" if self.big else "HHI4s"))

    @property
    def inline(self) -> int:
        return 8 if self.big else 4


_Tag = tuple[int, int, int, bytes]
"""Number, type, how many values, and the values or where they stand."""


def pages(read: Read) -> list[int]:
    """List where the directories of a TIFF's pages stand; of a file that is none, nothing.

    Where the file is damaged, the pages before are listed. Raises UnreadableImage for a file of
    more than `MOST_PAGES`.
    """
    form = _form(read(0, 16))
    if form is None:
        return []
    known: list[int] = []
    seen: set[int] = set()
    (at,) = struct.unpack_from(form.offset, read(0, 16), 8 if form.big else 4)
    while at and at not in seen and len(seen) <= 4 * MOST_PAGES:
        seen.add(at)
        tags, following = _directory(read, form, at)
        if not tags or _first(form, tags, _COMPRESSION) == _PACKED_JPEG:
            break
        old = {2: 1}.get(_first(form, tags, _OLD_SUBFILE), 0)
        if not (_first(form, tags, _SUBFILE) | old) & _REDUCED_OR_MASK:
            known.append(at)
        at = following
    if len(known) > MOST_PAGES:
        raise UnreadableImage(
            f"more than {MOST_PAGES:,} pages; split the file into several with fewer"
        )
    return known


def page(read: Read, at: int, most: int) -> bytes:
    """Write the page whose directory stands at a place as a TIFF file of its own.

    Only what belongs to the picture, and short metadata, is taken along. Raises UnreadableImage
    for a damaged page, or one of more than `most` bytes.
    """
    form = _form(read(0, 16))
    tags, _ = _directory(read, form, at) if form else ([], 0)
    if form is None or not tags:
        raise UnreadableImage("damaged: the page's directory cannot be read")
    values = {number: value for number, value in _values(read, form, tags)}
    picture: list[bytes] = []
    size = 0
    for places, lengths in _PARTS.items():
        if places not in values:
            continue
        for place, length in zip(
            _numbers(form, *values[places]),
            _numbers(form, *values.get(lengths, (4, 0, b""))),
            strict=False,
        ):
            size += length
            if size > most:
                raise UnreadableImage(
                    f"a page of more than the {most / 1e6:.0f} MB allowed for an image"
                )
            picture.append(read(place, length))
        values[places] = _room(form, len(picture))
        values[lengths] = _written(form, [len(part) for part in picture])
    return _file(form, values, picture)


def _form(head: bytes) -> _Form | None:
    order = {b"II": "<", b"MM": ">"}.get(head[:2])
    if order is None or len(head) < 16:
        return None
    (magic,) = struct.unpack_from(order + "H", head, 2)
    return _Form(order, magic == 43) if magic in (42, 43) else None


def _directory(read: Read, form: _Form, at: int) -> tuple[list[_Tag], int]:
    """Read a directory's tags, and where the next directory stands; none where it is damaged."""
    width = struct.calcsize(form.count)
    head = read(at, width)
    if len(head) < width:
        return [], 0
    (count,) = struct.unpack(form.count, head)
    length = count * form.tag.size
    if count > _MOST_TAGS:
        return [], 0
    body = read(at + width, length + struct.calcsize(form.offset))
    if len(body) < length:
        return [], 0
    following = body[length:]
    whole = len(following) == struct.calcsize(form.offset)
    tags = list(form.tag.iter_unpack(body[:length]))
    return tags, struct.unpack(form.offset, following)[0] if whole else 0


def _first(form: _Form, tags: list[_Tag], number: int) -> int:
    """Return the single whole number of a tag; 0 where there is none."""
    for tag, kind, count, value in tags:
        if tag == number and kind in _WHOLE and count == 1:
            return int(struct.unpack_from(form.order + _WHOLE[kind], value)[0])
    return 0


def _values(
    read: Read, form: _Form, tags: list[_Tag]
) -> Iterator[tuple[int, tuple[int, int, bytes]]]:
    """Read what a page of its own needs: number, type, count and bytes of each tag."""
    needed = {_PALETTE, _TABLES, *_PARTS, *_PARTS.values()}
    for number, kind, count, value in tags:
        size = _SIZES.get(kind, 0) * count
        if not size or number in _POINTERS or (size > _MOST_METADATA and number not in needed):
            continue
        if size > form.inline:
            (where,) = struct.unpack_from(form.offset, value)
            value = read(where, size)
        if len(value) >= size:
            yield number, (kind, count, value[:size])
        elif number in needed:
            raise UnreadableImage("truncated: the file ends before the page does")


def _numbers(form: _Form, kind: int, count: int, value: bytes) -> tuple[int, ...]:
    if kind not in _WHOLE:
        raise UnreadableImage("damaged: the page does not say where its pixels are")
    return struct.unpack(f"{form.order}{count}{_WHOLE[kind]}", value)


def _written(form: _Form, numbers: list[int]) -> tuple[int, int, bytes]:
    """Write whole numbers as wide as the file's own offsets."""
    letter = form.offset[-1]
    packed = struct.pack(f"{form.order}{len(numbers)}{letter}", *numbers)
    return (16 if form.big else 4), len(numbers), packed


def _room(form: _Form, count: int) -> tuple[int, int, bytes]:
    return _written(form, [0] * count)


def _file(form: _Form, values: dict[int, tuple[int, int, bytes]], picture: list[bytes]) -> bytes:
    """Lay a file out: header, directory, longer values, strips or tiles."""
    start = 16 if form.big else 8
    width, offset = struct.calcsize(form.count), struct.calcsize(form.offset)
    after = start + width + form.tag.size * len(values) + offset
    begin = after + sum(len(v) + len(v) % 2 for _, _, v in values.values() if len(v) > form.inline)
    places, at = [], begin
    for part in picture:
        places.append(at)
        at += len(part)
    directory, longer = [], b""
    for number in sorted(values):
        kind, count, value = values[number]
        if number in _PARTS:
            kind, count, value = _written(form, places)
        if len(value) > form.inline:
            where = struct.pack(form.offset, after + len(longer))
            longer += value + b"\0" * (len(value) % 2)
            value = where
        directory.append(form.tag.pack(number, kind, count, value))
    magic = b"II" if form.order == "<" else b"MM"
    magic += struct.pack(form.order + "H", 43 if form.big else 42)
    if form.big:
        magic += struct.pack(form.order + "HH", 8, 0)
    return b"".join(
        (
            magic,
            struct.pack(form.offset, start),
            struct.pack(form.count, len(values)),
            *directory,
            struct.pack(form.offset, 0),
            longer,
            *picture,
        )
    )
