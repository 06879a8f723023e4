"""Owns the page on which people teach by pictures: whose project; the rest is an element."""

from __future__ import annotations

from typing import Any

import streamlit as st

from alcore.errors import AlcoreError, NotAllowed
from alcore.records import Project
from alcore.services import people, rights, setup, teaching
from alcore.services.projects import LONGEST_NAME
from alcore.web import modules, state
from alcore.web.palette import class_colours
from pages._setup_text import STYLE, note, refusal, title
from pages._shell import choose_project, go_to_project
from pages._who import has_accounts, open_to, owns, who

STYLES = ("board/board.css", "teach/teach.css")
NEW = "new"
COLOURS = 40


def page() -> None:
    st.html(STYLE)
    offered = teaching.taught_here(state.store(), who().id)
    with st.container(horizontal=True, key="teach-head"):
        title("Teach your own", "Show the camera what each class looks like, and try the model.")
        if offered:
            st.button("New project", key="teach-new", icon=":material/add:", on_click=_go_to_new)
    project = choose_project(offered, more=NEW)
    if project is None:
        _begin()
        return
    if project.archived_at is not None:
        note("This project is archived; its owner can take it back on the Set-up page.")
    data = _data(project)
    parts = modules.element("teach/teach.html", STYLES, "teach/teach.js")
    draw = st.components.v2.component("alcore_teach", **parts)
    draw(key=f"teach-{project.id}-{data['annotator']}", data=data)


def _begin() -> None:
    """Ask for the classes of a new project, and make it."""
    store, me = state.store(), who()
    try:
        rights.check(store, "make projects", me.id)
    except NotAllowed as error:
        refusal(error)
        return
    with st.form("teach-begin", border=True, width=560):
        names = setup.split_classes(
            st.text_area(
                "Classes",
                key="teach-classes",
                height=110,
                placeholder="one per line, such as\nthumb up\nthumb down",
                help="More can be added at any time",
            )
        )
        name = st.text_input(
            "Name of the project",
            setup.free_name(store, {"kind": "taught", "name": "my classes"}),
            max_chars=LONGEST_NAME,
            key="teach-name",
        )
        note(
            "Pictures come from the camera or from files, and stay on the computer that alcore "
            "runs on. While that stands in the class room, no picture of a child leaves it."
        )
        pressed = st.form_submit_button("Begin", type="primary")
    if not pressed:
        return
    try:
        project_id = teaching.begin(store, name, names)
    except AlcoreError as error:
        refusal(error)
        return
    people.begin(store, project_id, me.id, owner=has_accounts() or state.is_beyond())
    go_to_project(project_id)
    st.rerun()


def _go_to_new() -> None:
    st.query_params["project"] = NEW


def _data(project: Project) -> dict[str, Any]:
    """Gather what the element starts with."""
    annotator = who()
    return {
        "project": project.id,
        "base": f"board/{project.id}",
        "ticket": state.tickets().issue(project.id, annotator.id),
        "annotator": annotator.name,
        "may": owns(project.id) and project.archived_at is None,
        "far": state.is_beyond(),
        "colours": class_colours(COLOURS),
    }


open_to("come in", page)
