"""Owns what the set-up page shows of pretraining: its cost, how it goes, what it made."""

from __future__ import annotations

import time
from collections.abc import Callable
from html import escape

import streamlit as st

from alcore.errors import AlcoreError
from alcore.phrases import duration, sentence
from alcore.records import Pretrained, Project
from alcore.services import pretraining
from alcore.services.pretraining import PretrainingStatus
from alcore.web.state import Store
from pages._setup_text import note, plain, refusal
from pages._who import check_still, who

LOSING = ("Stop", "Start again")
"""Buttons that throw away what was computed."""


def pretraining_of(store: Store, project: Project) -> None:
    """Draw the tab; it follows what runs, and nothing else on the page moves."""
    note(
        "Before anybody labels, the network can learn from the images alone what is alike. Models "
        "then start from these weights and need fewer labels. It runs in the background, and "
        "labeling and trainings go on."
    )
    _follow(store, project.id)


@st.fragment(run_every=1.0)
def _follow(store: Store, project_id: int) -> None:
    check_still("own", project_id)
    status = pretraining.status(store, project_id)
    with st.container(border=True, key=f"pretraining-{project_id}"):
        job = status.job
        if job is not None and job.state in ("waiting", "running"):
            _running(store, project_id, status)
        else:
            _resting(store, project_id, status)
    if status.weights is not None:
        _made(status.weights, status.misfit)


def _running(store: Store, project_id: int, status: PretrainingStatus) -> None:
    job = status.job
    assert job is not None
    if job.state == "waiting":
        phase, side = "Waiting to start", f"about {duration(status.cost)}"
    elif job.cancel_requested:
        phase, side = "Keeping what was computed", ""
    else:
        phase = f"Learning from {status.images:,} images"
        side = f"{job.progress:.0%} · about {duration(status.left or 0)} left"
    st.html(
        f'<div class="su-line"><p>{escape(phase)}<span>{escape(side)}</span></p>'
        f'<div class="su-bar"><i style="width:{100 * job.progress:.1f}%"></i></div></div>'
    )
    row = st.container(horizontal=True, vertical_alignment="center")
    with row:
        off = job.cancel_requested
        _button("Pause", "pause", pretraining.pause, store, project_id, disabled=off)
        _button("Stop", "stop", pretraining.stop, store, project_id, disabled=off)
    row.html('<p class="su-note">It goes on when this page is closed.</p>')


def _resting(store: Store, project_id: int, status: PretrainingStatus) -> None:
    job = status.job
    cost = f"about {duration(status.cost)} on two cores"
    if status.paused:
        assert job is not None
        share = f"{job.progress:.0%} are done"
        st.html(f'<p class="su-note">Paused: {share}. From the start it takes {cost}.</p>')
        with st.container(horizontal=True):
            _button("Resume", "play_arrow", pretraining.resume, store, project_id, primary=True)
            _button("Start again", "restart_alt", pretraining.start, store, project_id)
        return
    if job is not None and job.state == "failed":
        st.error(
            plain(f"Pretraining failed: {sentence(job.error or 'the log says why')}"),
            icon=":material/error:",
        )
        with st.container(horizontal=True):
            _button("Try again", "refresh", pretraining.resume, store, project_id, primary=True)
            _button("Start again", "restart_alt", pretraining.start, store, project_id)
        return
    note(f"{status.images:,} images: it takes {cost}.")
    word = "Pretrain again" if status.weights else "Pretrain now"
    _button(word, "model_training", pretraining.start, store, project_id, primary=True)


def _made(weights: Pretrained, misfit: str | None) -> None:
    when = time.strftime("%d %B %Y, %H:%M", time.localtime(weights.created_at))
    note(
        f"Weights {weights.number}: {weights.network}, {weights.images:,} images of "
        f"{weights.resolution} × {weights.resolution} pixels, {weights.epochs:.0f} times each, "
        f"in {duration(weights.seconds)}, finished on {when}."
    )
    if misfit:
        st.warning(
            plain(f"They are not used: {misfit}. Pretrain again to have some that fit."),
            icon=":material/warning:",
        )
    else:
        note("Every model from now on starts from them, as the settings say.")


def _button(
    label: str,
    icon: str,
    action: Callable[[Store, int, int], None],
    store: Store,
    project_id: int,
    disabled: bool = False,
    primary: bool = False,
) -> None:
    if st.button(
        label,
        icon=f":material/{icon}:",
        key=f"{'danger-' if label in LOSING else ''}pretraining-{label}-{project_id}",
        disabled=disabled,
        type="primary" if primary else "secondary",
    ):
        try:
            action(store, project_id, who().id)
        except AlcoreError as error:
            refusal(error)
        else:
            st.rerun()
