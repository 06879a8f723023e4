"""Owns the page that looks into networks: whose; the rest is an element of its own."""

from __future__ import annotations

from typing import Any

import streamlit as st

from alcore.records import Project
from alcore.web import modules, state
from pages._shell import choose_ready
from pages._who import open_to, projects_here, who

STYLES = ("board/board.css", "network/network.css")


def _data(project: Project) -> dict[str, Any]:
    """Gather what the element starts with."""
    annotator = who()
    return {
        "project": project.id,
        "base": f"board/{project.id}",
        "ticket": state.tickets().issue(project.id, annotator.id),
        "annotator": annotator.name,
        "classes": [{"id": c.id, "name": c.name} for c in project.classes],
    }


def page() -> None:
    project = choose_ready(projects_here(), "What the network sees", 420)
    if project is None:
        return
    data = _data(project)
    parts = modules.element("network/network.html", STYLES, "network/network.js")
    draw = st.components.v2.component("alcore_network", **parts)
    draw(key=f"network-{project.id}-{data['annotator']}", data=data)


open_to("take part", page)
