"""Owns the section in which the model labels what it is sure of, after people checked a sample."""

from __future__ import annotations

import time

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from alcore.errors import AlcoreError, TrainingImpossible
from alcore.phrases import sentence
from alcore.records import Project
from alcore.services import completing
from alcore.services.completing import PRECISIONS, SAMPLES, USUAL, Outlook, Standing
from alcore.web import state
from alcore.web.state import Store
from pages._jobs import progress_bar
from pages._setup_text import figures, note, plain, refusal
from pages._shell import empty
from pages._who import check_still, who


def finish(store: Store, project: Project) -> None:
    """Choose a precision, have a sample checked, write what the model says of the rest."""
    note(
        "The model labels the images that it is sure of. First people answer some of them, drawn "
        "at random, without being shown what it says; that tells how often it is right. Its labels "
        "are kept apart: no model learns from them, no figure counts them, and all go back at once."
    )
    standings = completing.standings(store, project.id, who().id)
    if any(one.completion.written_at is None for one in standings):
        _follow(store, project)
    elif project.archived_at is None:
        _draw(store, project)
    for one in standings:
        if one.completion.written_at is not None:
            _written(store, project, one)


@st.fragment(run_every=2.0)
def _follow(store: Store, project: Project) -> None:
    """Show how the check goes on, until there is none."""
    check_still("own", project.id)
    for one in completing.standings(store, project.id, who().id):
        if one.completion.written_at is None:
            _checking(store, project, one)
            return
    st.rerun()


def _draw(store: Store, project: Project) -> None:
    """Ask for a precision and the size of the sample; say what that gives; draw."""
    left, right = st.columns([1.6, 1], gap="large")
    with left:
        precision = st.segmented_control(
            "How many of its labels shall be right",
            PRECISIONS,
            default=USUAL[0],
            required=True,
            format_func=lambda share: f"{100 * share:g} %",
            key=f"finish-precision-{project.id}",
        )
    try:
        known = completing.outlook(store, state.prediction_cache(), project.id, precision)
    except TrainingImpossible as error:
        empty(sentence(str(error)), 160)
        return
    with right:
        figures(
            {
                "images without a label": f"{known.unlabeled:,}",
                f"of them model {known.model} can label": f"{known.images:,}",
            }
        )
    sizes = [size for size in SAMPLES if size < known.images]
    if not sizes:
        note(
            f"It is sure enough of {known.images:,} images, too few to draw a sample from. Choose "
            "a lower precision, or label more first."
        )
        return
    with left:
        sample = st.segmented_control(
            "Images to check",
            sizes,
            default=USUAL[1] if USUAL[1] in sizes else sizes[-1],
            required=True,
            key=f"finish-sample-{project.id}-{len(sizes)}",
        )
        note(_promise(known, sample))
        if st.button("Draw and check", type="primary", key="finish-draw"):
            try:
                args = (store, state.prediction_cache(), project.id, precision, sample)
                completing.draw(*args, who().id)
            except AlcoreError as error:
                refusal(error)
            else:
                st.rerun()


def _promise(known: Outlook, sample: int) -> str:
    """Say what the model expects of itself, and what the check can show."""
    best = completing.promise(sample, known.images)
    words = (
        f"These are the images of which it is {known.threshold:.1%} sure or more; it expects "
        f"{known.expected:.1%} of its labels to be right. If all {sample:,} that are checked are, "
        f"the rest is right to {best.low:.1%} at least, with 95 % certainty."
    )
    if not known.calibrated:
        words += " Its probabilities were not calibrated yet, so expect more errors than it does."
    return words


def _checking(store: Store, project: Project, one: Standing) -> None:
    """Show how far the check is and what it says so far; write, or discard."""
    counts, completion = one.counts, one.completion
    progress_bar(
        "Checked on the Label page, where these images come first",
        f"{counts.answered:,} of {counts.sample:,}",
        counts.answered / counts.sample,
    )
    _precision(one, so_far=not one.is_checked)
    row = st.container(horizontal=True, vertical_alignment="center")
    if not one.is_checked:
        row.page_link(
            "pages/label.py",
            label="Check them",
            icon=":material/label:",
            query_params={"project": str(project.id)},
        )
    elif row.button(f"Write {counts.rest:,} labels", type="primary", key="finish-write"):
        try:
            completing.write(store, project.id, completion.id, who().id)
        except AlcoreError as error:
            refusal(error)
        else:
            st.rerun()
    _take_back(store, project, one, row, "Discard")


def _precision(one: Standing, so_far: bool = False) -> None:
    """Show what the check says of the precision, beside what was asked for."""
    precision, completion = one.precision, one.completion
    if precision.estimate is None:
        return
    figures(
        {
            f"right of {precision.checked:,} checked": f"{precision.right:,}",
            "precision, so far" if so_far else "precision": f"{precision.estimate:.1%}",
            "95 % interval": f"{precision.low:.1%} – {precision.high:.1%}",
            **(
                {}
                if completion.precision is None
                else {"asked for": f"{100 * completion.precision:g} %"}
            ),
        }
    )
    if so_far or completion.written_at is not None or completion.precision is None:
        return
    if precision.high < completion.precision:
        note(
            "The model is less precise here than was asked for. Discard this, and choose a higher "
            "precision or let a better model do it: the answers stay and teach the next one."
        )
    elif precision.low < completion.precision:
        note(
            "The check agrees with the precision that was asked for, but does not prove it: the "
            "interval reaches below. More images to check make it narrower."
        )


def _written(store: Store, project: Project, one: Standing) -> None:
    """Say what a model has labeled, and offer to take it back."""
    completion = one.completion
    author = completion.author[:1].upper() + completion.author[1:]
    written_at = time.strftime("%d %b %Y %H:%M", time.localtime(completion.written_at)).lstrip("0")
    when = f"{written_at}, written by {completion.who}" if completion.who else written_at
    with st.container(border=True, key=f"finish-written-{completion.id}"):
        st.markdown(f"**{plain(author)} labeled {one.counts.rest:,} images**, {plain(when)}")
        _precision(one)
        note(
            "An answer of a person replaces the model's. They are in an export where “Model "
            "labels” is ticked, marked as the model's."
        )
        if project.archived_at is None:
            _take_back(store, project, one, st.container(horizontal=True), "Take them back")


def _take_back(
    store: Store, project: Project, one: Standing, row: DeltaGenerator, label: str
) -> None:
    if row.button(label, key=f"danger-finish-{one.completion.id}"):
        try:
            completing.withdraw(store, project.id, one.completion.id, who().id)
        except AlcoreError as error:
            refusal(error)
        else:
            st.rerun()
