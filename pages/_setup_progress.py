"""Owns how an import is shown while it runs, when it was stopped and when it failed."""

from __future__ import annotations

import time

import streamlit as st

from alcore.phrases import elapsed, sentence
from alcore.records import Job
from alcore.services import projects, setup
from alcore.web.state import Store
from pages._jobs import JobButtons, failure, progress_bar, waiting
from pages._setup_text import note
from pages._who import check_still


@st.fragment(run_every=0.5)
def importing(store: Store, project_id: int) -> None:
    """Follow the import; draw the whole page again when its state changes."""
    check_still("own", project_id)
    line = setup.line(store, project_id)
    job = line.job
    now = (line.project.state, job and (job.id, job.state))
    states = st.session_state.setdefault("import-drawn", {})
    if states.setdefault(project_id, now) != now:
        states[project_id] = now
        st.rerun()
    if job is None:
        return
    buttons = JobButtons("import", store, project_id)
    with st.container(border=True):
        if job.state in ("waiting", "running"):
            _running(buttons, job, line.images)
        elif line.project.state == "ready" and job.state == "done":
            note("The images are in.")
        elif job.state == "cancelled":
            st.markdown("**Stopped.** What is in stays in.")
            buttons.draw("Resume", "play_arrow", projects.resume_import)
        else:
            failure("The import failed", job)
            buttons.draw("Try again", "refresh", projects.resume_import)


def _running(buttons: JobButtons, job: Job, images: int) -> None:
    if job.state == "waiting":
        phase, side = waiting(job), ""
    elif job.cancel_requested:
        phase, side = "Stopping", ""
    else:
        phase = sentence(job.phase).removesuffix(".")
        left = _seconds_left(job)
        side = f"{images:,} images in · {job.progress:.0%}"
        side += "" if left is None else f" · {elapsed(left)} left"
    progress_bar(phase, side, job.progress)
    row = st.container(horizontal=True, vertical_alignment="center")
    with row:
        buttons.draw("Stop", "stop", projects.stop_import, disabled=job.cancel_requested)
    row.html('<p class="su-note">It goes on when this page is closed.</p>')


def _seconds_left(job: Job) -> float | None:
    """Judge by what was seen of this attempt: a resumed import begins far on."""
    slot = f"seen-{job.id}-{job.attempt}"
    now = time.monotonic()
    if slot not in st.session_state and job.progress > 0:
        st.session_state[slot] = (now, job.progress)
    first = st.session_state.get(slot)
    return setup.seconds_left(first, now, job.progress) if first else None
