"""Owns the part of the set-up page where more images come into a project that is there."""

from __future__ import annotations

import streamlit as st

from alcore.errors import AlcoreError
from alcore.phrases import sentence
from alcore.records import Project
from alcore.services import more_images
from alcore.web import state
from alcore.web.state import Store
from pages._setup_source import choose_source, look_at
from pages._setup_text import note, refusal
from pages._shell import let_upload, takes_paste, uploaded
from pages._who import who

_KINDS = ["jpg", "jpeg", "png", "webp", "avif", "heic", "gif", "bmp", "tif", "tiff", "dcm"]


def _photographs(store: Store, project: Project, prefix: str) -> None:
    """Take single photographs, which come in at once."""
    # A new key empties the field once its photographs are in.
    times = st.session_state.setdefault(f"{prefix}times", 0)
    let_upload()
    with takes_paste("photographs"):
        files = st.file_uploader(
            "Photographs, dropped, pasted or chosen",
            _KINDS,
            accept_multiple_files=True,
            key=f"{prefix}photographs-{times}",
        )
    if not files:
        return
    st.session_state[f"{prefix}times"] += 1
    try:
        for file in files:
            with uploaded(file) as path:
                more_images.keep_photograph(store, project.id, path, file.name, who().id)
        more_images.add_photographs(store, project.id, who().id)
    except AlcoreError as error:
        refusal(error)
        return
    st.rerun()


def more_of(store: Store, project: Project) -> None:
    """Ask for a source, show what is in it, and bring what is new."""
    said = more_images.last(store, project.id)
    if said:
        note(sentence(said))
    with st.expander(
        "More images", icon=":material/add_photo_alternate:", key=f"more-{project.id}"
    ):
        note(
            "What is there already is known by its name or content, so that the same folder again "
            "brings only what is new. As large a share goes to the holdout as is there now; "
            "nothing that is labeled moves. Images of the project's own folder stay in it if the "
            "others do; all others are copied."
        )
        prefix = f"more{project.id}-"
        _photographs(store, project, prefix)
        spec = choose_source(store, prefix, more_images.KINDS, may_stay=False)
        look = look_at(store, prefix, spec)
        if look is None or spec is None:
            return
        if st.button("Bring in what is new", type="primary", key=f"{prefix}bring"):
            try:
                more_images.add(store, project.id, spec, who().id, state.folders())
            except AlcoreError as error:
                refusal(error)
                return
            for name in ("look", "upload"):
                st.session_state.pop(f"{prefix}{name}", None)
            st.rerun()
