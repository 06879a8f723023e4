"""Owns the part of the dashboard about slices: accuracy by what is known of the images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import streamlit as st

from alcore.errors import AlcoreError
from alcore.phrases import sentence
from alcore.records import Project, RoundSummary
from alcore.services import groups, slicing
from alcore.web import state
from pages import _dashboard_charts_model as charts
from pages import _dashboard_drawing as drawing
from pages._dashboard_parts import TALL, Column, download, heading, hundred, interval, note, table
from pages._shell import empty
from pages._who import who


def slices(project: Project, history: Sequence[RoundSummary], colours: drawing.Colours) -> None:
    """Draw the newest measured model's accuracy for each value of a column."""
    model = next((r for r in reversed(history) if r.evaluation.n), None)
    columns = slicing.columns(state.store(), project.id, who().id)
    with heading("Slices", about=["slice"]):
        column = st.selectbox(
            "By",
            columns,
            key="slice",
            bind="query-params",
            label_visibility="collapsed",
            width=240,
            disabled=not columns,
        )
        rows = []
        if model is not None and column is not None:
            try:
                answer = slicing.of_column(
                    state.store(), project.id, model.number, column, who().id
                )
            except AlcoreError as error:
                empty(sentence(str(error)), TALL)
                return
            rows = [asdict(one) for one in answer.slices]
        download("slices", rows)
    if not rows or model is None or column is None:
        empty(_why_none(columns, model), TALL)
        return
    st.vega_lite_chart(
        charts.slices(rows, colours, [row["name"] for row in rows], model.evaluation.accuracy),
        key=f"slices-{column}",
        alt=f"Accuracy by {column}",
    )
    small = sum(row["small"] for row in rows)
    note(
        f"Accuracy of model {model.number} on the holdout, with its 95 % interval (Wilson); the "
        "line is that of all images. Each interval is for its slice alone: of twenty slices "
        "one is expected to miss."
        + (f" Hollow: {small} of fewer than 30 images, which say little." if small else "")
    )
    grouping = groups.of_project(state.store(), project.id)
    if grouping is not None:
        note(groups.words(grouping)[0])
    older = groups.since(state.store(), project.id, model)
    if older:
        note(older)
    _table(rows, column)


def _table(rows: Sequence[drawing.Row], column: str) -> None:
    shown = [
        {
            "name": row["name"],
            "images": row["images"],
            "accuracy": hundred(row["accuracy"]),
            "interval": interval(row["low"], row["high"]),
            "remark": "few images" if row["small"] else "",
        }
        for row in rows
    ]
    fields = {
        "name": Column(column),
        "images": Column("holdout images"),
        "accuracy": Column("accuracy", "%.1f %%"),
        "interval": Column("95 % interval"),
        "remark": Column("remark"),
    }
    table(shown, fields, key=f"slice-table-{column}")


def _why_none(columns: Sequence[str], model: RoundSummary | None) -> str:
    if not columns:
        return (
            "How good the model is for each site, camera or date is shown here once that is known "
            "of the images: bring it in on the page In and out, under metadata."
        )
    if model is None:
        return "Slices appear with the first model that was measured on a holdout."
    return "The holdout of the newest model is empty."
