"""Owns what the dashboard's Vega-Lite specifications share: colours, sizes, layers.

Rows come from the service and stay in one top-level data set, so that new data flows into a
chart that is there already instead of drawing it again. Shares are 0–1, times milliseconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Row = dict[str, Any]
Spec = dict[str, Any]

PER_CENT = ".0%"
FINE_PER_CENT = ".1%"
ROW_HEIGHT = 26
MARK_ROW = 14
"""Height in pixels of the name of a mark."""
PHONE = "windowSize()[0] < 640"
"""There the names of curves stand over them, not beside them."""


@dataclass(frozen=True)
class Colours:
    """What a chart needs to sit well on a light or a dark page."""

    accent: str
    random: str
    text: str
    quiet: str
    page: str
    sequence: tuple[str, ...]
    greys: tuple[str, ...]


LIGHT = Colours(
    accent="#3f4fbf",
    random="#7a7f8e",
    text="#1d2130",
    quiet="#5c6272",
    page="#ffffff",
    sequence=("#f3f4fc", "#c9cff0", "#949fde", "#5e6cc7", "#39479f"),
    greys=("#f4f5f9", "#c3c7d3"),
)
DARK = Colours(
    accent="#8b9aff",
    random="#9aa0b0",
    text="#e7e9f0",
    quiet="#a4aaba",
    page="#14161d",
    sequence=("#1a1d29", "#2f385e", "#475593", "#6b7ccb", "#a2aef2"),
    greys=("#1e212b", "#4a4f5f"),
)


def rows_height(n: int) -> int:
    """Height in pixels of a chart with a line for each of n classes, and its axis."""
    return ROW_HEIGHT * n + 48


def class_axis(names: Sequence[str]) -> Spec:
    """Return an axis with a line per class."""
    return {
        "field": "class",
        "type": "nominal",
        "sort": list(names),
        "axis": {"title": None, "labelLimit": 120, "ticks": False, "domain": False},
        "scale": {"paddingInner": 0.1, "paddingOuter": 0.1},
    }


def number(field: str, title: str | None = None, form: str | None = None) -> Spec:
    """Return what a field of numbers is called and how each is written, as an axis or a tooltip."""
    said = {"title": title, "format": form}
    return {"field": field, "type": "quantitative", **{k: v for k, v in said.items() if v}}


def name(field: str, title: str | None = None) -> Spec:
    """Return what a field of names is called."""
    return {"field": field, "type": "nominal", **({"title": title} if title else {})}


def layer(mark: str, encoding: Spec, transform: list[Spec] | None = None, **style: Any) -> Spec:
    """Return one layer of marks. Screen readers hear the chart's name, not each mark."""
    drawn: Spec = {"mark": {"type": mark, "aria": False, **style}, "encoding": encoding}
    return drawn | ({"transform": transform} if transform else {})


def end_label(x: Spec, y: Spec, transform: list[Spec], colour: str, dy: str) -> Spec:
    """Return the layer that names a curve at its last point, dy (an expression) pixels lower."""
    return layer(
        "text",
        {"x": x, "y": y, "text": {"field": "end"}},
        transform,
        align={"expr": f"{PHONE} ? 'right' : 'left'"},
        dx={"expr": f"{PHONE} ? 8 : 9"},
        dy={"expr": dy},
        color=colour,
        fontSize=13,
        fontWeight=600,
        clip=False,
    )


def mark(x: Spec, field: str, value: str, colour: str, dash: list[int], side: str) -> list[Spec]:
    """Return the layers of upright lines that are named above the plot, on one side of them.

    They are drawn for rows whose field has that value: with an x, a text `end`, the `row` of text
    it stands in, from 0 upwards, and `what` it means.
    """
    mine = [{"filter": f"datum.{field} === '{value}'"}]
    tooltip = {"tooltip": name("what")}
    return [
        layer("rule", {"x": x} | tooltip, mine, color=colour, strokeDash=dash, opacity=0.7),
        layer(
            "text",
            {"x": x, "y": {"value": -6}, "text": {"field": "end"}} | tooltip,
            mine,
            align=side,
            # What does not fit beside the line is cut, and said in full on hover: a plot would
            # give way to its text.
            limit={"expr": f"max(80, {'width - ' if side == 'left' else ''}scale('x', datum.x))"},
            dx=-1 if side == "left" else 1,
            dy={"expr": f"{-MARK_ROW} * (datum.row + ({PHONE} ? 1 : 0))"},
            color=colour,
            fontSize=12,
            clip=False,
        ),
    ]


def room_for_marks(rows: Sequence[Row]) -> str:
    """Return, as an expression, the pixels that the names of the marks among rows need.

    On a phone there is a curve's name between them and the plot.
    """
    lines = 1 + max((row["row"] for row in rows if row.get("row") is not None), default=-1)
    return f"8 + {MARK_ROW} * ({lines} + ({PHONE} && {lines} > 0 ? 1 : 0))"


def chart(rows: Sequence[Row], layers: list[Spec], height: int, right: int = 12) -> Spec:
    """Return a chart of layers over the same rows."""
    return {
        "data": {"values": list(rows)},
        "height": height,
        "padding": {"left": 4, "top": 8, "right": right, "bottom": 4},
        "layer": layers,
        "config": {"view": {"stroke": None}},
    }
