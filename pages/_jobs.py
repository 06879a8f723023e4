"""Owns how a background job is shown on a page: its bar, its failure, its buttons."""

from __future__ import annotations

from collections.abc import Callable
from html import escape

import streamlit as st

from alcore.errors import AlcoreError
from alcore.phrases import sentence
from alcore.records import Job
from alcore.web.state import Store
from pages._setup_text import plain, refusal
from pages._who import who

LOSING = ("Stop", "Start again")
"""Buttons that throw away what was computed, or end what goes on."""


def progress_bar(phase: str, side: str, share: float) -> None:
    """Draw how far something is, 0–1, under what is done and what is said beside it."""
    beside = f"<span>{escape(side)}</span>" if side else ""
    st.html(
        f'<div class="su-line"><p>{escape(phase)}{beside}</p>'
        f'<div class="su-bar"><i style="width:{100 * share:.1f}%"></i></div></div>'
    )


def waiting(job: Job) -> str:
    """Return what is said of a job that has not begun, and say what it waits for."""
    if not job.error:
        return "Waiting to start"
    st.warning(plain(sentence(job.error) + " Then it goes on by itself."))
    return "Waiting for room"


def failure(what: str, job: Job) -> None:
    """Say that a job failed, and why."""
    st.error(plain(f"{what}: {sentence(job.error or 'the log says why')}"), icon=":material/error:")


class JobButtons:
    """The buttons of one kind of job of a project; each does what the person pressing it may."""

    def __init__(self, kind: str, store: Store, project_id: int) -> None:
        self._kind, self._store, self.project_id = kind, store, project_id

    def draw(
        self,
        label: str,
        icon: str,
        action: Callable[[Store, int, int], None],
        *,
        disabled: bool = False,
        primary: bool = False,
    ) -> None:
        """Draw a button that does something in the name of who presses it."""
        danger = "danger-" if label in LOSING else ""
        if st.button(
            label,
            icon=f":material/{icon}:",
            key=f"{danger}{self._kind}-{label}-{self.project_id}",
            disabled=disabled,
            type="primary" if primary else "secondary",
        ):
            try:
                action(self._store, self.project_id, who().id)
            except AlcoreError as error:
                refusal(error)
            else:
                st.rerun()
