"""Owns the page on which labels, predictions and models come in and go out, for owners."""

from __future__ import annotations

import streamlit as st

from alcore.web import state
from pages._exchange_finish import finish
from pages._exchange_in import labels_in
from pages._exchange_metadata import metadata_in
from pages._exchange_model import model_out
from pages._exchange_out import labels_out
from pages._exchange_parts import STYLE
from pages._exchange_predictions import predictions_out
from pages._setup_text import STYLE as TEXT_STYLE
from pages._shell import choose_ready
from pages._who import open_to, owns, projects_here

SECTIONS = {
    "labels out": labels_out,
    "labels in": labels_in,
    "metadata": metadata_in,
    "predictions": predictions_out,
    "model": model_out,
    "finish": finish,
}


def page() -> None:
    project = choose_ready(projects_here(), "What comes in and goes out", 420)
    if project is None:
        return
    if not owns(project.id):
        st.error(
            "Only an owner of this project takes labels out of it or brings some in; ask one of "
            "them.",
            icon=":material/lock:",
        )
        return
    st.html(TEXT_STYLE)
    st.html(STYLE)
    section = st.segmented_control(
        "Section",
        list(SECTIONS),
        format_func=lambda name: "finish the job" if name == "finish" else name,
        default="labels out",
        required=True,
        key="exchange-section",
        bind="query-params",
        label_visibility="collapsed",
    )
    SECTIONS[section](state.store(), project)


open_to("own", page)
