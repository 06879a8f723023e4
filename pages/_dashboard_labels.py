"""Owns the parts of the dashboard about the pool, the labels, their authors and the rounds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import streamlit as st

from alcore.records import Project, RoundSummary
from alcore.services import dashboard
from alcore.web import state
from alcore.web.palette import class_colours
from pages import _dashboard_charts as charts
from pages import _dashboard_drawing as drawing
from pages._dashboard_parts import (
    MOST_CLASSES,
    TALL,
    class_height,
    clock,
    download,
    heading,
    hundred,
    interval,
    names,
    note,
)
from pages._shell import empty
from pages._who import who


def uncertainty(history: Sequence[RoundSummary], colours: drawing.Colours) -> None:
    rows = dashboard.uncertainty(history)
    with heading("Uncertainty of the unlabeled images"):
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
    over_time = dashboard.labels_over_time(state.store(), project_id)
    rows = over_time.rows
    team = dashboard.annotators(state.store(), project_id, who().id)
    left, right = st.columns(2, gap="large")
    with left:
        with heading("Labels over time"):
            download("labels-over-time", rows)
        if not rows:
            empty("Labels over time appear with the first label.", 240)
        else:
            total = Counter[str]()
            for row in rows:
                total[row["annotator"]] += row["labels"]
            names = [name for name, _ in total.most_common()]
            bars = [row | {"from": 1000 * row["from"], "to": 1000 * row["to"]} for row in rows]
            st.vega_lite_chart(
                charts.labels_over_time(
                    bars,
                    colours,
                    names,
                    stretch=over_time.stretch,
                    span=(1000 * over_time.start, 1000 * over_time.end),
                    height=240,
                ),
                key="over-time",
                alt="Labels over time",
            )
    with right:
        with heading("Annotators"):
            download("annotators", team)
        if not team:
            empty("Who labeled how much, and how fast, appears with the first label.", 240)
        else:
            st.dataframe(
                [row | {"last label": clock(row["last label"])} for row in team],
                height=240,
                hide_index=True,
                column_order=(
                    "annotator",
                    "labels",
                    "labels per hour",
                    "median seconds",
                    "skipped",
                    "unsure",
                    "last label",
                ),
                column_config={
                    "labels per hour": st.column_config.NumberColumn("per hour", format="%.0f"),
                    "median seconds": st.column_config.NumberColumn("median s", format="%.1f"),
                },
                key="annotators",
            )


def rounds(project: Project, history: Sequence[RoundSummary]) -> None:
    rows = dashboard.round_table(history)
    with heading("Rounds"):
        download("rounds", rows)
    if not rows:
        empty("Each training adds a line here: labels, accuracy, times, checkpoint.", 200)
        return
    seconds = st.column_config.NumberColumn(format="%.2f")
    share = st.column_config.NumberColumn(format="%.1f %%")
    st.dataframe(
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
        height=320,
        hide_index=True,
        column_order=(
            "model",
            "labels",
            "accuracy",
            "95 % interval",
            "macro-F1",
            "ECE",
            "NLL",
            "strategy",
            "network",
            "mode",
            "began with",
            *(f"{phase} s" for phase in dashboard.PHASES),
            "minutes",
            "finished",
            "checkpoint",
            "remarks",
        ),
        column_config={
            **{f"{phase} s": seconds for phase in dashboard.PHASES},
            "accuracy": share,
            "macro-F1": share,
            "ECE": share,
            "NLL": st.column_config.NumberColumn(format="%.2f"),
            "minutes": st.column_config.NumberColumn("human minutes", format="%.1f"),
        },
        key="rounds",
    )
