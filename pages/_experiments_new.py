"""Owns the form for a new experiment: a few choices, or the grid's own text."""

from __future__ import annotations

import json

import streamlit as st

from alcore.errors import AlcoreError
from alcore.phrases import duration
from alcore.records import Project
from alcore.services import experiments
from alcore.web.state import Store
from pages._setup_text import refusal, title
from pages._who import who

DEFAULT = ["random", "margin"]
quoted = json.dumps  # a TOML string is written as JSON's
ESTIMATE = 20.0
"""Seconds that rounds are run for, about, to estimate the time."""


def new_experiment(store: Store, workers: int, project: Project | None) -> str | None:
    """Draw the form; return the experiment's name once its runs are stored.

    The images of the project that is shown stand first, where an oracle can answer for them.
    """
    title(
        "New experiment",
        "A simulated oracle answers; every strategy starts from the same labels, weights and "
        "holdout, trial by trial.",
    )
    text = _fields(store, project)
    if st.toggle("Edit the grid as text", key="grid-by-hand"):
        text = st.text_area("Grid (TOML)", text, height=340, key=f"grid {hash(text)}")
    row = st.container(horizontal=True, vertical_alignment="center")
    with row:
        look = st.button("Check", key="check-grid")
        time = st.button("Estimate the time", key="time-grid", help="runs a few of its rounds")
        start = st.button("Start", type="primary", key="start-grid")
    if not look and not time and not start:
        return None
    try:
        design = experiments.parse(store, text, who().id)
        with st.spinner("Reading the images …"):
            if start:
                return experiments.create(store, design).name
            design = experiments.checked(store, design)
        words = (
            f"{len(design.cells):,} cells × {design.trials} trials: {design.trainings:,} trainings"
        )
        if time:
            with st.spinner("Timing a few rounds …"):
                estimate = experiments.estimate(store, design, "process", workers, ESTIMATE)
            words += f", about {duration(estimate.seconds)} (from {estimate.measured} rounds)"
    except AlcoreError as error:
        refusal(error)
        return None
    st.success(f"{words}.", icon=":material/check:")
    return None


def _fields(store: Store, project: Project | None) -> str:
    """Draw the choices; return the grid that they make, as TOML."""
    left, middle, right = st.columns(3, gap="large")
    with left:
        names = {e.name for e in experiments.list_experiments(store)}
        number = next(n for n in range(1, 10_000) if f"experiment {n}" not in names)
        name = st.text_input("Name", f"experiment {number}", max_chars=100, key="grid-name")
        sources = experiments.data_sources(store, who().id, project.name if project else None)
        data = st.selectbox("Images", sources, key=f"grid-data-{sources[0]}")
        learners = [*experiments.LEARNERS, *experiments.ESTIMATORS]
        learner = st.selectbox(
            "Learner", learners, learners.index("network"), key="grid-learner",
            help="\n".join(f"- **{k}**: {what}" for k, what in experiments.LEARNERS.items()),
        )  # fmt: skip
        oracle = st.selectbox("Oracle", experiments.ORACLES, key="grid-oracle")
    with middle:
        strategies = st.multiselect(
            "Strategies", experiments.strategy_names(), DEFAULT, key="grid-strategies"
        )
        trials = st.number_input("Trials", 1, 100, 10, key="grid-trials")
        tail = st.number_input(
            "Long tail", 1.0, 1000.0, 1.0, key="grid-tail",
            help="items of the first class over those of the last",
        )  # fmt: skip
        copies = st.slider("Near-duplicates in the pool", 0, 90, 0, 5, "%d %%", key="grid-copies")
    with right:
        first = st.number_input("Labels at the start", 2, 100_000, 20, key="grid-first")
        how = st.selectbox("Chosen by", experiments.initial_ways(), key="grid-how")
        batch = st.number_input("Labels per round", 1, 100_000, 10, key="grid-batch")
        budget = st.number_input("Labels in all", 2, 1_000_000, 100, key="grid-budget")
        seed = st.number_input("Seed", 0, 2**31, 0, key="grid-seed")
    lines = [
        f"name = {quoted(name)}",
        f"budget = {budget}",
        f"trials = {trials}",
        f"seed = {seed}",
        f"initial = [{{size = {first}, how = {quoted(how)}}}]",
        f"batch_sizes = [{batch}]",
        f"strategies = {quoted(strategies)}",
        *_data_lines(data, tail, copies),
        *_learner_lines(learner),
        "",
        "[[oracles]]",
        f"kind = {quoted(oracle)}",
    ]
    return "\n".join(lines) + "\n"


def _data_lines(data: str, tail: float, copies: int) -> list[str]:
    """Write the images as TOML; copies: per cent of near-duplicates."""
    lines = ["", "[[datasets]]", f"source = {quoted(data)}"]
    lines += [f"long_tail = {tail}"] if tail > 1 else []
    return lines + ([f"duplicates = {copies / 100}"] if copies else [])


def _learner_lines(learner: str) -> list[str]:
    lines = ["", "[[learners]]"]
    if learner in experiments.LEARNERS:
        return [*lines, f"kind = {quoted(learner)}"]
    return [*lines, 'kind = "estimator"', f"estimator = {quoted(learner)}"]
