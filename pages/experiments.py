"""Owns the experiments page: widgets only; what they show comes from the experiments services."""

from __future__ import annotations

import os
import time

import streamlit as st

from alcore.errors import AlcoreError
from alcore.phrases import duration, elapsed
from alcore.records import Project
from alcore.services import experiments
from alcore.services.experiments import Progress
from alcore.web import state
from pages._dashboard_parts import STYLE as CHARTS
from pages._experiments_new import new_experiment
from pages._experiments_results import results
from pages._jobs import progress_bar
from pages._setup_text import STYLE, plain, refusal
from pages._shell import choose_project, empty, keep_in_address
from pages._who import check_still, open_to, projects_here, who

NEW = "+ New experiment"
WORKERS = os.cpu_count() or 1
START = 60.0
"""Seconds after which a process that has not begun is not waited for any more."""


def page() -> None:
    st.html(CHARTS + STYLE)
    store = state.store()
    project = choose_project(projects_here())
    names = _names()
    if not names:
        empty("Compare strategies with a simulated oracle: the first experiment starts here.", 90)
        _new(project)
        return
    choice = st.session_state.pop("experiment-made", None)
    if choice is None and "experiment" not in st.session_state:
        choice = st.query_params.get("experiment")
    choices = [*names, NEW]
    if choice in choices:
        st.session_state["experiment"] = choice
    name = st.selectbox("Experiment", choices, key="experiment", label_visibility="collapsed")
    if name not in names:
        keep_in_address("experiment", None)
        _new(project)
        return
    keep_in_address("experiment", name)
    _follow(name)
    results(store, name)


def _names() -> list[str]:
    """Name the experiments that who is here may see."""
    return [e.name for e in experiments.list_experiments(state.store(), who().id)]


def _new(project: Project | None) -> None:
    name = new_experiment(state.store(), WORKERS, project)
    if name is None:
        return
    _start(name, 0)
    st.session_state["experiment-made"] = name
    st.rerun()


def _start(name: str, finished: int) -> None:
    """Have a process of its own go on, and remember when; a refusal is shown beside it."""
    try:
        experiments.start(state.store(), state.runtime(), name, WORKERS, who().id)
    except AlcoreError as error:
        st.session_state["experiment-refused"] = error
        return
    st.session_state["experiment-started"] = (name, finished, time.monotonic())


@st.fragment(run_every=2.0)
def _follow(name: str) -> None:
    """Draw how far it is; the whole page again when rounds came in or its state changed."""
    check_still("run experiments")
    if name not in _names():
        st.rerun()
    now = experiments.progress(state.store(), name)
    progress = (name, now.running, now.finished, now.planned)
    last = st.session_state.setdefault("experiment-drawn", progress)
    st.session_state["experiment-drawn"] = progress
    if last != progress and last[0] == name:
        st.rerun()
    with st.container(border=True):
        share = now.finished / now.planned if now.planned else 0.0
        left = now.left(WORKERS)
        words = f"{_state(now)} · {now.finished:,} of {now.planned:,} rounds"
        if doing := _doing(now):
            words += f" · {doing}"
        elif now.running and left:
            words += f" · about {duration(left)} left"
        progress_bar(words, "", share)
        for error in now.errors[:3]:
            st.warning(plain(error), icon=":material/error:")
        row = st.container(horizontal=True, vertical_alignment="center")
        with row:
            _buttons(now)
        refused = st.session_state.pop("experiment-refused", None)
        if refused is not None:
            refusal(refused)
        with st.expander("Every cell"):
            st.dataframe(
                [
                    {
                        "setting": c.cell.setting,
                        "strategy": c.cell.strategy.title,
                        "done": c.finished / c.planned if c.planned else 0.0,
                        "rounds": f"{c.finished} of {c.planned}",
                        "left": "" if not c.left else duration(c.left / WORKERS),
                    }
                    for c in now.cells
                ],
                column_config={
                    "done": st.column_config.ProgressColumn(format="percent", max_value=1.0)
                },
                hide_index=True,
            )


def _buttons(now: Progress) -> None:
    store, name = state.store(), now.experiment.name
    if now.running:
        waiting = now.experiment.paused
        if st.button("Pausing …" if waiting else "Pause", icon=":material/pause:",
                     disabled=waiting, key="pause"):  # fmt: skip
            experiments.pause(store, name)
            st.rerun()
    elif _starting(now) is None and (now.finished < now.planned or now.failed):
        words = "Resume" if now.finished else "Start"
        if st.button(words, icon=":material/play_arrow:", type="primary", key="resume"):
            _start(name, now.finished)
            st.rerun()
    with st.popover("Extend", icon=":material/add:"):
        design = experiments.design_of(now.experiment)
        more = st.multiselect(
            "More strategies",
            [s for s in experiments.strategy_names() if s not in design.titles],
            key="more-strategies",
        )
        trials = st.number_input("More trials", 0, 100, 0, key="more-trials")
        if st.button("Add", disabled=not more and not trials, key="extend"):
            try:
                experiments.extend(store, name, more, int(trials))
                if not now.running:
                    _start(name, now.finished)
                st.rerun()
            except AlcoreError as error:
                refusal(error)


def _starting(now: Progress) -> float | None:
    """Return for how long somebody here has waited for the first round; None where nobody does."""
    name, finished, at = st.session_state.get("experiment-started", ("", 0, 0.0))
    waited = time.monotonic() - at
    if (name, finished) != (now.experiment.name, now.finished):
        return None
    return waited if now.running or waited < START else None


def _doing(now: Progress) -> str:
    """Say what is done before the first rounds come in."""
    waited = _starting(now)
    since = "" if waited is None else f" ({elapsed(waited)})"
    if waited is not None and not now.running:
        return f"a process of its own starts{since}"
    if waited is not None or (now.running and not now.finished):
        return f"the workers load their libraries and the images{since}"
    return ""


def _state(now: Progress) -> str:
    if now.running:
        return "Pausing" if now.experiment.paused else "Running"
    if _starting(now) is not None:
        return "Starting"
    if now.finished < now.planned:
        return "Paused" if now.finished else "Not started"
    return f"Done, but {now.failed} runs failed" if now.failed else "Done"


open_to("run experiments", page)
