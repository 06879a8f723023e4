"""Owns the part of the dashboard about one model: its classes, and the images behind a cell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from alcore.errors import AlcoreError
from alcore.phrases import sentence
from alcore.records import Project, RoundSummary
from alcore.services import board_status, dashboard
from alcore.web import modules, pictures, state
from alcore.web.palette import class_colours
from pages import _dashboard_charts_model as charts
from pages import _dashboard_drawing as drawing
from pages._dashboard_parts import (
    MOST_CLASSES,
    TALL,
    class_height,
    download,
    heading,
    names,
    note,
)
from pages._shell import empty
from pages._who import who


@st.fragment
def classes(project: Project, history: Sequence[RoundSummary], colours: drawing.Colours) -> None:
    """Draw the charts of one model; a click on a cell moves nothing but its images."""
    measured = {str(r.number): r for r in reversed(history) if r.evaluation.n}
    with heading("Classes"):
        choice = st.selectbox(
            "Model",
            ["newest", *measured],
            key="model",
            bind="query-params",
            format_func=lambda n: "newest model" if n == "newest" else f"model {n}",
            label_visibility="collapsed",
            width=180,
            disabled=not measured,
        )
    model = measured.get(choice) or next(iter(measured.values()), None)
    height = class_height(len(project.classes), TALL + 60)
    left, right = st.columns(2, gap="large")
    with left:
        _per_class(project, model, colours, height)
    with right:
        cell = _confusion(project, model, colours, height)
    with st.container(border=False):
        if model and cell:
            _behind(project, model.number, cell)
        else:
            empty("The images behind a cell of the confusion matrix appear here: click one.", 112)


def _per_class(
    project: Project, model: RoundSummary | None, colours: drawing.Colours, height: int
) -> None:
    rows = dashboard.per_class(project, model) if model else []
    with heading("Precision and recall", small=True):
        download("per-class", rows)
    with st.container(height=height, border=False):
        if not rows:
            empty("Precision and recall of each class appear with the first model.", height - 16)
        else:
            top = rows[:MOST_CLASSES]
            by_position = class_colours(len(project.classes) + len(project.former))
            st.vega_lite_chart(
                charts.per_class(
                    [row | {"colour": by_position[row["position"]]} for row in top],
                    colours,
                    names(top),
                    dashboard.reach(row[kind] for row in top for kind in ("precision", "recall")),
                ),
                key="per-class",
                alt="Precision and recall of each class",
            )
    note(
        "Filled: recall, the share of a class that was found. Ring: precision, the share of the "
        "answers that were right. Weakest recall first"
        + (f"; {MOST_CLASSES} of {len(rows)} classes." if len(rows) > MOST_CLASSES else ".")
    )


def _confusion(
    project: Project, model: RoundSummary | None, colours: drawing.Colours, height: int
) -> dict[str, Any] | None:
    """Draw the matrix; return the fields t and p of the cell that was clicked."""
    rows = dashboard.confusion(project, model) if model else []
    with heading("Confusion", small=True):
        whole = dashboard.confusion(project, model, all_classes=True) if model else []
        download("confusion", whole)
    with st.container(height=height, border=False):
        if model is None:
            empty("Which classes are taken for which appears with the first model.", height - 16)
            cells: list[dict[str, Any]] = []
        else:
            names = list(dict.fromkeys(row["true"] for row in rows))
            event = st.vega_lite_chart(
                charts.confusion(rows, colours, names, height - 16),
                key=f"confusion-{project.id}",
                alt="Confusion matrix of the holdout",
                on_select="rerun",
            )
            cells = event.selection.get("cell") or []
    if model and dashboard.measured_with_others(project, model):
        note(
            f"Model {model.number} was measured with the classes of before; the next model is "
            "measured with those of today."
        )
    left_out = len(model.evaluation.confusion) - len(names) if model else 0
    note(
        "Images of the holdout. Grey: right. Blue: wrong, the stronger the larger its share."
        + (f" {left_out} classes with fewer mistakes are left out." if left_out else "")
    )
    return cells[0] if cells else None


def _behind(project: Project, number: int, place: dict[str, Any]) -> None:
    try:
        cell = dashboard.behind_cell(
            state.store(), project.id, number, int(place["t"]), int(place["p"]), who().id
        )
    except AlcoreError as error:
        empty(sentence(str(error)), 112)
        return
    if cell.true == cell.predicted:
        what = f"{cell.true} recognised"
    else:
        what = f"{cell.true} taken for {cell.predicted}"
    if not cell.count:
        empty(f"No image of {cell.true} was taken for {cell.predicted}.", 112)
        return
    many = f"{cell.count:,} images" if cell.count > 1 else "1 image"
    if not cell.pictures:
        empty(f"{sentence(what)} {many}, which owners of the project see here.", 112)
        return
    if len(cell.pictures) < cell.count:
        many += f", {len(cell.pictures)} of them here"
    _pictures(project, number, f"{what}: {many}, with the confidence of model {number}", cell)


def _pictures(project: Project, number: int, title: str, cell: dashboard.Cell) -> None:
    """Show the images; one that is pressed is explained by the newest model."""
    annotator = who()
    parts = modules.element("why/cell.html", ("board/board.css", "why/why.css"), "why/cell.js")
    draw = st.components.v2.component("alcore_cell", **parts)
    draw(
        key=f"cell-{project.id}",
        data={
            "project": project.id,
            "base": f"board/{project.id}",
            "ticket": state.tickets().issue(project.id, annotator.id),
            "annotator": annotator.name,
            "classes": board_status.classes_shown(project),
            "colours": class_colours(len(project.classes)),
            "title": title,
            "pictures": [
                {"item": p.item_id, "name": p.name, "src": _src(project.id, p), "p": confidence}
                for p, confidence in cell.pictures
            ],
        },
    )


def _src(project_id: int, picture: Any) -> str:
    return pictures.src(project_id, picture.item_id, picture.content_hash, who().id)
