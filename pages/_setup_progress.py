"""Owns how an import is shown while it runs, when it was stopped and when it failed."""

from __future__ import annotations

import time
from collections.abc import Callable
from html import escape

import streamlit as st

from alcore.errors import AlcoreError
from alcore.phrases import elapsed, sentence
from alcore.records import Job
from alcore.services import projects, setup
from alcore.web.state import Store
from pages._setup_text import note, plain, refusal
from pages._who import check_still, who


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
    with st.container(border=True):
        if job.state in ("waiting", "running"):
            _running(store, job, line.images)
        elif line.project.state == "ready" and job.state == "done":
            note("The images are in.")
        elif job.state == "cancelled":
            st.markdown("**Stopped.** What is in stays in.")
            _button("Resume", ":material/play_arrow:", projects.resume_import, store, project_id)
        else:
            st.error(
                plain(f"The import failed: {sentence(job.error or 'the log says why')}"),
                icon=":material/error:",
            )
            _button("Try again", ":material/refresh:", projects.resume_import, store, project_id)


def _running(store: Store, job: Job, images: int) -> None:
    if job.state == "waiting":
        phase, side = "Waiting for room" if job.error else "Waiting to start", ""
        if job.error:
            st.warning(plain(sentence(job.error) + " Then it goes on by itself."))
    elif job.cancel_requested:
        phase, side = "Stopping", ""
    else:
        phase = sentence(job.phase).removesuffix(".")
        left = _seconds_left(job)
        side = f"{images:,} images in · {job.progress:.0%}"
        side += "" if left is None else f" · {elapsed(left)} left"
    st.html(
        f'<div class="su-line"><p>{escape(phase)}<span>{escape(side)}</span></p>'
        f'<div class="su-bar"><i style="width:{100 * job.progress:.1f}%"></i></div></div>'
    )
    row = st.container(horizontal=True, vertical_alignment="center")
    with row:
        _button(
            "Stop",
            ":material/stop:",
            projects.stop_import,
            store,
            job.project_id,
            disabled=job.cancel_requested,
        )
    row.html('<p class="su-note">It goes on when this page is closed.</p>')


def _seconds_left(job: Job) -> float | None:
    """Judge by what was seen of this attempt: a resumed import begins far on."""
    slot = f"seen-{job.id}-{job.attempt}"
    now = time.monotonic()
    if slot not in st.session_state and job.progress > 0:
        st.session_state[slot] = (now, job.progress)
    first = st.session_state.get(slot)
    return setup.seconds_left(first, now, job.progress) if first else None


def _button(
    label: str,
    icon: str,
    action: Callable[[Store, int, int], None],
    store: Store,
    project_id: int,
    disabled: bool = False,
) -> None:
    danger = "danger-" if label == "Stop" else ""
    key = f"{danger}import-{label}-{project_id}"
    if st.button(label, icon=icon, key=key, disabled=disabled):
        try:
            action(store, project_id, who().id)
        except AlcoreError as error:
            refusal(error)
        else:
            st.rerun()
