"""Owns the set-up page: which project, or a new one, is shown."""

from __future__ import annotations

import time

import streamlit as st

from alcore.records import Project
from alcore.services import people, setup
from alcore.web import state
from pages._setup_new import new_project
from pages._setup_project import show_project
from pages._setup_text import STYLE, plain
from pages._shell import choose_project, go_to_project
from pages._who import has_accounts, open_to, projects_here, who

NEW = "new"
SETTLING = 3.0
"""Seconds in which a project that was just made is shown, whatever the address says: the second
click of a double click still comes with the address of the form."""


def page() -> None:
    store = state.store()
    st.html(STYLE)
    with st.container(horizontal=True, key="setup-head"):
        head = st.container(width="stretch")
        offered = _offered()
    for neighbour in state.neighbours():
        st.warning(
            f"Somebody else works in this workspace: {plain(str(neighbour))}. Nothing is lost by "
            "that, but each trains by itself; stop one of them unless both are meant.",
            icon=":material/group_work:",
        )
    project = choose_project(offered, more=NEW)
    if project is not None:
        show_project(store, setup.line(store, project.id), head)
        return
    project_id = new_project(store, head)
    if project_id is not None:
        people.begin(store, project_id, who().id, owner=has_accounts() or state.is_beyond())
        st.session_state["just-made"] = (str(project_id), time.monotonic())
        st.rerun()


def _offered() -> list[Project]:
    """List the projects to choose from; offer a new one, and those put away."""
    everything = projects_here(archived=True)
    _settle([str(project.id) for project in everything])
    if any(project.archived_at is not None for project in everything):
        st.toggle("Show archived projects", key="show-archived")
    st.button("New project", key="new-project", icon=":material/add:", on_click=_go_to, args=(NEW,))
    archived = st.session_state.get("show-archived", False)
    shown = st.query_params.get("project") or str(st.session_state.get("chosen_project"))
    return [
        project
        for project in everything
        if archived or project.archived_at is None or str(project.id) == shown
    ]


def _settle(ids: list[str]) -> None:
    """Go to a project that was just made."""
    new_id, at = st.session_state.get("just-made", ("", 0.0))
    if new_id in ids and time.monotonic() - at < SETTLING:
        go_to_project(int(new_id))


def _go_to(project: str) -> None:
    st.session_state.pop("just-made", None)
    st.query_params["project"] = project


open_to("make projects", page)
