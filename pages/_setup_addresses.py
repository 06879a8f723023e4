"""Owns the part of the set-up page where a list of addresses is given, for images to be fetched."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from alcore.errors import AlcoreError
from alcore.records import Project, SkippedFile
from alcore.services import more_images
from alcore.web import state
from alcore.web.state import Store
from pages._setup_text import note, plain, refusal
from pages._shell import let_upload, uploaded
from pages._who import who

MOST_NAMED = 5


def addresses_of(store: Store, project: Project) -> None:
    """Ask for addresses, typed or in a file, and let the images behind them come in."""
    if state.folders().closed_remotely:
        return
    prefix = f"addresses{project.id}-"
    with st.expander("Images from a list of addresses", icon=":material/link:", key=prefix):
        if state.folders().remote:
            note(f"What may be named lies below {', '.join(state.folders().remote or ())}")
        _form(store, project, prefix)
        _problems(st.session_state.get(f"{prefix}problems", ()))


def _form(store: Store, project: Project, prefix: str) -> None:
    # A new key empties the fields once what they held is taken.
    times = st.session_state.setdefault(f"{prefix}times", 0)
    let_upload()
    with st.form(f"{prefix}form", border=False):
        text = st.text_area(
            "Addresses, one a line",
            key=f"{prefix}text-{times}",
            placeholder="https://birds.example/tit.jpg",
            help="Each is fetched once, by the server; names, passwords and private networks are "
            "refused",
        )
        file = st.file_uploader(
            "Or a list: a text, or a CSV file with a column “address” and maybe one “class”",
            ["txt", "csv", "tsv"],
            key=f"{prefix}file-{times}",
            max_upload_size=more_images.MOST_BYTES // 1_000_000,
        )
        pressed = st.form_submit_button("Fetch the images", type="primary")
    if not pressed:
        return
    st.session_state.pop(f"{prefix}problems", None)
    try:
        data = text.encode()
        if file is not None:
            with uploaded(file) as path:
                data = path.read_bytes()
        wanted = more_images.add_addresses(store, project.id, data, who().id, state.folders())
    except AlcoreError as error:
        refusal(error)
        return
    st.session_state[f"{prefix}times"] += 1
    st.session_state[f"{prefix}problems"] = wanted.problems
    st.rerun()


def _problems(problems: Sequence[SkippedFile]) -> None:
    """Name the lines of the list before that were no addresses."""
    if not problems:
        return
    first = "; ".join(f"{one.name}: {one.reason}" for one in problems[:MOST_NAMED])
    more = f"; and {len(problems) - MOST_NAMED:,} more" if len(problems) > MOST_NAMED else ""
    st.warning(plain(f"Not fetched: {first}{more}"), icon=":material/link_off:")
