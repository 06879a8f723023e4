"""Owns the labeling page: who labels which project; the rest is the board."""

from __future__ import annotations

from typing import Any

import streamlit as st

from alcore.records import Project
from alcore.services import board_status, keys
from alcore.web import modules, remarks, state
from alcore.web.palette import class_colours
from pages._language import gettext, language
from pages._shell import NEWCOMER, choose_project, empty
from pages._who import has_accounts, open_to, owns, projects_here, who

STYLES = ("board/board.css", "grid/grid.css", "why/why.css")
SPARE_COLOURS = 20
"""For classes that are added while the board is open."""


def _data(project: Project) -> dict[str, Any]:
    """Gather what the board starts with."""
    annotator = who()
    colours = class_colours(len(project.classes) + SPARE_COLOURS)
    return {
        "project": project.id,
        "name": project.name,
        "base": f"board/{project.id}",
        "ticket": state.tickets().issue(project.id, annotator.id),
        "annotator": annotator.name,
        "remember": annotator.name != NEWCOMER and not has_accounts(),
        "classes": board_status.classes_shown(project),
        "keys": keys.layout(project),
        "adds": not project.has_key and owns(project.id),
        "colours": colours,
        "guidelines": {
            "text": project.settings.guidelines,
            "examples": remarks.examples(project.id, annotator.id),
        },
    }


def _board(data: dict[str, Any]) -> None:
    parts = modules.element("board/board.html", STYLES, "board/board.js", language())
    draw = st.components.v2.component(f"alcore_board_{language()}", **parts)
    wish = draw(key=f"board-{data['project']}", data=data, on_choose_change=lambda: None).choose
    if wish and "annotator" in wish:
        st.session_state["annotator"] = str(wish["annotator"])
        st.rerun()


def page() -> None:
    project = choose_project([p for p in projects_here() if p.state != "failed"])
    if project is None:
        empty(
            gettext(
                "There is no project yet. Make one on the Set-up page; its images appear here."
            ),
            420,
        )
        return
    _board(_data(project))


open_to("take part", page)
