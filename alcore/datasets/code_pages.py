"""Owns the guess in which code page a text was written that does not say it.

Names in zip archives and tables saved by spreadsheets are read as UTF-8 where they can be; else
by the code page that makes the most credible words of them.
"""

from __future__ import annotations

import itertools
import re
import sys
import unicodedata
from collections.abc import Collection

# The commoner first: it wins where several make words of everything.
_CODE_PAGES = (
    *(("oem", "mbcs") if sys.platform == "win32" else ()),
    *("cp437", "cp850", "cp1252", "cp866", "cp1251", "cp852", "cp1250", "cp932", "cp949"),
    *("gbk", "big5hkscs", "cp737", "cp1253", "cp862", "cp1255", "cp1256", "cp857", "cp1254"),
)
# The characters that people of the place use; the code page has rare ones besides.
_COMMON = {"cp932": "cp932", "cp949": "euc_kr", "gbk": "gb2312", "big5hkscs": "big5"}
_ENOUGH = 2_000
_WORD = re.compile(r"[^\W\d_]+")
_ACCENTED_RUN = re.compile(r"[\u00c0-\u024f]{3}")
_RARE = frozenset("õÕðÐþÞýÝÿƒıÌìÒò")
"""Letters that are in code pages of Western Europe and in few of its words."""


def encoding_of(parts: Collection[bytes]) -> str:
    """Name the encoding in which all parts of a text were written, as Python calls it."""
    some = sorted(set(parts))[:_ENOUGH]
    try:
        b"\n".join(some).decode("utf-8")
    except UnicodeDecodeError:
        return min(_CODE_PAGES, key=lambda encoding: _oddity(some, encoding))
    return "utf-8"


def _oddity(parts: Collection[bytes], encoding: str) -> float:
    """Share of the characters beyond ASCII that no word of a language would have so."""
    odd = total = 0.0
    for part in parts:
        try:
            text = part.decode(encoding)
        except UnicodeDecodeError:
            return float("inf")
        total += sum(not c.isascii() for c in text)
        odd += sum(not c.isascii() and not _belongs(c, encoding) for c in text)
        odd += sum(map(_is_odd, _WORD.findall(text))) + 0.1 * sum(c in _RARE for c in text)
    return odd / max(total, 1)


def _belongs(character: str, encoding: str) -> bool:
    if not unicodedata.category(character).startswith(("L", "M", "Nd")):
        return False
    if encoding not in _COMMON:
        return True
    try:
        character.encode(_COMMON[encoding])
    except UnicodeEncodeError:
        return False
    name = unicodedata.name(character, "")
    if encoding == "cp932":
        return not name.startswith("HALFWIDTH")
    return name.startswith(("CJK UNIFIED", "HANGUL SYLLABLE"))


def _is_odd(word: str) -> bool:
    """Tell whether a word mixes scripts, has capitals inside, or accents without end."""
    scripts = {unicodedata.name(c, "?").split()[0] for c in word}
    scripts -= {"HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA"} if "CJK" in scripts else set()
    mixed = len(scripts - {"FEMININE", "MASCULINE"}) > 1
    capitals = any(
        a.islower() and b.isupper() and not b.isascii() for a, b in itertools.pairwise(word)
    )
    return mixed or capitals or _ACCENTED_RUN.search(word) is not None
