"""Owns the map's page: whose images, which strategies can be compared; the rest is an element."""

from __future__ import annotations

from typing import Any

import streamlit as st

from alcore.records import Project
from alcore.services import map as maps
from alcore.web import modules, state
from alcore.web.palette import class_colours
from pages._shell import choose_ready
from pages._who import open_to, projects_here, who

STYLES = ("board/board.css", "map/map.css")
COLOURS = 21
"""For folders and people too, of which there may be more than classes."""


def _data(project: Project) -> dict[str, Any]:
    """Gather what the element starts with."""
    annotator = who()
    return {
        "project": project.id,
        "base": f"board/{project.id}",
        "ticket": state.tickets().issue(project.id, annotator.id),
        "annotator": annotator.name,
        "classes": [c.name for c in sorted(project.classes, key=lambda c: c.position)],
        "colours": class_colours(max(COLOURS, len(project.classes))),
        "strategies": maps.comparable(),
    }


def page() -> None:
    project = choose_ready(projects_here(), "The map of all images", 420)
    if project is None:
        return
    data = _data(project)
    parts = modules.element("map/map.html", STYLES, "map/map.js")
    draw = st.components.v2.component("alcore_map", **parts)
    draw(key=f"map-{project.id}-{data['annotator']}", data=data)


open_to("take part", page)
