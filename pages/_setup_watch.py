"""Owns the part of the set-up page where an owner lets a folder be watched for new images."""

from __future__ import annotations

import time
from collections.abc import Callable

import streamlit as st

from alcore.errors import AlcoreError
from alcore.records import Project
from alcore.services import setup, watching
from alcore.web import state
from alcore.web.state import Store
from pages._setup_text import note, plain, refusal
from pages._who import check_still, owns, who


def watch_of(store: Store, project: Project) -> None:
    """Ask which folder is watched and how often; say how the last look went."""
    if not owns(project.id) or state.folders().closed:
        return
    known = watching.watched(store, project.id, who().id)
    prefix = f"watch{project.id}-"
    with st.expander(
        "A watched folder", icon=":material/folder_eye:", key=prefix, expanded=known is not None
    ):
        if known is None:
            _start(store, project, prefix)
            return
        st.markdown(f"**{plain(known.path)}**")
        _standing(store, project.id)
        row = st.container(horizontal=True)
        if row.button("Look now", key=f"{prefix}look", icon=":material/refresh:"):
            _do(lambda: watching.look(store, project.id, who().id))
        if row.button("Stop watching", key=f"{prefix}stop"):
            _do(lambda: watching.stop(store, project.id, who().id))
            st.rerun()


def _start(store: Store, project: Project, prefix: str) -> None:
    note(
        "What is new in a folder of this computer comes in by itself, while the app runs. What "
        "disappears from it stays in the project."
    )
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    path = setup.local_path(
        left.text_input(
            "Path of the folder to watch", key=f"{prefix}path", placeholder="~/pictures/camera"
        )
    )
    minutes = right.number_input(
        "Minutes between looks", 1, watching.LONGEST, watching.USUAL, key=f"{prefix}minutes"
    )
    if not st.button("Watch it", key=f"{prefix}start", type="primary"):
        return
    if not path:
        note("Type the folder's path first.")
        return
    if _do(lambda: watching.watch(store, project.id, path, minutes, who().id, state.folders())):
        st.rerun()


@st.fragment(run_every=5)
def _standing(store: Store, project_id: int) -> None:
    check_still("own", project_id)
    known = watching.watched(store, project_id, who().id)
    if known is None:
        return
    states = st.session_state.setdefault("watch-drawn", {})
    if states.setdefault(project_id, known.brought_at) != known.brought_at:
        states[project_id] = known.brought_at
        st.rerun()  # the figures above count what came in
    every = "minute" if known.minutes == 1 else f"{known.minutes:g} minutes"
    note(f"Every {every}; {watching.say(known, time.time())}.")


def _do(act: Callable[[], None]) -> bool:
    """Do what was asked; tell whether it could be, having said why not."""
    try:
        act()
    except AlcoreError as error:
        refusal(error)
        return False
    return True
