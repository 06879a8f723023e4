"""Owns what the set-up page shows of pretraining: its cost, how it goes, what it made."""

from __future__ import annotations

import time

import streamlit as st

from alcore.phrases import duration
from alcore.records import Pretrained, Project
from alcore.services import pretraining
from alcore.services.pretraining import PretrainingStatus
from alcore.web.state import Store
from pages._jobs import JobButtons, failure, progress_bar, waiting
from pages._setup_text import note, plain
from pages._who import check_still


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
        job, buttons = status.job, JobButtons("pretraining", store, project_id)
        if job is not None and job.state in ("waiting", "running"):
            _running(buttons, status)
        else:
            _resting(buttons, status)
    if status.weights is not None:
        _made(status.weights, status.misfit)


def _running(buttons: JobButtons, status: PretrainingStatus) -> None:
    job = status.job
    assert job is not None
    if job.state == "waiting":
        phase, side = waiting(job), f"about {duration(status.cost)}"
    elif job.cancel_requested:
        phase, side = "Keeping what was computed", ""
    else:
        phase = f"Learning from {status.images:,} images"
        side = f"{job.progress:.0%} · about {duration(status.left or 0)} left"
    progress_bar(phase, side, job.progress)
    row = st.container(horizontal=True, vertical_alignment="center")
    with row:
        off = job.cancel_requested
        buttons.draw("Pause", "pause", pretraining.pause, disabled=off)
        buttons.draw("Stop", "stop", pretraining.stop, disabled=off)
    row.html('<p class="su-note">It goes on when this page is closed.</p>')


def _resting(buttons: JobButtons, status: PretrainingStatus) -> None:
    job = status.job
    cost = f"about {duration(status.cost)} on two cores"
    if status.paused:
        assert job is not None
        share = f"{job.progress:.0%} are done"
        st.html(f'<p class="su-note">Paused: {share}. From the start it takes {cost}.</p>')
        with st.container(horizontal=True):
            buttons.draw("Resume", "play_arrow", pretraining.resume, primary=True)
            buttons.draw("Start again", "restart_alt", pretraining.start)
        return
    if job is not None and job.state == "failed":
        failure("Pretraining failed", job)
        with st.container(horizontal=True):
            buttons.draw("Try again", "refresh", pretraining.resume, primary=True)
            buttons.draw("Start again", "restart_alt", pretraining.start)
        return
    note(f"{status.images:,} images: it takes {cost}.")
    word = "Pretrain again" if status.weights else "Pretrain now"
    buttons.draw(word, "model_training", pretraining.start, primary=True)


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
