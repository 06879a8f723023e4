"""Owns the section in which labels are brought in from a file: chosen, looked at, taken over."""

from __future__ import annotations

import io
from typing import Any

import streamlit as st

from alcore.errors import AlcoreError
from alcore.phrases import sentence
from alcore.records import Project
from alcore.services import label_import
from alcore.services.label_import import (
    FORMATS,
    Columns,
    LabelFile,
    NewClasses,
    Plan,
    Table,
    Use,
)
from alcore.spreadsheets import write_csv
from alcore.web.state import Store
from pages._exchange_parts import ask_for_file, forget
from pages._setup_text import figures, note, plain, refusal
from pages._who import who

USES: dict[Use, tuple[str, str]] = {
    "labels": ("existing labels", "Models learn from them; what people labeled here stays."),
    "answer key": (
        "an answer key",
        "Hidden from annotators: it measures the model and simulates random labeling.",
    ),
    "predictions": (
        "somebody's predictions",
        "People check some, drawn at random and unseen, before any counts: finish the job.",
    ),
}
AUTO = "told from the file"


def labels_in(store: Store, project: Project) -> None:
    """Ask for a file and how to read it; show what it would bring; bring it."""
    slot = f"labels-in-{project.id}"
    done: Plan | None = st.session_state.get(f"{slot}-done")
    if done is not None:
        st.success(plain(st.session_state[f"{slot}-said"]), icon=":material/check:")
        _said(done)
        st.button("Bring in another file", key=f"{slot}-more", on_click=forget, args=(slot,))
        return
    note(
        "From CSV, JSON Lines, Parquet, COCO, Label Studio, CVAT, Datumaro, data sets of Hugging "
        "Face, or a zip with a folder per class. Nothing changes before you have seen what would."
    )
    try:
        place = ask_for_file(
            store, slot, "A file of labels", "Or a file or folder on this computer", "~/labels.csv"
        )
        if place is not None:
            _look(store, project, LabelFile(place[0], name=place[1]), slot)
    except AlcoreError as error:
        refusal(error)


def _look(store: Store, project: Project, file: LabelFile, slot: str) -> None:
    """Ask how to read the file, and show what it would bring."""
    left, right = st.columns(2, gap="large")
    with left:
        form = st.selectbox(
            "Format",
            ["", *FORMATS],
            format_func=lambda name: FORMATS[name].title if name else AUTO,
            key=f"{slot}-format",
        )
        file = LabelFile(file.path, form, None, file.name)
        note(f"Read as {file.form.title}.")
    with right:
        use: Use = st.radio(
            "They are",
            list(USES),
            format_func=lambda use: USES[use][0],
            captions=[caption for _, caption in USES.values()],
            key=f"{slot}-use",
        )
    table = file.table()
    if table is not None:
        columns = _columns(table, slot)
        if columns is None:
            return
        file = LabelFile(file.path, form, columns, file.name)
    key = (str(file.path), form, file.columns, use)
    entry: tuple[Any, Plan] | None = st.session_state.get(f"{slot}-plan")
    if entry is None or entry[0] != key:
        with st.spinner("Reading the file"):
            entry = (key, label_import.preview(store, project.id, file, use, who().id))
        st.session_state[f"{slot}-plan"] = entry
    _shown(entry[1])
    new = _new_classes(entry[1], slot)
    if new is None:
        return
    count = len(entry[1].class_of)
    if new == "leave out":
        count -= sum(name in entry[1].new_classes for name in entry[1].class_of.values())
    words = "predictions" if use == "predictions" else "labels"
    if count and st.button(f"Bring in {count:,} {words}", type="primary", key=f"{slot}-bring"):
        with st.spinner("Bringing them in"):
            plan = label_import.bring(store, project.id, file, use, who().id, new)
        forget(slot)
        st.session_state[f"{slot}-done"] = plan
        st.session_state[f"{slot}-said"] = _outcome(plan, use)
        st.rerun()


def _outcome(plan: Plan, use: Use) -> str:
    """Say what came in."""
    n = len(plan.class_of)
    if use == "predictions":
        return (
            f"{n:,} predictions are there. Some are checked now; finish the job says how it goes."
        )
    return f"{n:,} labels came in. {plan.unchanged:,} were there already."


def _new_classes(plan: Plan, slot: str) -> NewClasses | None:
    """Ask what becomes of classes that the project does not have; None until it is said."""
    if not plan.new_classes:
        return "refuse"
    n = len(plan.new_classes)
    these = "a class that this project does not have" if n == 1 else f"{n:,} such classes"
    words: dict[NewClasses, str] = {
        "add": "Add it" if n == 1 else f"Add these {n:,}",
        "leave out": "Leave its lines out" if n == 1 else "Leave their lines out",
    }
    answer: NewClasses | None = st.radio(
        f"The file has {these}",
        list(words),
        index=None,
        format_func=words.__getitem__,
        horizontal=True,
        key=f"{slot}-new-classes",
    )
    if answer is None:
        note("Say what becomes of them to go on.")
    return answer


def _columns(table: Table, slot: str) -> Columns | None:
    """Ask which columns name the image and its class; usual names are chosen already."""
    names = list(table.names)
    guess = table.guess
    left, right = st.columns(2, gap="large")
    file = left.selectbox(
        "Column of the image",
        names,
        index=names.index(guess.file) if guess else None,
        key=f"{slot}-image-column",
    )
    label = right.selectbox(
        "Column of the class",
        names,
        index=names.index(guess.label) if guess else None,
        key=f"{slot}-class-column",
    )
    if table.examples and (file is None or label is None):
        st.dataframe(list(table.examples), hide_index=True, key=f"{slot}-examples")
    if file is None or label is None:
        note("No column has a usual name: choose two to go on.")
        return None
    return Columns(file, label)


def _shown(plan: Plan) -> None:
    """Show what a file would bring, and which of its lines bring nothing."""
    numbers = {
        "lines": f"{plan.lines:,}",
        "would come in": f"{len(plan.class_of):,}",
        "there already": f"{plan.unchanged:,}",
    }
    if plan.reasons:
        numbers["lines that bring nothing"] = f"{sum(plan.reasons.values()):,}"
    figures(numbers)
    _said(plan)
    if plan.problems:
        rows = [{"line": p.line, "image": p.file, "why": p.reason} for p in plan.problems]
        st.dataframe(rows, hide_index=True, height=min(38 + 35 * len(rows), 260))
        out = io.StringIO()
        write_csv(out, ["line", "image", "why"], rows)
        st.download_button(
            "CSV",
            out.getvalue(),
            "left-out.csv",
            "text/csv",
            key="labels-left-out",
            icon=":material/download:",
            type="tertiary",
            on_click="ignore",
        )
    if not plan.class_of:
        note("This file brings nothing new.")


def _said(plan: Plan) -> None:
    for text in label_import.words(plan):
        note(sentence(text))
