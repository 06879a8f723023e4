"""Owns the section in which what the newest model says of the images is taken out."""

from __future__ import annotations

import streamlit as st

from alcore.errors import TrainingImpossible
from alcore.phrases import sentence
from alcore.records import Project
from alcore.services import predicting
from alcore.services.predicting import FORMATS, Which
from alcore.web.state import Store
from pages._exchange_parts import file_link
from pages._setup_text import figures, note
from pages._shell import empty

WHICH: dict[Which, str] = {
    "unlabeled": "those of the pool that nobody labeled",
    "all": "all of the project",
}


def predictions_out(store: Store, project: Project) -> None:
    """Ask of which images, and offer the file."""
    with st.container(key="beside"):
        left, right = st.columns([1.6, 1], gap="large")
    with left:
        form = FORMATS[
            st.selectbox(
                "Format",
                list(FORMATS),
                format_func=lambda name: FORMATS[name].title,
                key="predictions-format",
            )
        ]
        which: Which = st.radio(
            "Images", list(WHICH), format_func=WHICH.__getitem__, key="predictions-which"
        )
        embeddings = st.checkbox(
            "Embeddings: the vector before the last layer",
            key="predictions-embeddings",
        )
        note(
            "For each image its class, how probable that is, the margin to the next class, and the "
            "probability of each class, calibrated. Of images that are in no project the command "
            "says the same: alcore predict PROJECT FOLDER."
        )
    with right:
        try:
            file = predicting.pool(store, project.id, form.name, which)
        except TrainingImpossible as error:
            empty(sentence(str(error)), 160)
            return
        figures({"images": f"{file.total:,}", "model": f"{file.model.summary.number}"})
        options = {"format": form.name, "which": which, "embeddings": "1" if embeddings else "0"}
        file_link(project.id, "predictions", f"Download {form.suffix}", file.name, options)
