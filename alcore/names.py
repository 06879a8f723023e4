"""Owns what a name may hold: of classes, people, projects and files.

Letters of every script, with the joiners that Persian, Indic and emoji names are written with; no
character that is invisible or reorders the text around it.
"""

from __future__ import annotations

import re
import unicodedata

REPLACEMENT = "\ufffd"
# Zero-width joiner and non-joiner, the two marks of direction, and signs that span digits.
_INVISIBLE_BUT_WRITTEN = frozenset(
    "\u200c\u200d\u200e\u200f\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u08e2\U000110bd"
)
_BYTE = range(0xDC80, 0xDD00)
"""How Python shows a byte of a file name that is no Unicode."""
_PAGE = re.compile(r"(.+)#page=([1-9][0-9]{0,5})", re.DOTALL)
_ESCAPE = re.compile(r"\\(\\|x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8})")


def is_allowed(character: str) -> bool:
    """Tell whether a character may stand in a name."""
    if character.isprintable() or character in _INVISIBLE_BUT_WRITTEN:
        return True
    code, category = ord(character), unicodedata.category(character)
    if category == "Cf":
        return 0xE0020 <= code <= 0xE007F  # flags of regions are spelt with these
    if category == "Cn":  # new to Unicode, or never a character
        return code & 0xFFFE != 0xFFFE and not 0xFDD0 <= code <= 0xFDEF
    return category in ("Co", "Zs")


def clean(text: str) -> str:
    """Normalise what somebody typed: composed (NFC), single spaces, no byte order mark.

    >>> clean(" cafe\\u0301  noir ")
    'café noir'
    """
    return unicodedata.normalize("NFC", " ".join(text.replace("\ufeff", "").split()))


def is_name(text: str, longest: int) -> bool:
    """Tell whether a clean text is a name: 1 to `longest` characters, and something to see.

    >>> is_name("👩\\u200d🚀", 10), is_name("\\u200d", 10), is_name("a\\x07", 10)
    (True, False, False)
    """
    seen = any(unicodedata.category(c)[0] not in "CZ" or c.isprintable() for c in text.strip())
    return 0 < len(text) <= longest and seen and all(map(is_allowed, text))


def shown(text: str) -> str:
    """Clean a name that somebody else wrote; what is not allowed is replaced.

    >>> shown("<b>\\x07")
    '<b>\ufffd'
    """
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    return clean("".join(c if is_allowed(c) or c.isspace() else REPLACEMENT for c in text))


def of_file(path: str) -> str:
    """Write a path so that it can be shown and stored, and the file be found again by it.

    Only what is not allowed in a name is changed, and a backslash is doubled.

    >>> of_file("a/b.png"), of_file("caf\\udce9\\x07.png")
    ('a/b.png', 'caf\\\\xe9\\\\u0007.png')
    """
    if path.isascii() and path.isprintable() and "\\" not in path:
        return path
    return "".join(c if c != "\\" and is_allowed(c) else _escape(c) for c in path)


def path_of(name: str) -> str:
    """Return the path that `of_file` has written.

    >>> path_of("caf\\\\xe9\\\\u0007.png") == "caf\\udce9\\x07.png"
    True
    """
    return _ESCAPE.sub(lambda escape: _unescape(escape[1]), name)


def of_page(file: str, page: int) -> str:
    """Name a page, counted from 1, of a file that has several.

    No image file is called so itself: the name ends otherwise than an image's.
    """
    return f"{file}#page={page}"


def page_of(name: str) -> tuple[str, int | None]:
    """Tell which file a name means, and which page of it; None: all of it.

    >>> page_of("a/scan.tif#page=3"), page_of("a/scan.tif")
    (('a/scan.tif', 3), ('a/scan.tif', None))
    """
    match = _PAGE.fullmatch(name)
    return (match[1], int(match[2])) if match else (name, None)


def without_ending(name: str) -> str:
    """Take away the ending that an exported page was given, so that programs know its kind.

    >>> without_ending("a/scan.tif#page=3.tiff"), without_ending("a/scan.tif")
    ('a/scan.tif#page=3', 'a/scan.tif')
    """
    stem = name.rpartition(".")[0]
    return stem if "#" in stem and page_of(stem)[1] is not None else name


def _escape(character: str) -> str:
    code = ord(character)
    if character == "\\":
        return "\\\\"
    if code in _BYTE:
        return f"\\x{code - 0xDC00:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _unescape(text: str) -> str:
    if text == "\\":
        return text
    code = int(text[1:], 16)
    return chr(code + 0xDC00 if text[0] == "x" else code)
