"""Owns the languages of pages: which there are, which one somebody reads, and its words.

English texts are their own ids. Another language is one file beside this one, such as `de.po`,
which Python and the browser read: `docs/languages.md`. What crosses layers, is logged or stored
stays English, and is put into the reader's language where it is shown.
"""

from __future__ import annotations

import functools
import gettext
import io
import json
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from html import escape, unescape
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from babel.messages import Catalog

FOLDER = Path(__file__).parent
ENGLISH = "en"
COOKIE = "alcore_language"
"""Where a browser keeps the language that somebody chose."""

_TAG = re.compile(r"(<!--.*?-->|<[^>]*>)", re.DOTALL)
_ATTRIBUTE = re.compile(r'(?<= )(title|aria-label|placeholder|alt)="([^"]*)"')
_LETTER = re.compile(r"[^\W\d_]")
_PLACE = re.compile(r"\{(\w+)\}")
_OF_PAGES = ("alcore/web/browser/", "pages/", "app.py")
"""Where texts are looked up as they are shown."""
_UNSPOKEN = ("<kbd", "<title", "<option")
"""Tags whose text is a key, a name or a number."""


@functools.cache
def names() -> dict[str, str]:
    """List the languages by their codes, each by its own name."""
    from babel import Locale

    codes = [ENGLISH, *sorted(file.stem for file in FOLDER.glob("*.po"))]
    return {code: (Locale.parse(code).get_display_name() or code).capitalize() for code in codes}


def preferred(choice: str, accepted: str) -> str:
    """Return the language to write in: the one that was chosen, else what the browser asks for.

    accepted: a browser's Accept-Language.

    >>> preferred("", "fr-CH, de-AT;q=0.9, en;q=0.5"), preferred("en", "de"), preferred("", "xx")
    ('de', 'en', 'en')
    """
    from babel import negotiate_locale

    if choice in names():
        return choice
    return negotiate_locale(_by_weight(accepted), list(names()), sep="-") or ENGLISH


def _by_weight(accepted: str) -> list[str]:
    """List the languages of a browser's header, the most wanted first."""
    weights: dict[str, float] = {}
    for part in accepted[:500].split(","):
        code, _, weight = part.partition(";q=")
        try:
            weights.setdefault(code.strip(), float(weight or 1))
        except ValueError:
            continue
    return sorted(
        (code for code, weight in weights.items() if weight > 0), key=lambda c: -weights[c]
    )


@functools.cache
def catalogue(language: str) -> Catalog | None:
    """Read a language's file; None for English, which needs none."""
    from babel.messages.pofile import read_po

    if language == ENGLISH:
        return None
    with (FOLDER / f"{language}.po").open("rb") as file:
        return read_po(file, locale=language)


@functools.cache
def words(language: str) -> gettext.NullTranslations:
    """Return a language as Python's gettext has it."""
    from babel.messages.mofile import write_mo

    messages = catalogue(language)
    if messages is None:
        return gettext.NullTranslations()
    file = io.BytesIO()
    write_mo(file, messages)
    file.seek(0)
    return gettext.GNUTranslations(file)


def said(text: str, language: str) -> str:
    """Put an English sentence of alcore's into a language, by the message that it was made of.

    What no message says stays as it is.
    """
    known = words(language).gettext(text)
    if known != text:
        return known
    for pattern, translation in _patterns(language):
        match = pattern.fullmatch(text)
        if match:
            return translation.format(**match.groupdict())
    return text


@functools.cache
def _patterns(language: str) -> list[tuple[re.Pattern[str], str]]:
    """List messages with places for values, those that say most first."""
    known = words(language).gettext
    told = [(text, known(text)) for text in _told(catalogue(language)) if _PLACE.search(text)]
    told.sort(key=lambda pair: -len(_PLACE.sub("", pair[0])))
    return [(re.compile(_as_pattern(text), re.DOTALL), other) for text, other in told]


def _told(messages: Catalog | None) -> list[str]:
    """List what is said below the pages, and so in English."""
    return [
        message.id
        for message in messages or ()
        if isinstance(message.id, str)
        and any(not place.startswith(_OF_PAGES) for place, _ in message.locations)
    ]


def _as_pattern(text: str) -> str:
    pieces = _PLACE.split(text)
    return "".join(f"(?P<{p}>.+?)" if i % 2 else re.escape(p) for i, p in enumerate(pieces))


def written(instant: float, pattern: str, language: str) -> str:
    """Write an instant, in Unix seconds, as a day and time of this machine's place."""
    from babel.dates import format_datetime

    return format_datetime(datetime.fromtimestamp(instant), pattern, locale=language)


# -- the browser's side ------------------------------------------------------------------------


@functools.cache
def module(language: str) -> str:
    """Write the module of the browser that holds a language (`shared/catalogue.js`)."""
    messages = catalogue(language)
    table = [
        [message.id[0] if isinstance(message.id, tuple) else message.id, message.string]
        for message in messages or ()
        if message.id
    ]
    plural = messages.plural_expr if messages else "(n != 1)"
    return (
        f"export const LANGUAGE = {json.dumps(language)};\n"
        f"export const LANGUAGES = {json.dumps(list(names().items()))};\n"
        f"export const WORDS = new Map({_as_script(table)});\n"
        f"export const SAID = {_as_script(_told(messages))};\n"
        f"export const form = (n) => Number({plural});\n"
    )


def _as_script(value: object) -> str:
    return json.dumps(value, ensure_ascii=False).replace("<", "\\u003c")


def in_html(html: str, language: str) -> str:
    """Put the texts of one of our HTML files into a language."""
    if language == ENGLISH:
        return html
    translated = words(language).gettext
    return _over_texts(html, lambda text: escape(translated(text)))


def texts_of(html: str) -> Iterator[str]:
    """List the texts of one of our HTML files: what is read, and what is told by attributes."""
    texts: list[str] = []

    def note(text: str) -> str:
        texts.append(text)
        return ""

    _over_texts(html, note)
    yield from texts


def _over_texts(html: str, change: Callable[[str], str]) -> str:
    """Write HTML with each of its texts changed; spaces around them stay."""

    def changed(text: str) -> str:
        lines = unescape(text).strip().splitlines()
        core = (" " if "&#10;" not in text else "\n").join(line.strip() for line in lines)
        if not _LETTER.search(core):
            return text
        before, after = text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]
        return f"{before}{change(core)}{after}"

    pieces = _TAG.split(html)
    for place, piece in enumerate(pieces):
        if place % 2:
            pieces[place] = _ATTRIBUTE.sub(lambda m: f'{m[1]}="{changed(m[2])}"', piece)
        elif not (place and pieces[place - 1].startswith(_UNSPOKEN)):
            pieces[place] = changed(piece)
    return "".join(pieces)
