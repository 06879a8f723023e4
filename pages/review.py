"""Owns the review page: who reviews which project; the rest is an element of its own."""

from __future__ import annotations

from typing import Any

import streamlit as st

from alcore.records import Project
from alcore.services import board_status, keys
from alcore.web import modules, remarks, state
from alcore.web.palette import class_colours
from pages._shell import choose_project, empty
from pages._who import open_to, projects_here, who

STYLES = ("board/board.css", "review/review.css")


def _data(project: Project) -> dict[str, Any]:
    """Gather what the element starts with."""
    annotator = who()
    return {
        "project": project.id,
        "base": f"board/{project.id}",
        "ticket": state.tickets().issue(project.id, annotator.id),
        "annotator": annotator.name,
        "classes": board_status.classes_shown(project),
        "keys": keys.layout(project),
        "colours": class_colours(len(project.classes)),
        "examples": remarks.examples(project.id, annotator.id),
    }


def page() -> None:
    ready = [p for p in projects_here() if p.state == "ready"]
    if not ready:
        empty("Labels to review appear here once a project is ready on the Set-up page.", 420)
        return
    with st.container(width=360):
        project = choose_project(ready)
    data = _data(project)
    parts = modules.element("review/review.html", STYLES, "review/review.js")
    draw = st.components.v2.component("alcore_review", **parts)
    draw(key=f"review-{project.id}-{data['annotator']}", data=data)


open_to("take part", page)
