"""Owns the part of the dashboard about probabilities: do they mean what they say."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from alcore.records import Project, RoundSummary
from alcore.services import calibration
from alcore.web import state
from pages import _dashboard_charts_model as charts
from pages import _dashboard_drawing as drawing
from pages._dashboard_parts import download, heading, note, percent
from pages._shell import empty

_HEIGHT = 280
_MEASURES = ("ECE", "NLL")


@st.fragment
def calibrated(project: Project, history: Sequence[RoundSummary], colours: drawing.Colours) -> None:
    """Draw how well the probabilities fit, over the rounds and for the newest model."""
    rows = calibration.over_rounds(history)
    left, right = st.columns(2, gap="large")
    with left:
        _over_rounds(rows, colours)
    with right:
        _diagram(project, rows, colours)


def _over_rounds(rows: Sequence[drawing.Row], colours: drawing.Colours) -> None:
    with heading("Calibration", about=["ECE", "NLL"]):
        measure = st.segmented_control(
            "Measure",
            _MEASURES,
            default="ECE",
            required=True,
            key="calibration-measure",
            label_visibility="collapsed",
        )
        download("calibration", rows)
    if not rows:
        empty("How far probabilities are from the truth appears with the first model.", _HEIGHT)
    else:
        st.vega_lite_chart(
            charts.calibration(_long(rows, measure), colours, measure=measure, height=_HEIGHT),
            key=f"calibration-{measure}",
            alt=f"{measure} of each model",
        )
    note(f"The lower the better, on the holdout. {_about_temperature(rows)}")


def _about_temperature(rows: Sequence[drawing.Row]) -> str:
    """Say which temperature the newest model has, and why it may have none yet."""
    if rows and rows[-1]["temperature"] is not None:
        return (
            f"Dashed: before a temperature was applied. Model {rows[-1]['model']} has "
            f"{rows[-1]['temperature']:.2f}, found with {rows[-1]['labels asked']:,} labels that "
            "models had not seen."
        )
    return (
        f"Probabilities are the model's own. From {calibration.LABELS} labels on, a training also "
        "asks models that have not seen a label how sure it may be."
    )


def _long(rows: Sequence[drawing.Row], measure: str) -> list[drawing.Row]:
    """Give each value a row; the last of each kind carries its name and value.

    A model without a temperature has a value before it only. A change of the learner has a row
    of its own, without a value.
    """
    points: list[drawing.Row] = [
        _mark(row, place) for place, row in enumerate(row for row in rows if row["learner changed"])
    ]
    for kind, field in (("before", f"{measure} before"), ("calibrated", measure)):
        mine = [row for row in rows if kind == "before" or row["temperature"] is not None]
        for row in mine:
            value = row[field]
            words = percent(value) if measure == "ECE" else f"{value:.2f}"
            # The two ends lie on each other where the temperature changes little.
            both = kind == "before" and row["temperature"] is not None
            close = both and abs(value - row[measure]) < 0.1 * max(value, row[measure])
            last = row is mine[-1] and not close
            points.append(
                {
                    "model": row["model"],
                    "labels": row["labels"],
                    "segment": row["segment"],
                    "kind": kind,
                    "value": value,
                    "end": f"{kind} {words}" if last else None,
                }
            )
    columns = dict.fromkeys(key for row in points for key in row)
    return [columns | row for row in points]


def _mark(row: drawing.Row, place: int) -> drawing.Row:
    what = f"the learner changed: {row['learner changed']}"
    end = row["learner changed"]
    return {"kind": "change", "labels": row["labels"], "end": end, "what": what, "row": place % 2}


def _diagram(project: Project, rows: Sequence[drawing.Row], colours: drawing.Colours) -> None:
    number = rows[-1]["model"] if rows else None
    bins = calibration.reliability(state.store(), project.id, number) if number else []
    with heading("Reliability"):
        download("reliability", bins)
    if not bins:
        empty("How often the model is right when it is sure appears with the first one.", _HEIGHT)
    else:
        st.vega_lite_chart(
            charts.reliability(bins, colours, _HEIGHT),
            key="reliability",
            alt="Reliability diagram of the newest model",
        )
    which = f"Model {number}. " if number else ""
    note(
        f"{which}On the diagonal, 80 % sure means 80 % right. Below it the model is too sure of "
        "itself. Larger points stand for more images."
    )
