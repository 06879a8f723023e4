"""Owns the section in which labels are taken out, in the format of the next tool."""

from __future__ import annotations

import time

import streamlit as st

from alcore.errors import AlcoreError
from alcore.records import Project, Snapshot
from alcore.services import exporting, originals, snapshots
from alcore.services.exporting import FORMATS, PARTS, USUAL
from alcore.web.state import Store
from pages._exchange_parts import file_link
from pages._setup_text import figures, note, plain, refusal
from pages._shell import empty
from pages._who import who

_SHOWN = 30


def labels_out(store: Store, project: Project) -> None:
    """Ask for a format and what it shall hold, and offer the file."""
    total, revision = exporting.outlook(store, project.id)
    kept = snapshots.of_project(store, project.id)
    if not total and not kept:
        empty("Labels can be taken out here once there are some. Label on the Label page, or "
              "bring labels in from a file.", 220)  # fmt: skip
        return
    with st.container(key="beside"):
        left, right = st.columns([1.6, 1], gap="large")
    with left:
        chosen = _label_set(kept, total)
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
            parts = _parts(chosen)
        on_disk = False
        if form.content == "labels" and chosen is None:
            on_disk = _paths(store, project)
    with right:
        figures({"labels": f"{chosen.labels if chosen else total:,}"})
        note(
            f"Label set {chosen.revision if chosen else revision}: equal labels on equal images "
            "have the same name, always."
        )
        if form.content == "images":
            _say_missing(store, project)
        options = {
            "format": form.name,
            "parts": ",".join(parts),
            "paths": "disk" if on_disk else "relative",
            **({} if chosen is None else {"snapshot": str(chosen.id)}),
        }
        name = exporting.file_name(project, form.suffix)
        file_link(project.id, "labels", f"Download {form.suffix}", name, options)
        _keep(store, project, kept, revision, total)


def _label_set(kept: list[Snapshot], total: int) -> Snapshot | None:
    """Ask for the labels of now or those of a snapshot; None for those of now."""
    if not kept:
        return None
    by_id = {one.id: one for one in kept}
    numbers = [*([0] if total else []), *by_id]
    number = st.selectbox(
        "Labels",
        numbers,
        format_func=lambda n: by_id[n].name if n else "of now",
        key="export-snapshot",
    )
    return by_id.get(number)


def _keep(store: Store, project: Project, kept: list[Snapshot], revision: str, total: int) -> None:
    """Offer to name the labels of now, so that the same files can be had later."""
    same = next((one.name for one in kept if one.revision == revision), None)
    if same is not None:
        note(f"The labels of now are those of the snapshot “{same}”.")
    elif total and project.archived_at is None:
        name = st.text_input(
            "Name these labels",
            key=f"snapshot-name-{project.id}-{len(kept)}",
            max_chars=snapshots.LONGEST_NAME,
            placeholder="paper, first submission",
            help="A snapshot gives the same files later, bit for bit, whatever is labeled, renamed "
            "or undone until then.",
        )
        if st.button("Make a snapshot", key=f"snapshot-make-{project.id}"):
            try:
                snapshots.make(store, project.id, name, who().id)
            except AlcoreError as error:
                refusal(error)
            else:
                st.rerun()
    if kept:
        with st.expander(f"Snapshots ({len(kept):,})"):
            for one in kept[:_SHOWN]:
                _kept(store, project, one)


def _kept(store: Store, project: Project, one: Snapshot) -> None:
    row = st.container(horizontal=True, vertical_alignment="center")
    made_at = time.strftime("%d %b %Y %H:%M", time.localtime(one.created_at)).lstrip("0")
    row.markdown(
        f"**{plain(one.name)}**, {one.labels:,} labels, label set {plain(one.revision)}, "
        f"{plain(made_at)}"
    )
    if project.archived_at is None and row.button(
        "Forget", key=f"snapshot-forget-{one.id}", type="tertiary"
    ):
        try:
            snapshots.remove(store, project.id, one.id, who().id)
        except AlcoreError as error:
            refusal(error)
        else:
            st.rerun()


def _parts(chosen: Snapshot | None) -> list[str]:
    """Ask what shall stand beside image and class; a snapshot keeps no model's answers."""
    st.html('<p class="su-strong">Beside image and class</p>')
    with st.container(gap="xsmall"):
        return [
            part
            for part, (sentence, _) in PARTS.items()
            if (chosen is None or part in snapshots.KEPT)
            and st.checkbox(
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
