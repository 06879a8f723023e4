"""Owns the page on which the newest model is tried on a picture that somebody brings."""

from __future__ import annotations

import uuid
from pathlib import Path

import streamlit as st

from alcore.errors import AlcoreError
from alcore.records import Project
from alcore.services import setup, training
from alcore.services.trying import MOST_BYTES, Picture
from alcore.web import state
from alcore.web.state import Store
from pages import _predict_answer
from pages._setup_text import STYLE, note, refusal
from pages._shell import choose_ready, empty, let_upload, takes_paste, uploaded
from pages._who import open_to, projects_here, who

KINDS = ["png", "jpg", "jpeg", "webp", "avif", "heic", "gif", "bmp", "tif", "tiff"]
UPLOAD, CAMERA = "A picture", "The camera"


def page() -> None:
    project = choose_ready(projects_here(), "What the model says of a picture", 420)
    if project is None:
        return
    store = state.store()
    st.html(STYLE)
    st.html(_predict_answer.STYLE)
    latest = training.status(store, project.id).latest
    if latest is None:
        empty("There is no model yet. It comes after the first labels, by itself.", 420)
        return
    slot = f"try-{project.id}"
    left, right = st.columns([1, 1.35], gap="large")
    with left:
        picture = _picture(store, project, slot)
    with right:
        if picture is None:
            empty("What the model takes it for appears here, and why.", 260)
            return
    try:
        _predict_answer.show(store, project, picture, (left, right), f"{slot}-{latest.id}")
    except AlcoreError as error:
        with right:
            refusal(error)


def _picture(store: Store, project: Project, slot: str) -> Picture | None:
    """Ask for a picture; keep the one that was brought last."""
    way = st.segmented_control(
        "From", [UPLOAD, CAMERA], default=UPLOAD, required=True, key=f"{slot}-way"
    )
    let_upload()
    # A new key empties the field once its picture is in.
    times = st.session_state.setdefault(f"{slot}-times", 0)
    if way == CAMERA:
        sent = st.camera_input("A photo", key=f"{slot}-camera-{times}")
        note("The browser asks whether it may use the camera, here or over HTTPS alone.")
    else:
        with takes_paste("try"):
            sent = st.file_uploader(
                "Drop, paste or choose a picture",
                KINDS,
                key=f"{slot}-upload-{times}",
                max_upload_size=MOST_BYTES // 1_000_000,
            )
    if sent is not None:
        suffix = Path(sent.name).suffix.lower()[:6] or ".jpg"
        try:
            with uploaded(sent) as path:
                kept = setup.keep_file(store, path, suffix)
        except AlcoreError as error:
            refusal(error)
            return None
        st.session_state[slot] = (str(kept), sent.name, uuid.uuid4().hex)
        st.session_state[f"{slot}-times"] += 1
        st.rerun()
    known: tuple[str, str, str] | None = st.session_state.get(slot)
    if known is None or not Path(known[0]).is_file():
        return None
    note(known[1])
    return Picture(project.id, who().id, Path(known[0]), known[1])


open_to("take part", page)
