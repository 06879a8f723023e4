"""Owns the review page: who reviews which project; the rest is an element of its own."""

from __future__ import annotations

from typing import Any

import streamlit as st

from alcore.records import Project
from alcore.services import board_status, keys
from alcore.web import modules, remarks, state
from alcore.web.palette import class_colours
from pages._shell import choose_ready
from pages._who import open_to, projects_here, who

STYLES = ("board/board.css", "review/review.css", "why/why.css")


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
    project = choose_ready(projects_here(), "What there is to review", 420)
    if project is None:
        return
    data = _data(project)
    parts = modules.element("review/review.html", STYLES, "review/review.js")
    draw = st.components.v2.component("alcore_review", **parts)
    draw(key=f"review-{project.id}-{data['annotator']}", data=data)


open_to("take part", page)
