"""Owns what is shown of a picture that was tried: bars, how sure, neighbours, why, taking it in."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from html import escape
from typing import TypeVar

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from alcore.errors import AlcoreError
from alcore.records import Project
from alcore.services import images, trying, why
from alcore.services.review import Reviewed
from alcore.services.trying import Answer, Picture
from alcore.web import overlays, palette, pictures, state
from alcore.web.state import Store
from pages._setup_text import note, plain, refusal
from pages._who import check_still, owns

SHOWN = 5
LARGEST = 640
NOTHING = "no map"
Value = TypeVar("Value")
STYLE = """<style>
.tr-picture {position:relative; width:fit-content; max-width:100%; line-height:0}
.tr-picture img {max-width:100%; max-height:420px; min-width:96px; border-radius:6px;
  border:1px solid rgba(128,128,140,.35)}
.tr-picture img.over {position:absolute; inset:0; width:100%; height:100%; max-height:none;
  border:0}
ul.tr-bars {list-style:none; margin:0 !important; padding:0 !important;
  font-variant-numeric:tabular-nums}
ul.tr-bars li {margin:0 0 .45rem; font-size:.95rem}
ul.tr-bars p {display:flex; justify-content:space-between; gap:1rem; margin:0;
  overflow-wrap:anywhere}
ul.tr-bars i {display:block; height:10px; border-radius:5px; min-width:2px}
ul.tr-bars div {background:rgba(128,132,150,.22); border-radius:5px; overflow:hidden}
ul.tr-near {list-style:none; display:flex; flex-wrap:wrap; gap:.6rem; margin:0 !important;
  padding:0 !important}
ul.tr-near li {width:88px; margin:0; font-size:.82rem; overflow-wrap:anywhere}
ul.tr-near img {width:88px; height:88px; object-fit:contain; border-radius:6px;
  border:1px solid rgba(128,128,140,.35)}
</style>"""


def show(
    store: Store,
    project: Project,
    picture: Picture,
    columns: tuple[DeltaGenerator, DeltaGenerator],
    slot: str,
) -> None:
    """Show the picture on the left and what the model says of it on the right.

    Raises what asking raises.
    """
    left, right = columns
    with right, st.spinner("Asking the model"):
        answer = _once(
            f"{slot}-answer",
            (str(picture.path), picture.annotator_id),
            lambda: trying.ask(store, state.explaining(), state.prediction_cache(), picture),
        )
    with right:
        _bars(project, answer)
        note(_sureness(project, answer))
        method = st.segmented_control(
            "Why?",
            [NOTHING, *why.METHODS],
            default=NOTHING,
            required=True,
            key=f"{slot}-method",
        )
        drawn = None
        if method != NOTHING:
            with st.spinner("Looking for what decides"):
                drawn = _once(
                    f"{slot}-map-{method}",
                    str(picture.path),
                    lambda: trying.heat_map(store, state.explaining(), picture, method),
                )
            note(drawn["words"])
        _near(project, picture, answer)
        _take_in(store, project, picture, answer, slot)
    with left:
        scale = project.settings.pixel_range.scale
        shown = _once(
            f"{slot}-picture",
            str(picture.path),
            lambda: overlays.address(*images.encoded_upload(picture.path, LARGEST, scale)),
        )
        over = "" if drawn is None else overlays.overlay(drawn["map"])
        layer = f'<img class="over" src="{over}" alt="{escape(drawn["words"])}">' if drawn else ""
        st.html(f'<div class="tr-picture"><img src="{shown}" alt="your picture">{layer}</div>')


def _once(name: str, key: object, make: Callable[[], Value]) -> Value:
    """Make a value once for a key, and keep it for this session."""
    entry = st.session_state.get(name)
    if entry is None or entry[0] != key:
        entry = (key, make())
        st.session_state[name] = entry
    value: Value = entry[1]
    return value


def _bars(project: Project, answer: Answer) -> None:
    colours = palette.class_colours(len(project.classes))
    by_id = {c.id: c for c in project.classes}
    rows = "".join(
        f"<li><p><span>{escape(by_id[class_id].name)}</span><b>{p:.1%}</b></p>"
        f'<div><i style="width:{100 * p:.1f}%;background:{colours[by_id[class_id].position]}"></i>'
        "</div></li>"
        for class_id, p in answer.ranked[:SHOWN]
        if class_id in by_id
    )
    more = len(answer.ranked) - SHOWN
    rest = f'<p class="su-note">and {more:,} less likely classes</p>' if more > 0 else ""
    st.html(f'<ul class="tr-bars">{rows}</ul>{rest}')


def _sureness(project: Project, answer: Answer) -> str:
    """Say how far the probability can be believed."""
    words = f"Model {answer.model}, {answer.network}. "
    known = answer.reliability
    if known is None:
        words += "No image of the holdout got an answer as sure, so nothing says how good it is. "
    else:
        words += (
            f"Of {known.images:,} images of the holdout of which it was {known.low:.0%} to "
            f"{known.high:.0%} sure, it was right on {known.accuracy:.0%}. "
        )
    words += (
        f"Its probabilities were calibrated with {answer.calibrated_by:,} labels."
        if answer.calibrated_by
        else "Its probabilities were not calibrated yet."
    )
    return words + " It knows these classes alone: anything else gets one of them, too."


def _near(project: Project, picture: Picture, answer: Answer) -> None:
    """Show the labeled images that the model finds most like it."""
    st.html('<p class="su-strong">Nearest labeled images</p>')
    if not answer.neighbours:
        note("There are none to show: this model has no embeddings, or nothing is labeled.")
        return
    names = {c.id: c.name for c in project.classes}
    tiles = "".join(
        f'<li><img src="{escape(_small(picture, one.row))}" alt="{escape(one.row.name)}">'
        f"{escape(names.get(one.row.class_id or 0, ''))}<br>{one.value:.2f} alike</li>"
        for one in answer.neighbours
    )
    st.html(f'<ul class="tr-near">{tiles}</ul>')


def _small(picture: Picture, row: Reviewed) -> str:
    return pictures.src(
        picture.project_id, row.item_id, row.content_hash, picture.annotator_id, small=True
    )


def _take_in(store: Store, project: Project, picture: Picture, answer: Answer, slot: str) -> None:
    """Offer owners to add the picture to the project under a class."""
    if answer.known is not None:
        note(f"This very image is in the project already, as number {answer.known}.")
        return
    if not owns(project.id) or project.archived_at is not None or not project.classes:
        return
    wish = st.session_state.get(f"{slot}-wish")
    if wish is not None and wish[0] == str(picture.path):
        _follow(store, project, picture, slot)
        return
    names = {c.id: c.name for c in project.classes}
    row = st.container(horizontal=True, vertical_alignment="bottom")
    best = next((c for c, _ in answer.ranked if c in names), None)
    class_id = row.selectbox(
        "Add it to the project as",
        list(names),
        index=list(names).index(best) if best else None,
        format_func=names.__getitem__,
        key=f"{slot}-class",
        width=260,
    )
    if row.button("Add", type="primary", key=f"{slot}-add") and class_id is not None:
        try:
            trying.add(store, picture)
        except AlcoreError as error:
            refusal(error)
            return
        st.session_state[f"{slot}-wish"] = (str(picture.path), class_id, uuid.uuid4().hex)
        st.rerun()


@st.fragment(run_every=1.0)
def _follow(store: Store, project: Project, picture: Picture, slot: str) -> None:
    """Label the picture as soon as it is in, and say so."""
    check_still("own", project.id)
    _, class_id, key = st.session_state[f"{slot}-wish"]
    name = next((c.name for c in project.classes if c.id == class_id), "")
    try:
        item_id = trying.label(store, picture, class_id, key)
    except AlcoreError as error:
        refusal(error)
        return
    if item_id is None:
        note(f"It comes in, and is labeled {name} then. Stay on this page until it is.")
    else:
        st.success(
            plain(f"In the project as number {item_id}, labeled {name}."), icon=":material/check:"
        )
