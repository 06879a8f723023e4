"""Owns what the set-up page shows of features: their cost, how it goes, what they are of."""

from __future__ import annotations

import time

import streamlit as st

from alcore.phrases import duration, sentence
from alcore.records import Features, Project
from alcore.services import features
from alcore.services.features import FeaturesStatus
from alcore.web.state import Store
from pages._jobs import JobButtons, failure, progress_bar, waiting
from pages._setup_text import note, plain
from pages._who import check_still


def features_of(store: Store, project: Project) -> None:
    """Draw the tab; it follows what runs, and nothing else on the page moves."""
    note(
        "A network that has seen a million photographs looks at each image once, before anybody "
        "labels. What it sees chooses the first questions, finds images that are alike, and gives "
        "models a start with few labels. It runs in the background."
    )
    _follow(store, project.id)


@st.fragment(run_every=1.0)
def _follow(store: Store, project_id: int) -> None:
    check_still("own", project_id)
    status = features.status(store, project_id)
    with st.container(border=True, key=f"features-{project_id}"):
        job, buttons = status.job, JobButtons("features", store, project_id)
        if job is not None and job.state in ("waiting", "running"):
            _running(buttons, status)
        else:
            _resting(buttons, status)
    if status.features is not None:
        _made(status.features, status.misfit)
    if status.features is not None and status.misfit is None:
        _tuning(JobButtons("tuning", store, project_id), status)
    if status.older:
        note(
            "An older version of alcore computed them, by the network's last layer alone. Models "
            "use them as they are; computed anew they say more of the images."
        )


def _running(buttons: JobButtons, status: FeaturesStatus) -> None:
    job = status.job
    assert job is not None
    if job.state == "waiting":
        phase, side = waiting(job), f"about {duration(status.cost)}"
    else:
        phase = f"Looking at {status.images:,} images"
        side = f"{job.progress:.0%} · about {duration(status.left or 0)} left"
    progress_bar(phase, side, job.progress)
    row = st.container(horizontal=True, vertical_alignment="center")
    with row:
        buttons.draw("Stop", "stop", features.stop, disabled=job.cancel_requested)
    row.html('<p class="su-note">It goes on when this page is closed.</p>')


def _resting(buttons: JobButtons, status: FeaturesStatus) -> None:
    job = status.job
    if job is not None and job.state == "failed":
        failure("The features failed", job)
        buttons.draw("Try again", "refresh", features.start, primary=True)
        return
    if status.features is not None and status.misfit is None:
        note("All images have features.")
        if not status.older:
            return
    if job is not None and job.state == "cancelled":
        note("Stopped. What was computed is kept, and is gone on with.")
    else:
        note(f"{status.images:,} images: about {duration(status.cost)} on two cores.")
    buttons.draw("Compute features", "visibility", features.start, primary=True)


def _tuning(buttons: JobButtons, status: FeaturesStatus) -> None:
    """Say what the labels have made of the features, and offer to tune them now."""
    job, tuned = status.tuning, status.tuned
    with st.container(border=True, key=f"tuning-{buttons.project_id}"):
        if job is not None and job.state in ("waiting", "running"):
            phase = waiting(job) if job.state == "waiting" else sentence(job.phase)
            progress_bar(phase.removesuffix("."), f"{job.progress:.0%}", job.progress)
            buttons.draw("Stop", "stop", features.stop_tuning, disabled=job.cancel_requested)
            return
        if job is not None and job.state == "failed":
            failure("The tuning failed", job)
        if tuned is not None:
            note(
                f"Tuned to {tuned.labels:,} labels on {_moment(tuned.created_at)}: the network's "
                "last stages have learned from them, and models learn from what it sees now."
            )
        else:
            note(
                "The network's last stages can learn from the labels. Models are right more often "
                "then, most of all where images look unlike photographs. It happens by itself from "
                "20 labels on, and whenever there are half as many more."
            )
        if status.labels:
            buttons.draw("Tune to the labels now", "tune", features.tune)


def _moment(when: float) -> str:
    return time.strftime("%d %B %Y, %H:%M", time.localtime(when))


def _made(made: Features, misfit: str | None) -> None:
    note(
        f"Features of {made.images:,} images by {made.extractor}, with weights learned from "
        f"{made.source} (licence: {made.license}), seen at {made.side} × {made.side} pixels, in "
        f"{duration(made.seconds)}, finished on {_moment(made.created_at)}."
    )
    if misfit:
        st.warning(plain(f"Models do not use them: {misfit}."), icon=":material/warning:")
