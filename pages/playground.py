"""Owns the Playground's page: what it may choose from, and who asks; the rest is an element."""

from __future__ import annotations

import streamlit as st

from alcore.services import playground
from alcore.web import modules, state
from alcore.web.palette import class_colours
from alcore.web.tickets import OUTSIDE
from pages._language import language
from pages._who import open_to, who

STYLES = ("board/board.css", "playground/playground.css")


def page() -> None:
    me = who()
    choices = playground.choices()
    data = {
        **choices,
        "project": "playground",
        "annotator": me.name,
        "base": "playground",
        "ticket": state.tickets().issue(OUTSIDE, me.id),
        "colours": class_colours(choices["classes"]),
    }
    parts = modules.element(
        "playground/playground.html", STYLES, "playground/playground.js", language()
    )
    draw = st.components.v2.component(f"alcore_playground_{language()}", **parts)
    draw(key="playground", data=data)


open_to("come in", page)
