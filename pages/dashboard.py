"""Owns the dashboard page: widgets only; what they show comes from the dashboard service.

One section at a time, which the address keeps. Charts are drawn again only when the counters of the
project's data change; the status asks for them every second, and nothing else on the page moves
meanwhile.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import Any, get_args

import streamlit as st

from alcore.phrases import sentence
from alcore.records import Project
from alcore.services import dashboard
from alcore.web import state
from pages import _dashboard_charts as charts
from pages import _dashboard_drawing as drawing
from pages._dashboard_calibration import calibrated
from pages._dashboard_classes import classes
from pages._dashboard_labels import labels_per_class, people, rounds, uncertainty
from pages._dashboard_parts import (
    STYLE,
    TALL,
    download,
    heading,
    note,
    percent,
    remember,
)
from pages._dashboard_slices import slices
from pages._dashboard_status import status, summary
from pages._shell import choose_ready, empty
from pages._who import open_to, projects_here

SECTIONS = ("curve", "classes", "slices", "calibration", "people", "rounds")
METRICS: tuple[dashboard.Metric, ...] = get_args(dashboard.Metric)
AXES = {"labels": "labels", "minutes": "minutes of labeling"}
CHANGES = 3
"""Changes of the learner that are told below the curve; the table of rounds tells all."""


def page() -> None:
    project = choose_ready(projects_here(), "The dashboard", TALL)
    if project is None:
        return
    st.html(STYLE)
    section = st.segmented_control(
        "Section",
        SECTIONS,
        default=SECTIONS[0],
        required=True,
        key="section",
        bind="query-params",
        label_visibility="collapsed",
    )
    activity = dashboard.activity(state.store(), project.id)
    st.session_state["drawn"] = (project.id, activity.pulse, time.monotonic())
    history = remember(
        "history",
        (project.id, activity.pulse),
        lambda: dashboard.history(state.store(), project.id),
    )
    colours = drawing.DARK if st.context.theme.type == "dark" else drawing.LIGHT
    if section == "curve":
        with st.container(key="beside"):
            left, right = st.columns([2.4, 1], gap="large")
        with left:
            _curve(project, activity.pulse, colours)
        with right:
            status(project.id)
        uncertainty(history, colours)
        return
    summary(project.id)
    if section == "classes":
        classes(project, history, colours)
        labels_per_class(project, colours)
    elif section == "slices":
        slices(project, history, colours)
    elif section == "calibration":
        calibrated(project, history, colours)
    elif section == "people":
        people(project.id, colours)
    else:
        rounds(project, history)


def _curve(project: Project, pulse: Any, colours: drawing.Colours) -> None:
    with heading("Learning curve", about=["macro-F1", "learner"]):
        metric = st.segmented_control(
            "Metric",
            METRICS,
            default="accuracy",
            required=True,
            key="metric",
            bind="query-params",
            label_visibility="collapsed",
        )
        axis = st.segmented_control(
            "Against",
            list(AXES),
            default="labels",
            required=True,
            key="against",
            bind="query-params",
            label_visibility="collapsed",
        )
        curve = remember(
            f"curve {metric}",
            (project.id, pulse),
            lambda: dashboard.curve(state.store(), project.id, metric),
        )
        download("learning-curve", curve.rows)
    if not curve.live:
        empty(_why_no_curve(project, dashboard.standing(state.store(), project.id)), TALL + 40)
        return
    st.vega_lite_chart(
        charts.learning_curve(
            _curve_rows(curve, axis),
            colours,
            metric=metric,
            axis=AXES[axis],
            height=TALL,
        ),
        key=f"curve-{metric}-{axis}",
        alt=f"Learning curve: {metric} against {axis}",
    )
    note(
        "Band: 95 % interval on the holdout. " + _what_random(project, curve) + _what_changed(curve)
    )


def _what_random(project: Project, curve: dashboard.Curve) -> str:
    """Say what the dashed curve is, or why there is none."""
    if not curve.random:
        return "No curve of random labeling: " + _why_no_random(project)
    several = any(row["low"] is not None for row in curve.random)
    return "Dashed: as many labels drawn at random, simulated from the answer key" + (
        ", with the range of its trainings." if several else "."
    )


def _what_changed(curve: dashboard.Curve) -> str:
    """Say where the learner changed, the newest change first, as far as there is room."""
    if not curve.changes:
        return ""
    changes = [
        f"from model {row['model']} on ({row['labels']:,} labels) {row['change']}"
        for row in curve.changes[: -CHANGES - 1 : -1]
    ]
    left = len(curve.changes) - len(changes)
    if left:
        changes.append(f"{left} earlier {'change' if left == 1 else 'changes'} in the rounds")
    return (
        f" The learner changed: {'; '.join(changes)}. Compare curves only between two upright "
        "lines: each dashed piece was made by the learner beside it."
    )


def _curve_rows(curve: dashboard.Curve, axis: str) -> list[drawing.Row]:
    """Name the ends of the curves, the higher one above its line, and add the marks.

    Random labeling is named where it ends in the segment of the newest model.
    """
    rows = []
    newest = curve.live[-1]["segment"]
    beside = [row for row in curve.random if row["segment"] == newest]
    last = {"live": curve.live[-1], **({"random": beside[-1]} if beside else {})}
    live_above = not beside or curve.live[-1]["value"] >= beside[-1]["value"]
    sizes = Counter((row["series"], row["segment"]) for row in curve.rows)
    for row in curve.rows:
        live = row["series"] == "live"
        name = row["strategy"] if live else "random"
        end = f"{name} {percent(row['value'])}" if row is last.get(row["series"]) else None
        fields = ("series", "segment", "labels", "minutes", "value", "low", "high", "trials")
        rows.append(
            {
                **{k: row[k] for k in fields},
                "x": row[axis],
                "alone": sizes[row["series"], row["segment"]] == 1,
                "what": f"model {row['model']}, {name}" if live else "random labeling",
                "end": end,
                "above": live == live_above,
                "row": None,
            }
        )
    blank = dict.fromkeys(rows[0]) | {"alone": False, "above": True}
    if curve.stop:
        what = {"end": "stop advised", "what": curve.stop["reason"], "row": 0}
        rows.append(blank | what | {"series": "stop", "x": curve.stop[axis]})
    for place, change in enumerate(curve.changes):
        what = {"end": change["sign"], "what": sentence(change["change"]), "row": place % 2}
        rows.append(blank | what | {"series": "change", "x": change[axis]})
    return rows


def _why_no_curve(project: Project, standing: dashboard.Standing) -> str:
    if standing.model is not None:
        return (
            "The curve appears once the holdout has answers: some of the questions on the Label "
            "page go there, unmarked."
        )
    missing = standing.due.missing
    if missing is None:
        return "The curve starts with the first model. Label some images, then press Train now."
    if missing:
        return (
            f"The curve starts with the first model, after {missing} more "
            f"{'label' if missing == 1 else 'labels'} on the Label page."
        )
    return "The curve starts with the first model, which is on its way."


def _why_no_random(project: Project) -> str:
    if not project.has_key:
        return "it is simulated where the true classes are known, and here they are not."
    if not project.settings.baseline:
        return "it is switched off on the Set-up page."
    return "it is simulated in the background after each model."


open_to("take part", page)
