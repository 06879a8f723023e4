"""Owns what the set-up page asks of originals that stay where they are."""

from __future__ import annotations

import streamlit as st

from alcore.errors import AlcoreError
from alcore.services import originals, setup
from alcore.web import state
from alcore.web.state import Store
from pages._setup_text import note, plain, refusal
from pages._who import owns, who

MOST_NAMED = 10


def originals_of(store: Store, project_id: int) -> None:
    """Check whether a project's originals are there; let its owner name their new place."""
    folder = originals.folder_of(store, project_id)
    if folder is None or not owns(project_id):
        return
    st.markdown("#### Originals")
    if st.button("Check the originals", icon=":material/search:", key=f"check-{project_id}"):
        missing = originals.missing(store, project_id)
        if missing:
            st.warning(
                plain(
                    f"{len(missing):,} originals are missing: {missing[0].reason}. Training goes "
                    "on with the pixels that were made of them; people cannot be shown them."
                ),
                icon=":material/image_not_supported:",
            )
            note("; ".join(file.name for file in missing[:MOST_NAMED]))
        else:
            note("All originals are where they were.")
    path = setup.local_path(
        st.text_input("The folder is now at", folder, key=f"place-{project_id}-{folder}")
    )
    if st.button("Use this place", key=f"move-{project_id}", disabled=path in ("", folder)):
        try:
            originals.move(store, project_id, path, who().id, state.folders())
        except AlcoreError as error:
            refusal(error)
        else:
            st.rerun()
