"""Owns the labeling page: who labels which project; the rest is the board."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote

import streamlit as st

from alcore.services import labeling, projects
from alcore.web import state
from alcore.web.palette import class_colours

ASSETS = Path(__file__).parent.parent / "alcore" / "web"
SCRIPTS = ("keys.js", "outbox.js", "feed.js", "view.js", "board.js")
NEWCOMER = "me"
SPARE_COLOURS = 20
"""For classes that are added while the board is open."""


def _annotator() -> str:
    """Ask for the name; it is remembered in a cookie that the board writes."""
    link = st.query_params.get("annotator", "")
    known = unquote(st.context.cookies.get("alcore_annotator", ""))
    typed = st.sidebar.text_input(
        "Your name",
        value=link or known or NEWCOMER,
        max_chars=60,
        key="annotator",
        help="Labels carry this name. It is remembered in this browser.",
    )
    return typed.strip() or NEWCOMER


def _project(ready: list) -> int:
    """Choose a project; the address keeps the choice."""
    ids = [project.id for project in ready]
    asked = st.query_params.get("project", "")
    start = ids.index(int(asked)) if asked.isdigit() and int(asked) in ids else 0
    chosen = ids[start]
    if len(ids) > 1:
        names = {project.id: project.name for project in ready}
        chosen = st.sidebar.selectbox("Project", ids, start, format_func=names.__getitem__)
    st.query_params["project"] = str(chosen)
    return chosen


def _board(data: dict) -> None:
    draw = st.components.v2.component(
        "alcore_board",
        html=(ASSETS / "board.html").read_text("utf-8"),
        css=(ASSETS / "board.css").read_text("utf-8"),
        js="\n".join((ASSETS / name).read_text("utf-8") for name in SCRIPTS),
    )
    draw(key=f"board-{data['project']}", data=data)


def page() -> None:
    store = state.store()
    ready = [p for p in projects.list_projects(store) if p.state != "failed"]
    if not ready:
        st.info("There is no project yet. Make one on the Set-up page; its images appear here.")
        return
    annotator = _annotator()
    data = labeling.board_data(store, _project(ready), annotator)
    colours = class_colours(len(data["classes"]) + SPARE_COLOURS)
    _board({**data, "colours": colours, "remember": annotator != NEWCOMER})


page()
