"""Owns what the sections of the page In and out share: files that go out, and that come in."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from pathlib import Path

import streamlit as st

from alcore.services import setup
from alcore.web import state
from alcore.web.downloads import address
from alcore.web.state import Store
from pages._setup_text import plain
from pages._shell import let_upload, uploaded
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


def ask_for_file(
    store: Store, slot: str, label: str, label_here: str, example: str
) -> tuple[Path, str] | None:
    """Take an upload into the workspace, or the name of a file on this computer.

    Returns where it lies and what it is called. Raises AlcoreError where the workspace has no room
    for it, or where the folder is not one that may be read.
    """
    kept: tuple[str, str] | None = st.session_state.get(f"{slot}-file")
    if kept is not None:
        row = st.container(horizontal=True, vertical_alignment="center")
        row.markdown(f"**{plain(kept[1])}**")
        row.button("Choose another", key=f"{slot}-another", on_click=forget, args=(slot,))
        return Path(kept[0]), kept[1]
    let_upload()
    upload = st.file_uploader(label, key=f"{slot}-uploader")
    if upload is not None:
        with st.spinner("Storing the file"), uploaded(upload) as sent:
            path = setup.keep_file(store, sent, Path(upload.name).suffix[:12])
        st.session_state[f"{slot}-file"] = (str(path), upload.name)
        st.rerun()
    if state.folders().closed:
        return None
    place = setup.local_path(st.text_input(label_here, key=f"{slot}-path", placeholder=example))
    if not place:
        return None
    state.folders().check(place)
    return Path(place), Path(place).name


def forget(slot: str) -> None:
    """Begin a section anew."""
    for key in [k for k in st.session_state if str(k).startswith(slot)]:
        del st.session_state[key]
