"""Owns the section about metadata: what is known of the images, brought in and removed."""

from __future__ import annotations

import io
from typing import Any

import streamlit as st

from alcore.errors import AlcoreError
from alcore.phrases import sentence
from alcore.records import Project
from alcore.services import groups, metadata
from alcore.services.metadata import Known, MetadataFile, MetadataPlan, PathPlan, usual_columns
from alcore.spreadsheets import write_csv
from alcore.web.state import Store
from pages._exchange_parts import ask_for_file, forget
from pages._setup_text import figures, note, plain, refusal
from pages._who import check_still, who

SOURCES = ("a table", "parts of the path", "EXIF")


def metadata_in(store: Store, project: Project) -> None:
    """Show what is known; ask where more shall come from."""
    known = metadata.known(store, project.id, who().id)
    _there(store, project, known)
    if known.columns:
        _together(store, project, known)
    st.markdown("#### Bring in more")
    source = st.segmented_control(
        "From",
        SOURCES,
        default=SOURCES[0],
        required=True,
        key=f"metadata-source-{project.id}",
        label_visibility="collapsed",
    )
    try:
        if source == SOURCES[0]:
            _from_table(store, project)
        elif source == SOURCES[1]:
            _from_path(store, project)
        else:
            _from_exif(store, project, known)
    except AlcoreError as error:
        refusal(error)


def _there(store: Store, project: Project, known: Known) -> None:
    st.markdown("### What is known of the images")
    if known.job is not None and known.job.state in ("waiting", "running"):
        _reading(store, project.id)
    if not known.columns:
        note(
            "Nothing yet besides names and sizes. Columns such as site, patient, camera or date "
            "can be filtered and sorted by in Review, coloured by on the map, and the dashboard "
            "says how good the model is for each of their values."
        )
        return
    rows = [metadata.as_row(one, known.images) for one in known.columns]
    st.dataframe(rows, hide_index=True, key=f"metadata-known-{project.id}")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.selectbox(
            "Remove a column",
            [one.column.name for one in known.columns],
            index=None,
            placeholder="choose one",
            format_func=plain,
            key=f"metadata-remove-{project.id}",
        )
        if name is not None and st.button("Remove it and its values", key="metadata-remove-it"):
            try:
                metadata.remove(store, project.id, name, who().id)
            except AlcoreError as error:
                refusal(error)
            else:
                st.rerun()


def _together(store: Store, project: Project, known: Known) -> None:
    """Ask by which column images stay together; show what that moves, and move it."""
    st.markdown("#### Images that stay together")
    now = groups.of_project(store, project.id)
    if now is not None and now.column is not None:
        for text in groups.words(now):
            note(text)
        with st.container(horizontal=True):
            moves = now.to_holdout + now.to_pool
            if moves and st.button(f"Move {moves:,} images", key="group-again"):
                groups.group(store, project.id, now.column, who().id)
                st.rerun()
            if st.button(f"Group by {plain(now.column)} no more", key="group-end"):
                groups.ungroup(store, project.id, who().id)
                st.rerun()
        return
    note(
        "Images of one patient, site or video are so alike that a model knows one from another. "
        "Kept together, they lie all in the holdout or all in the pool; nothing that has a label "
        "moves."
    )
    column = st.selectbox(
        "Together by",
        [one.column.name for one in known.columns],
        index=None,
        placeholder="a column such as patient",
        format_func=plain,
        key=f"group-column-{project.id}",
    )
    if column is None:
        return
    try:
        for text in groups.words(groups.preview(store, project.id, column, who().id)):
            note(text)
        if st.button("Keep them together", type="primary", key="group-begin"):
            groups.group(store, project.id, column, who().id)
            st.rerun()
    except AlcoreError as error:
        refusal(error)


@st.fragment(run_every=2.0)
def _reading(store: Store, project_id: int) -> None:
    """Say how far the reading of paths and files is; the page is drawn anew at its end."""
    check_still("own", project_id)
    job = metadata.known_job(store, project_id)
    if job is None or job.state not in ("waiting", "running"):
        st.rerun()
        return
    st.progress(job.progress, text="Metadata of the images is read")


# -- a table -----------------------------------------------------------------------------------


def _from_table(store: Store, project: Project) -> None:
    slot = f"metadata-in-{project.id}"
    done: MetadataPlan | None = st.session_state.get(f"{slot}-done")
    if done is not None:
        st.success(
            plain(
                f"{done.new + done.changed:,} values of {done.images:,} images came in. "
                f"{done.unchanged:,} were there already."
            ),
            icon=":material/check:",
        )
        st.button("Bring in another table", key=f"{slot}-more", on_click=forget, args=(slot,))
        return
    note(
        "CSV, JSON Lines or Parquet with a row per image; images are found as in a file of "
        "labels. Nothing changes before you have seen what would."
    )
    place = ask_for_file(store, slot, "A table", "Or a file on this computer", "~/patients.csv")
    if place is not None:
        _look(store, project, MetadataFile(place[0], name=place[1]), slot)


def _look(store: Store, project: Project, file: MetadataFile, slot: str) -> None:
    """Ask which columns to bring in, and show what that would change."""
    table = file.table()
    names = list(table.names)
    left, right = st.columns([1, 2], gap="large")
    image = left.selectbox(
        "Column of the image",
        names,
        index=names.index(table.file_column) if table.file_column else None,
        key=f"{slot}-image-column",
    )
    if image is None:
        if table.examples:
            st.dataframe(list(table.examples), hide_index=True)
        note("No column has a usual name: choose the one that names the image to go on.")
        return
    columns = right.multiselect(
        "Columns to bring in",
        [name for name in names if name != image],
        default=list(usual_columns(table, image, metadata.WRITTEN)),
        key=f"{slot}-columns-{image}",
    )
    if not columns:
        note("Choose at least one column to go on.")
        return
    wanted = MetadataFile(file.path, image, tuple(columns), name=file.name)
    key = (str(file.path), image, tuple(columns))
    entry: tuple[Any, MetadataPlan] | None = st.session_state.get(f"{slot}-plan")
    if entry is None or entry[0] != key:
        with st.spinner("Reading the file"):
            entry = (key, metadata.preview(store, project.id, wanted, who().id))
        st.session_state[f"{slot}-plan"] = entry
    plan = entry[1]
    _shown(plan)
    values = plan.new + plan.changed
    if values and st.button(f"Bring in {values:,} values", type="primary", key=f"{slot}-bring"):
        with st.spinner("Bringing them in"):
            plan = metadata.bring(store, project.id, wanted, who().id)
        forget(slot)
        st.session_state[f"{slot}-done"] = plan
        st.rerun()


def _shown(plan: MetadataPlan) -> None:
    """Show what a table would bring, and which of its lines bring nothing."""
    numbers = {
        "lines": f"{plan.lines:,}",
        "images found": f"{plan.images:,} of {plan.all_images:,}",
        "values that would come in": f"{plan.new + plan.changed:,}",
        "there already": f"{plan.unchanged:,}",
    }
    figures(numbers)
    rows = [
        {
            "column": c.name,
            "kind": c.kind,
            "new": c.new,
            "changed": c.changed,
            "there already": c.unchanged,
        }
        for c in plan.columns
    ]
    st.dataframe(rows, hide_index=True, height=min(38 + 35 * len(rows), 260))
    for text in metadata.words(plan):
        note(sentence(text))
    if plan.problems:
        problems = [{"line": p.line, "image": p.file, "why": p.reason} for p in plan.problems]
        st.dataframe(problems, hide_index=True, height=min(38 + 35 * len(problems), 260))
        out = io.StringIO()
        write_csv(out, ["line", "image", "why"], problems)
        st.download_button(
            "CSV",
            out.getvalue(),
            "left-out.csv",
            "text/csv",
            key="metadata-left-out",
            icon=":material/download:",
            type="tertiary",
            on_click="ignore",
        )
    if not plan.new + plan.changed:
        note("This file brings nothing new.")


# -- the path and EXIF -------------------------------------------------------------------------


def _from_path(store: Store, project: Project) -> None:
    note(
        "Write which parts of an image's path are values: `{site}/{patient}/*`. A name in braces "
        "is a value, `*` anything within a folder or a name, `**` anything. Images that come later "
        "are read too."
    )
    pattern = st.text_input(
        "Pattern",
        value=metadata.example_pattern(store, project.id),
        placeholder="{site}/{patient}/*",
        key=f"metadata-pattern-{project.id}",
    )
    if not pattern.strip():
        note("The names of these images have no folders; parts of a name work as well.")
        return
    plan = metadata.preview_path(store, project.id, pattern, who().id)
    _path_shown(plan)
    if plan.matching and st.button(
        f"Read it of {plan.matching:,} images", type="primary", key="metadata-path-read"
    ):
        metadata.add_path(store, project.id, pattern, by=who().id)
        st.rerun()


def _path_shown(plan: PathPlan) -> None:
    numbers = {"paths that fit": f"{plan.matching:,} of {plan.images:,}"}
    numbers |= {name: kind for name, kind in plan.kinds.items() if plan.matching}
    figures(numbers)
    rows: list[dict[str, str | None]] = [
        {"image": name, **values} for name, values in plan.examples
    ]
    rows += [{"image": name, **dict.fromkeys(plan.pattern.fields)} for name in plan.strangers]
    if rows:
        st.dataframe(rows, hide_index=True, placeholder="does not fit")


def _from_exif(store: Store, project: Project, known: Known) -> None:
    note(
        "Date taken and camera, as cameras write them into JPEG, PNG, WebP and TIFF. The originals "
        "are read in the background; of images that are edited or made, there is often nothing. "
        "The date is the camera's own time."
    )
    label = "Read EXIF"
    if any(one.column.origin == "exif" for one in known.columns):
        label = "Read EXIF of images that are new"
    if st.button(label, type="primary", key="metadata-exif"):
        metadata.read_exif(store, project.id, who().id)
        st.rerun()
