"""Owns the glossary's page: every word of the field, to be looked up from any page."""

from __future__ import annotations

from html import escape

import streamlit as st

from alcore.services import glossary
from pages._shell import empty
from pages._who import open_to


def _listed(words: dict[str, str]) -> str:
    entries = "".join(
        f"<dt style='font-weight:600;margin-left:0'>{escape(term)}</dt>"
        f"<dd style='margin:0 0 .6rem'>{escape(said)}</dd>"
        for term, said in words.items()
    )
    return f"<dl style='max-width:46rem;margin:0'>{entries}</dl>"


def page() -> None:
    query = st.text_input("Find a word", key="glossary-query", width=360, max_chars=60)
    found = glossary.matching(query)
    if not found:
        empty("No word of the glossary holds this. Try a part of it, such as “margin”.", 160)
    for title, words in found.items():
        st.subheader(title)
        st.html(_listed(words))


open_to("come in", page)
