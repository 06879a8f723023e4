"""Owns what the sections of the page In and out share: links to files, and how they look."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

import streamlit as st

from alcore.web.downloads import address
from pages._who import who

STYLE = """<style>
a.ex-file {display:inline-flex; align-items:center; min-height:2.5rem; padding:0 1rem;
  border-radius:.5rem; background:light-dark(#4a5bd4, #aab4ff); color:light-dark(#fff, #14161d)
  !important; font-weight:600; text-decoration:none !important}
a.ex-file:hover {filter:brightness(1.08)}
a.ex-file:focus-visible {outline:3px solid light-dark(#14161d, #f1f2f6); outline-offset:2px}
</style>"""


def file_link(
    project_id: int, what: str, label: str, name: str, options: Mapping[str, str]
) -> None:
    """Offer a file that is made while it is sent; name: what the browser calls it."""
    place = address(project_id, who().id, what, options)
    st.html(
        f'<a class="ex-file" href="{escape(place)}" download="{escape(name)}">{escape(label)}</a>'
    )
