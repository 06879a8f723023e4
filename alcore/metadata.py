"""Owns what is known of an image besides its class: kinds of values, and parts of its path.

A value is a text, a number or a date; dates are Unix seconds in UTC.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, get_args

from alcore import names
from alcore.errors import InvalidSettings

ValueKind = Literal["text", "number", "date"]
KINDS: tuple[ValueKind, ...] = get_args(ValueKind)
Origin = Literal["table", "path", "exif"]
Value = str | float
MOST_COLUMNS = 50
LONGEST_NAME = 100
LONGEST_TEXT = 500
"""Characters of a value."""
PREFIX = "meta."
"""Stands before a column's name where other columns stand beside it."""
EXIF = ("date taken", "camera")
"""The columns that are read of EXIF."""
_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d{1,3})?")
_CODE = re.compile(r"[+-]?0\d.*")
"""Digits that are a name: `007` is no number."""
_DATE = re.compile(
    r"(\d{4})[-:./](\d{1,2})[-:./](\d{1,2})"
    r"(?:[T ](\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?)?\s*(Z|[+-]\d{2}:?\d{2})?"
)
_FIELD = re.compile(r"\{([^{}]*)\}")


def parse(kind: ValueKind, text: str) -> Value | None:
    """Read a value; None where the text is no value of this kind.

    >>> parse("number", "1,5"), parse("date", "1970-01-02"), parse("number", "low")
    (1.5, 86400.0, None)
    """
    if kind == "text":
        return text if len(text) <= LONGEST_TEXT else None
    return _number(text) if kind == "number" else _date(text)


def fault(kind: ValueKind, text: str) -> str:
    """Say why a text is no value of a kind."""
    if kind == "text":
        return f"a value has more than {LONGEST_TEXT} characters"
    example = "12.5" if kind == "number" else "2026-11-28 or 2026-11-28T14:30"
    return f"{text[:40]!r} is no {kind} such as {example}"


def written(kind: ValueKind, value: Value) -> Value:
    """Write a value as files hold it: dates in ISO 8601, without a time where it is midnight.

    >>> written("date", 86400.0), written("number", 1.5)
    ('1970-01-02', 1.5)
    """
    if kind != "date" or isinstance(value, str):
        return value
    moment = datetime.fromtimestamp(value, UTC)
    if moment.time() == datetime.min.time():
        return moment.date().isoformat()
    return moment.replace(tzinfo=None).isoformat(timespec="seconds")


class KindGuess:
    """Tells by a column's texts, one after the other, of which kind they are.

    Codes such as `007` and whole columns of nothing are texts.
    """

    def __init__(self) -> None:
        self._possible: list[ValueKind] = ["date", "number"]
        self._seen = False

    def add(self, text: str) -> None:
        self._seen = True
        if self._possible:
            self._possible = [kind for kind in self._possible if _fits(kind, text)]

    @property
    def kind(self) -> ValueKind:
        return self._possible[0] if self._seen and self._possible else "text"


def _fits(kind: ValueKind, text: str) -> bool:
    return parse(kind, text) is not None and not (kind == "number" and _CODE.fullmatch(text))


def guess(texts: Iterable[str]) -> ValueKind:
    """Tell of which kind texts are.

    >>> guess(["3", "4.5"]), guess(["007", "12"]), guess(["2026-01-31"]), guess([])
    ('number', 'text', 'date', 'text')
    """
    one = KindGuess()
    for text in texts:
        one.add(text)
    return one.kind


def clean_name(name: str) -> str:
    """Return a column's name. Raises InvalidSettings for one that cannot be."""
    clean = names.clean(name).removeprefix(PREFIX)
    if not names.is_name(clean, LONGEST_NAME):
        raise InvalidSettings(
            f"a column's name has 1 to {LONGEST_NAME} visible characters; got {name[:120]!r}"
        )
    return clean


# -- parts of the path -------------------------------------------------------------------------


@dataclass(frozen=True)
class PathPattern:
    """Which parts of an image's path are values, such as `{site}/{patient}/*`.

    `{name}` is a value without a slash, `*` anything without one, `**` anything. The pattern
    stands for the end of the path, from the beginning of a folder or of the name on.
    """

    text: str
    fields: tuple[str, ...]
    _compiled: re.Pattern[str]

    @classmethod
    def of(cls, text: str) -> PathPattern:
        """Raises InvalidSettings for a pattern that names no part, or one twice."""
        fields = tuple(clean_name(name) for name in _FIELD.findall(text))
        if not fields:
            raise InvalidSettings(
                f"the pattern {text!r} names no part of the path; write it such as "
                "{site}/{patient}/*"
            )
        if len(text) > 1000 or len(fields) > MOST_COLUMNS:
            raise InvalidSettings(f"a pattern names at most {MOST_COLUMNS} parts")
        twice = next((name for name in fields if fields.count(name) > 1), None)
        if twice is not None:
            raise InvalidSettings(f"the pattern {text!r} names {twice!r} twice")
        return cls(text, fields, re.compile(rf"(?:.*/)?{_regex(text)}", re.DOTALL))

    def values(self, name: str) -> dict[str, str] | None:
        """Return the values of a path by field; None where the pattern does not fit.

        >>> PathPattern.of("{site}/p{patient}_*").values("in/north/p7_a.png")
        {'site': 'north', 'patient': '7'}
        """
        match = self._compiled.fullmatch(names.path_of(name))
        if match is None:
            return None
        return dict(zip(self.fields, map(names.shown, match.groups()), strict=True))


def _regex(text: str) -> str:
    parts, at = [], 0
    for field in _FIELD.finditer(text):
        parts += [_free(text[at : field.start()]), "([^/]+?)"]
        at = field.end()
    return "".join((*parts, _free(text[at:])))


def _free(text: str) -> str:
    """Write text between fields as an expression in which stars stand for anything."""
    escaped = re.escape(text)
    return escaped.replace(r"\*\*", ".*").replace(r"\*", "[^/]*")


def usual_pattern(name: str) -> str:
    """Name all folders of a path as fields, as an example to change.

    >>> usual_pattern("north/7/a.png"), usual_pattern("a.png")
    ('{folder 1}/{folder 2}/*', '')
    """
    depth = names.path_of(name).count("/")
    return "".join(f"{{folder {i}}}/" for i in range(1, depth + 1)) + "*" * (depth > 0)


def _number(text: str) -> float | None:
    if not _NUMBER.fullmatch(text):
        return None
    value = float(text.replace(",", "."))
    return value if math.isfinite(value) else None


def _date(text: str) -> float | None:
    match = _DATE.fullmatch(text.strip())
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups()[:6])
    try:
        moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    return moment.timestamp() - _offset(match[7])


def _offset(zone: str | None) -> float:
    """Return the seconds by which a zone is ahead of UTC; a time without one is taken as UTC."""
    if zone is None or zone == "Z":
        return 0.0
    hours, minutes = int(zone[1:3]), int(zone[-2:])
    return (-1 if zone[0] == "-" else 1) * (3600.0 * hours + 60.0 * minutes)
