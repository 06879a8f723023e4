"""Owns the parts of the dashboard about the pool, the labels, their authors and the rounds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import streamlit as st

from alcore.records import Project, RoundSummary
from alcore.services import dashboard, snapshots
from alcore.web import state
from alcore.web.palette import class_colours
from pages import _dashboard_charts as charts
from pages import _dashboard_drawing as drawing
from pages._dashboard_parts import (
    MOST_CLASSES,
    TALL,
    Column,
    class_height,
    clock,
    download,
    heading,
    hundred,
    interval,
    names,
    note,
    table,
)
from pages._shell import empty
from pages._who import owns, who


def uncertainty(history: Sequence[RoundSummary], colours: drawing.Colours) -> None:
    rows = dashboard.uncertainty(history)
    with heading("Uncertainty of the unlabeled images", about=["uncertainty"]):
        download("uncertainty", rows)
    if not rows:
        empty(
            "How unsure each model was about the unlabeled images appears with the first one.", TALL
        )
    else:
        st.vega_lite_chart(
            charts.uncertainty(rows, colours, TALL),
            key="uncertainty",
            alt="Uncertainty of each model",
        )
    note("One column per model; the stronger the shade, the more of its images lie there.")


def labels_per_class(project: Project, colours: drawing.Colours) -> None:
    rows = dashboard.labels_per_class(state.store(), project.id)
    height = class_height(len(project.classes), TALL + 16)
    with heading("Labels per class"):
        download("labels-per-class", rows)
    with st.container(height=height, border=False):
        if not any(row["training"] + row["holdout"] for row in rows):
            empty("Labels per class appear with the first label.", height - 16)
        else:
            top = sorted(rows, key=lambda row: row["training"])[:MOST_CLASSES]
            top.sort(key=lambda row: row["position"])
            st.vega_lite_chart(
                charts.labels_per_class(_bars(top, len(rows)), colours, names(top)),
                key="labels-per-class",
                alt="Labels per class",
            )
    any_holdout = any(row["holdout"] for row in rows)
    note("Full: for training. Pale: for the holdout." if any_holdout else "Labels for training.")


def _bars(rows: Sequence[drawing.Row], n_classes: int) -> list[drawing.Row]:
    colours = class_colours(n_classes)
    return [
        {
            "class": row["class"],
            "kind": kind,
            "labels": row[kind],
            "total": row["training"] + row["holdout"] if kind == "training" else None,
            "colour": colours[row["position"]],
        }
        for row in rows
        for kind in ("training", "holdout")
    ]


def people(project_id: int, colours: drawing.Colours) -> None:
    me = who().id
    over_time = dashboard.labels_over_time(state.store(), project_id, me)
    rows = over_time.rows
    team = dashboard.annotators(state.store(), project_id, me)
    left, right = st.columns(2, gap="large")
    with left:
        with heading("Labels over time"):
            download("labels-over-time", rows)
        if not rows:
            empty("Labels over time appear with the first label.", 240)
        else:
            _over_time(over_time, colours)
    with right:
        with heading("Annotators"):
            download("annotators", team)
        if not team:
            empty("Who labeled how much, and how fast, appears with the first label.", 240)
        else:
            table(
                [row | {"last label": clock(row["last label"])} for row in team],
                {
                    "annotator": Column(),
                    "labels": Column(),
                    "labels per hour": Column("per hour", "%.0f"),
                    "median seconds": Column("median s", "%.1f"),
                    "skipped": Column(),
                    "unsure": Column(),
                    "last label": Column(),
                },
                key="annotators",
            )
    everybody = "" if owns(project_id) else "Owners see everybody here; you see yourself. "
    note(
        f"{everybody}Labels are all that were given: those to learn from, those kept aside for the "
        "holdout, second answers, and images whose class was known."
    )


def _over_time(over_time: dashboard.OverTime, colours: drawing.Colours) -> None:
    total = Counter[str]()
    for row in over_time.rows:
        total[row["annotator"]] += row["labels"]
    names = [name for name, _ in total.most_common()]
    bars = [row | {"from": 1000 * row["from"], "to": 1000 * row["to"]} for row in over_time.rows]
    axis = charts.TimeAxis(
        stretch=over_time.stretch,
        span=(1000 * over_time.start, 1000 * over_time.end),
        marks=[1000 * at for at in over_time.marks],
        said=over_time.said,
    )
    st.vega_lite_chart(
        charts.labels_over_time(bars, colours, names, axis, height=240),
        key="over-time",
        alt="Labels over time",
    )


def rounds(project: Project, history: Sequence[RoundSummary]) -> None:
    rows = dashboard.round_table(history, snapshots.names_of(state.store(), project.id))
    with heading("Rounds"):
        download("rounds", rows)
    if not rows:
        empty("Each training adds a line here: labels, accuracy, times, checkpoint.", 200)
        return
    share = Column(format="%.1f %%")
    changed = any(row["learner changed"] for row in rows)
    table(
        [
            row
            | {
                "finished": clock(row["finished"]),
                "accuracy": hundred(row["accuracy"]),
                "macro-F1": hundred(row["macro-F1"]),
                "ECE": hundred(row["ECE"]),
                "95 % interval": interval(row["low"], row["high"]),
            }
            for row in rows
        ],
        {
            "model": Column(),
            "labels": Column(),
            **({"learner changed": Column(width="large")} if changed else {}),
            "accuracy": share,
            "95 % interval": Column(),
            "macro-F1": share,
            "ECE": share,
            "NLL": Column(format="%.2f"),
            "strategy": Column(),
            "network": Column(),
            "mode": Column(),
            "began with": Column(),
            **{f"{phase} s": Column(format="%.2f") for phase in dashboard.PHASES},
            "minutes": Column("human minutes", "%.1f"),
            "finished": Column(),
            "checkpoint": Column(width="medium"),
            "remarks": Column(width="large"),
        },
        key="rounds",
        most=16,
    )
