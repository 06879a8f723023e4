"""Owns the set-up page: the list of projects, and which of them, or a new one, is shown."""

from __future__ import annotations

import time

import streamlit as st

from alcore.services import people, projects, setup
from alcore.services.setup import ProjectLine
from alcore.web import state
from alcore.web.state import Store
from pages._setup_new import new_project
from pages._setup_project import show_project
from pages._setup_text import STYLE, note, plain
from pages._shell import keep_in_address
from pages._who import has_accounts, open_to, who

NEW = "new"
SETTLING = 3.0
"""Seconds in which a project that was just made is shown, whatever the address says: the second
click of a double click still comes with the address of the form."""


def page() -> None:
    store = state.store()
    st.html(STYLE)
    listing, detail = st.columns([1, 3.2], gap="large")
    with listing:
        line = _list(store)
    with detail:
        if line is not None:
            show_project(store, line)
        else:
            project_id = new_project(store)
            if project_id is not None:
                if has_accounts():
                    people.set_role(store, project_id, None, who().id, "owner")
                elif projects.get(store, project_id).settings.team.invited_only:
                    people.join(store, project_id, who().id)
                st.session_state["just-made"] = (str(project_id), time.monotonic())
                st.rerun()


def _list(store: Store) -> ProjectLine | None:
    """Draw the list; return the project that is shown, or None for a new one."""
    st.button(
        "New project",
        key="new-project",
        icon=":material/add:",
        width="stretch",
        on_click=_go_to,
        args=(NEW,),
    )
    archived = st.session_state.get("show-archived", False)
    everything = setup.overview(store, who().id, archived=True)
    address = _asked(everything)
    lines = {
        str(line.project.id): line
        for line in everything
        if archived or line.project.archived_at is None or str(line.project.id) == address
    }
    if lines:
        # The address decides; the list follows it.
        st.session_state["project-choice"] = address if address in lines else None
        st.radio(
            "Projects",
            list(lines),
            index=None,
            format_func=lambda key: plain(lines[key].project.name),
            captions=[_caption(line) for line in lines.values()],
            key="project-choice",
            on_change=_chosen,
            width="stretch",
        )
    else:
        note("Projects appear here once you have made one.")
    if any(line.project.archived_at is not None for line in everything):
        st.toggle("Show archived ones", key="show-archived")
    return lines.get(address)


def _asked(everything: list[ProjectLine]) -> str:
    """Read which project the address names, else the one chosen before, else the first."""
    ids = [str(line.project.id) for line in everything]
    fresh = [str(line.project.id) for line in everything if line.project.archived_at is None]
    new_id, at = st.session_state.get("just-made", ("", 0.0))
    address = st.query_params.get("project", "")
    if new_id in ids and time.monotonic() - at < SETTLING:
        address = new_id
    elif address not in ids and address != NEW:
        before = str(st.session_state.get("chosen_project", ""))
        address = before if before in fresh else fresh[0] if fresh else NEW
    keep_in_address("project", address)
    if address != NEW:
        st.session_state["chosen_project"] = int(address)
    return address


def _chosen() -> None:
    _go_to(st.session_state["project-choice"])


def _go_to(project: str) -> None:
    st.session_state.pop("just-made", None)
    st.query_params["project"] = project


def _caption(line: ProjectLine) -> str:
    if line.job is not None and line.job.state in ("waiting", "running"):
        # The numbers move, the list does not: they are shown beside it.
        return plain(f"{line.source} · {line.state}")
    return plain(f"{line.source} · {line.images:,} images · {line.labels:,} labels · {line.state}")


open_to("make projects", page)
