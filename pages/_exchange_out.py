"""Owns the section in which labels are taken out, in the format of the next tool."""

from __future__ import annotations

import streamlit as st

from alcore.records import Project
from alcore.services import exporting, originals
from alcore.services.exporting import FORMATS, PARTS, USUAL
from alcore.web.state import Store
from pages._exchange_parts import file_link
from pages._setup_text import figures, note, plain
from pages._shell import empty


def labels_out(store: Store, project: Project) -> None:
    """Ask for a format and what it shall hold, and offer the file."""
    total, revision = exporting.outlook(store, project.id)
    if not total:
        empty("Labels can be taken out here once there are some. Label on the Label page, or "
              "bring labels in from a file.", 220)  # fmt: skip
        return
    with st.container(key="beside"):
        left, right = st.columns([1.6, 1], gap="large")
    with left:
        form = FORMATS[
            st.selectbox(
                "Format",
                list(FORMATS),
                format_func=lambda name: FORMATS[name].title,
                key="export-format",
                bind="query-params",
            )
        ]
        note(form.sentence)
        parts = list(USUAL)
        if form.holds_more:
            parts = _parts()
        on_disk = _paths(store, project) if form.content == "labels" else False
    with right:
        figures({"labels": f"{total:,}", "classes": f"{len(project.classes):,}"})
        note(f"Label set {revision}: equal labels on equal images have the same name, always.")
        if form.content == "images":
            _say_missing(store, project)
        options = {
            "format": form.name,
            "parts": ",".join(parts),
            "paths": "disk" if on_disk else "relative",
        }
        name = exporting.file_name(project, form.suffix)
        file_link(project.id, "labels", f"Download {form.suffix}", name, options)


def _parts() -> list[str]:
    """Ask what shall stand beside image and class."""
    st.html('<p class="su-strong">Beside image and class</p>')
    with st.container(gap="xsmall"):
        return [
            part
            for part, (sentence, _) in PARTS.items()
            if st.checkbox(
                f"{part.capitalize()}: {sentence}",
                value=part in USUAL,
                key=f"export-{part}",
                persist_state="session",
            )
        ]


def _paths(store: Store, project: Project) -> bool:
    """Ask how images are named, where they lie in a folder on this computer."""
    if originals.folder_of(store, project.id) is None:
        return False
    choice = st.radio(
        "Images are named",
        ["relative", "disk"],
        format_func={
            "relative": "by their place in the folder",
            "disk": "by their whole path on this computer",
        }.__getitem__,
        horizontal=True,
        key="export-paths",
    )
    return bool(choice == "disk")


def _say_missing(store: Store, project: Project) -> None:
    missing = originals.missing(store, project.id)
    if missing:
        st.warning(
            plain(
                f"{len(missing):,} originals are not there now, such as {missing[0].name}: "
                f"{missing[0].reason}. Their labels are in the formats without images only."
            ),
            icon=":material/broken_image:",
        )
