"""Owns the language that whoever is here reads, and the texts of pages in it."""

from __future__ import annotations

import streamlit as st

from alcore import languages


def language() -> str:
    """Read the language: the one chosen in this browser, else what the browser asks for."""
    choice = st.context.cookies.get(languages.COOKIE, "")
    return languages.preferred(choice, st.context.headers.get("Accept-Language", ""))


def gettext(text: str, **values: object) -> str:
    """Put a text of a page, with {places} for values, into the reader's language."""
    return languages.words(language()).gettext(text).format(**values)


def ngettext(one: str, many: str, n: int, **values: object) -> str:
    """Put a text whose form depends on a number into the reader's language."""
    return languages.words(language()).ngettext(one, many, n).format(n=n, **values)


def said(text: str) -> str:
    """Put an English sentence from below the pages into the reader's language."""
    return languages.said(text, language())
