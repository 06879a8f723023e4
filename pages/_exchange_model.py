"""Owns the section in which the newest model is taken out, to run elsewhere."""

from __future__ import annotations

import streamlit as st

from alcore.errors import AlcoreError
from alcore.phrases import sentence
from alcore.records import Project
from alcore.services import model_export
from alcore.services.model_export import ModelExport
from alcore.web.state import Store
from pages._exchange_parts import file_link
from pages._jobs import failure, progress_bar, waiting
from pages._setup_text import figures, note, refusal
from pages._shell import empty
from pages._who import check_still, who


def model_out(store: Store, project: Project) -> None:
    """Offer the newest model as files, and make them."""
    note(
        "A zip with the model as ONNX and as safetensors, its configuration, a card that says how "
        "good it is and what it learned from, and a script of a few lines that needs onnxruntime, "
        "numpy and pillow alone."
    )
    _follow(store, project)


@st.fragment(run_every=1.0)
def _follow(store: Store, project: Project) -> None:
    check_still("own", project.id)
    state = model_export.status(store, project.id)
    if state.latest is None:
        empty("There is no model yet. It comes by itself after the first labels.", 160)
        return
    accuracy = state.latest.evaluation.accuracy
    figures(
        {
            "newest model": f"{state.latest.number}",
            "labels": f"{state.latest.labels:,}",
            "accuracy on the holdout": "–" if accuracy is None else f"{accuracy:.1%}",
        }
    )
    job = state.job
    if job is not None and job.state in ("waiting", "running"):
        phase = waiting(job) if job.state == "waiting" else "Writing and checking the model"
        progress_bar(phase, f"{job.progress:.0%}", job.progress)
        note("It goes on when this page is closed.")
        return
    _offer(store, project, state)


def _offer(store: Store, project: Project, state: ModelExport) -> None:
    """Offer the package, or to make it."""
    job = state.job
    if state.path is not None:
        file_link(project.id, "model", "Download .zip", state.name, {})
        found = model_export.words(state)
        if found:
            note(sentence(found))
        return
    if job is not None and job.state == "failed":
        failure("The model could not be packed", job)
    label = f"Pack model {state.latest.number if state.latest else ''}"
    if st.button(label, type="primary", icon=":material/package_2:", key="pack-model"):
        try:
            model_export.request(store, project.id, who().id)
        except AlcoreError as error:
            refusal(error)
        else:
            st.rerun()
