"""Owns what the experiments page shows of the results: curves, tables, images, downloads."""

from __future__ import annotations

from typing import Any

import streamlit as st

from alcore.services import experiment_figures as figures
from alcore.services import experiment_findings as findings
from alcore.services import experiment_report as report
from alcore.services import experiment_words as words
from alcore.services import experiments
from alcore.web.state import Store
from pages._dashboard_parts import Column, heading, note, remember, table
from pages._setup_text import plain
from pages._shell import empty

SHOWN = 24
"""Images of a round that are shown at most."""
LEGEND = 20
"""Pixels that a chart gets for each name in its legend, which takes its room from the curves."""


def results(store: Store, name: str) -> None:
    """Draw everything that is known so far."""
    now = experiments.progress(store, name)
    key = (name, now.finished, now.planned)
    design, settings = remember("settings", key, lambda: findings.settings_of(store, name))
    if not now.finished:
        empty("Curves appear here with the first finished rounds.", 340)
        return
    names = [setting.name for setting in settings]
    choice = names[0]
    if len(names) > 1:
        choice = st.selectbox("Setting", names, key="setting", label_visibility="collapsed")
    setting = settings[names.index(choice)] if choice in names else settings[0]
    with heading("Accuracy"):
        against = st.segmented_control(
            "Against", ["labels", "human minutes"], default="labels", required=True,
            key="experiment-against", label_visibility="collapsed",
        )  # fmt: skip
    by_minutes = against != "labels"
    dark = st.context.theme.type == "dark"
    tall = figures.curves(setting, by_minutes, dark=dark).properties(
        height=figures.HEIGHT + LEGEND * len(setting.strategies)
    )
    st.altair_chart(tall, width="stretch", key="experiment-curves")
    counting = remember("counted", (name, setting.name),
                   lambda: findings.counted(store, name, setting.name))  # fmt: skip
    several = any(row.trials > 1 for row in setting.curve)
    what = "Mean over trials, with its 95 % band; unfinished trials are in it."
    note(f"{what if several else words.ONE_TRIAL.capitalize() + '.'} {counting}")
    if setting.warning:
        st.warning(plain(setting.warning), icon=":material/science:")
    _tables(setting)
    _stops(store, name, setting, key)
    _images(store, now, design)
    _downloads(store, name, key, figures.curves(setting, by_minutes))


def _tables(setting: Any) -> None:
    heading("Strategies compared")
    if not setting.rows:
        empty("The comparison appears when all strategies have finished a trial.", 120)
        return
    tests = {test.first: test for test in setting.tests}
    rows = []
    for row in setting.rows:
        test = tests.get(row.strategy)
        rows.append(
            {
                "strategy": row.strategy,
                "area": 100 * row.area,
                "on log labels": 100 * row.area_log,
                "at the end": 100 * row.final,
                "label saving": words.say_saving(row.saving),
                **words.earlier(setting, row),
                "points over " + setting.baseline: test and 100 * test.difference,
                "p (Holm)": test.holm if test and row.trials > 1 else None,
                "mean rank": row.rank,
                "penalty": row.penalty if row.trials > 1 else None,
            }
        )
    share = Column(format="%.1f %%")
    forms = {
        "area": share,
        "on log labels": share,
        "at the end": share,
        "points over " + setting.baseline: Column(format="%+.1f"),
        "p (Holm)": Column(format="%.3g"),
        "mean rank": Column(format="%.1f"),
        "penalty": Column(format="%.2f"),
    }
    table(rows, {field: forms.get(field, Column()) for field in rows[0]}, key="compared")
    note(words.say_trials(setting))
    if targets := words.to_reach(setting):
        with st.expander("Labels to reach an accuracy"):
            st.dataframe(targets, hide_index=True, placeholder="–")
    if setting.trials > 1 and len(setting.strategies) > 1:
        with st.expander("Differences and penalties"):
            left, right = st.columns(2, gap="large")
            dark = st.context.theme.type == "dark"
            differences = figures.differences(setting, dark=dark)
            left.altair_chart(differences, width="stretch", key="differences")
            right.altair_chart(figures.penalties(setting, dark=dark), key="penalties")


def _stops(store: Store, name: str, setting: Any, key: Any) -> None:
    """Draw stop criteria after the fact; they are computed only where somebody looks."""
    opened = st.expander(
        "Where stop criteria would have stopped", key="experiment-stops", on_change="rerun"
    )
    if not opened.open:
        return
    with opened:
        rows = remember("stops", (*key, setting.name),
                    lambda: findings.stops_of(store, name, setting.name))  # fmt: skip
        if not rows:
            empty("This appears with the first finished run.", 80)
            return
        st.dataframe(rows, hide_index=True, placeholder="–")
        note("Means over the runs that would have stopped. Accuracy lost: at the end of the run "
             "less at the stop, so that a minus is a gain.")  # fmt: skip


def _images(store: Store, now: Any, design: Any) -> None:
    with st.expander("Images that were asked about"):
        left, middle, right = st.columns(3)
        cells = {f"{c.cell.strategy.title} · {c.cell.setting}": c for c in now.cells if c.finished}
        with left:
            choice = st.selectbox("Strategy and setting", list(cells), key="images-cell")
        with middle:
            trial = st.number_input("Trial", 1, design.trials, 1, key="images-trial")
        cell = cells[choice]
        most = cell.cell.rounds(design.budget)
        with right:
            number = st.number_input("Round", 1, most, min(2, most), key="images-round")
        key = (now.experiment.name, cell.cell.key, trial, number)
        images = remember(
            "acquired", (*key, cell.finished),
            lambda: experiments.acquired(store, key[0], key[1], int(trial) - 1, int(number)),
        )  # fmt: skip
        if not images:
            empty("This round is not finished yet.", 80)
            return
        few = images[:SHOWN]
        st.image([image.png for image in few], [_caption(image) for image in few], width=72)
        if len(images) > SHOWN:
            note(f"{SHOWN} of {len(images)}; the class is what the oracle said.")


def _caption(image: Any) -> str:
    answers = ", ".join(answer or "no answer" for answer in image.said)
    wrong = any(answer != image.true_class for answer in image.said)
    return plain(f"{answers} (it is {image.true_class})" if wrong else answers)


def _downloads(store: Store, name: str, key: Any, chart: Any) -> None:
    heading("Downloads")
    row = st.container(horizontal=True)
    with row:
        if st.button("Prepare files", icon=":material/inventory_2:", key="prepare"):
            with st.spinner("Drawing …"):
                result = findings.findings(store, name)
                st.session_state["experiment-files"] = (
                    key,
                    {
                        "report.html": (report.page(result), "text/html"),
                        "rounds.csv": (findings.csv_of(result.rounds), "text/csv"),
                        "rounds.parquet": (
                            findings.parquet_of(result.rounds),
                            "application/vnd.apache.parquet",
                        ),
                        "curves.svg": (figures.svg(chart), "image/svg+xml"),
                        "curves.png": (figures.png(chart), "image/png"),
                    },
                )
        files = st.session_state.get("experiment-files")
        if files is not None and files[0] == key:
            for file, (data, kind) in files[1].items():
                st.download_button(
                    file, data, f"{name} {file}", kind, key=f"get {file}",
                    icon=":material/download:", type="tertiary", on_click="ignore",
                )  # fmt: skip
