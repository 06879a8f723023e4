"""Owns the Vega-Lite specifications of the dashboard's charts; no data is read or computed here.

Rows come from the service and stay in one top-level data set, so that new data flows into a
chart that is there already instead of drawing it again. Shares are 0–1, instants milliseconds.
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


def learning_curve(
    rows: Sequence[Row], colours: Colours, *, metric: str, axis: str, floor: float, height: int
) -> Spec:
    """Draw rows with series, x, value, low, high, alone, end (text or None) and above.

    `alone` marks the only point of a series, whose interval would have no area. Rows of the
    series "stop" have an x and an end only.
    """
    x = {
        "field": "x",
        "type": "quantitative",
        "scale": {"domainMin": 0, "nice": True},
        "axis": {"title": axis, "tickMinStep": 1, "grid": False, "tickCount": 6},
    }
    y = {
        "field": "value",
        "type": "quantitative",
        "scale": {"domain": [floor, 1]},
        "axis": {"title": f"{metric} on the holdout", "format": PER_CENT, "tickCount": 6},
    }
    tooltip = [
        {"field": "what", "type": "nominal", "title": "curve"},
        {"field": "labels", "type": "quantitative", "title": "labels"},
        {"field": "minutes", "type": "quantitative", "title": "minutes", "format": ".1f"},
        {"field": "value", "type": "quantitative", "title": metric, "format": FINE_PER_CENT},
        {"field": "low", "type": "quantitative", "title": "from", "format": FINE_PER_CENT},
        {"field": "high", "type": "quantitative", "title": "to", "format": FINE_PER_CENT},
        {"field": "trials", "type": "quantitative", "title": "trainings"},
    ]
    layers: list[Spec] = []
    for series, colour, dash, width in (
        ("random", colours.random, [5, 4], 1.75),
        ("live", colours.accent, [1, 0], 2.5),
    ):
        mine = [{"filter": f"datum.series === '{series}'"}]
        band = {"x": x, "y": y | {"field": "low"}, "y2": {"field": "high"}}
        layers += [
            _layer("area", band, mine, color=colour, opacity=0.14),
            _layer("rule", band, [*mine, {"filter": "datum.alone"}], color=colour, aria=False),
            _layer(
                "line", {"x": x, "y": y}, mine, color=colour, strokeDash=dash, strokeWidth=width
            ),
            _layer("point", {"x": x, "y": y}, mine, color=colour, filled=True, size=22, opacity=1),
        ]
        for above in (True, False):
            end = [*mine, {"filter": f"datum.end !== null && datum.above === {str(above).lower()}"}]
            layers.append(
                _layer(
                    "text",
                    {"x": x, "y": y, "text": {"field": "end"}},
                    end,
                    align={"expr": f"{PHONE} ? 'right' : 'left'"},
                    dx={"expr": f"{PHONE} ? 8 : 9"},
                    dy={"expr": f"{PHONE} ? {-16 if above else 24} : {-7 if above else 8}"},
                    color=colour,
                    fontSize=13,
                    fontWeight=600,
                    clip=False,
                )
            )
    stop = [{"filter": "datum.series === 'stop'"}]
    layers += [
        _layer("rule", {"x": x}, stop, color=colours.quiet, strokeDash=[2, 3], aria=False),
        _layer(
            "text",
            {"x": x, "y": {"value": 8}, "text": {"field": "end"}},
            stop,
            align="right",
            dx=-6,
            color=colours.quiet,
            fontSize=12,
        ),
        # Invisible, but wide enough to be met by a pointer or a thumb.
        _layer(
            "point",
            {"x": x, "y": y, "tooltip": tooltip},
            [{"filter": "datum.series !== 'stop'"}],
            size=320,
            opacity=0,
            filled=True,
        ),
    ]
    spec = _chart(rows, layers, height)
    sides = f"{{left: 4, top: 8, bottom: 4, right: {PHONE} ? 12 : 112}}"
    return spec | {"padding": {"expr": sides}}


def per_class(rows: Sequence[Row], colours: Colours, names: Sequence[str]) -> Spec:
    """Draw rows with class, precision, recall, holdout, labels, colour; one line per class."""
    y = _classes(names)
    share = {
        "type": "quantitative",
        "scale": {"domain": [0, 1]},
        "axis": {"title": None, "format": PER_CENT, "tickCount": 5, "orient": "top"},
    }
    tooltip = [
        {"field": "class", "type": "nominal"},
        {"field": "recall", "type": "quantitative", "format": FINE_PER_CENT},
        {"field": "precision", "type": "quantitative", "format": FINE_PER_CENT},
        {"field": "holdout", "type": "quantitative", "title": "holdout images"},
        {"field": "labels", "type": "quantitative", "title": "training labels"},
    ]
    colour = {"field": "colour", "type": "nominal", "scale": None, "legend": None}
    recall, precision = share | {"field": "recall"}, share | {"field": "precision"}
    layers = [
        _layer(
            "rule",
            {"y": y, "x": recall, "x2": {"field": "precision"}},
            color=colours.quiet,
            opacity=0.5,
        ),
        _layer(
            "point",
            {"y": y, "x": precision, "stroke": colour, "tooltip": tooltip},
            filled=True,
            fill=colours.page,
            strokeWidth=2,
            size=70,
            opacity=1,
        ),
        _layer(
            "point",
            {"y": y, "x": recall, "color": colour, "tooltip": tooltip},
            filled=True,
            size=100,
            opacity=1,
        ),
    ]
    return _chart(rows, layers, rows_height(len(names)))


def confusion(rows: Sequence[Row], colours: Colours, names: Sequence[str], height: int) -> Spec:
    """Draw rows with true, predicted, count, share, t, p; a click selects a cell as `cell`."""
    order = list(names)
    small = len(order) > 12
    short = max(map(len, order)) <= 3
    labels = {"labelFontSize": 11 if small else 12, "labelLimit": 90, "ticks": False}
    x = {
        "field": "predicted",
        "type": "nominal",
        "sort": order,
        "axis": {"title": "predicted", "labelAngle": 0 if short else -90 if small else -35}
        | labels,
        "scale": {"padding": 0},
    }
    y = {
        "field": "true",
        "type": "nominal",
        "sort": order,
        "axis": {"title": "true"} | labels,
        "scale": {"padding": 0},
    }
    right, wrong = "datum.t === datum.p", "datum.t !== datum.p"
    tooltip = [
        {"field": "true", "type": "nominal"},
        {"field": "predicted", "type": "nominal"},
        {"field": "count", "type": "quantitative", "title": "images"},
        {
            "field": "share",
            "type": "quantitative",
            "title": "of this class",
            "format": FINE_PER_CENT,
        },
    ]

    def shade(domain: list[float], colours_of: Sequence[str], power: float) -> Spec:
        scale = {"type": "pow", "exponent": power, "domain": domain, "range": list(colours_of)}
        return {
            "field": "share",
            "type": "quantitative",
            "scale": scale | {"clamp": True},
            "legend": None,
        }

    cell = {"x": x, "y": y}
    text = cell | {
        "text": {"field": "count", "type": "quantitative"},
        "color": {
            "condition": {
                "test": "datum.t !== datum.p && datum.share > 0.2",
                "value": colours.page,
            },
            "value": colours.text,
        },
    }
    chosen = {"condition": {"param": "cell", "empty": False, "value": 2.5}, "value": 0}
    layers = [
        _layer(
            "rect",
            cell | {"color": shade([0, 1], colours.greys, 1)},
            [{"filter": right}],
            stroke=colours.page,
        ),
        _layer(
            "rect",
            cell | {"color": shade([0, 0.5], (colours.sequence[0], colours.sequence[-1]), 0.5)},
            [{"filter": wrong}],
            stroke=colours.page,
        ),
        _layer("text", text, [{"filter": "datum.count > 0"}], fontSize=10 if small else 12),
        {
            "name": "cells",
            **_layer(
                "rect",
                cell | {"strokeWidth": chosen, "tooltip": tooltip},
                fill="transparent",
                stroke=colours.text,
                cursor="pointer",
            ),
        },
    ]
    spec = _chart(rows, layers, height)
    spec["params"] = [
        {
            "name": "cell",
            "select": {"type": "point", "fields": ["t", "p"], "toggle": False},
            "views": ["cells"],
        }
    ]
    spec["resolve"] = {"scale": {"color": "independent"}}
    return spec


def uncertainty(rows: Sequence[Row], colours: Colours, height: int) -> Spec:
    """Draw rows with model, labels, from, to, images, share: one column of shades per model."""
    layer = _layer(
        "rect",
        {
            "x": {
                "field": "model",
                "type": "ordinal",
                "axis": {"title": "model", "labelAngle": 0, "labelOverlap": True, "ticks": False},
                "scale": {"padding": 0.04},
            },
            "y": {
                "field": "from",
                "type": "quantitative",
                "scale": {"domain": [0, 1]},
                "axis": {
                    "title": "uncertainty 1 − (p₁ − p₂)",
                    "values": [0, 0.2, 0.4, 0.6, 0.8, 1],
                    "format": ".1f",
                    "labelExpr": "datum.value == 0 ? 'sure 0' : "
                    "datum.value == 1 ? 'unsure 1' : datum.label",
                    "grid": False,
                },
            },
            "y2": {"field": "to"},
            "color": {
                "field": "share",
                "type": "quantitative",
                "scale": {
                    "type": "sqrt",
                    "domainMin": 0,
                    "range": [colours.sequence[0], colours.sequence[2], colours.sequence[-1]],
                },
                "legend": None,
            },
            "tooltip": [
                {"field": "model", "type": "ordinal"},
                {"field": "labels", "type": "quantitative"},
                {"field": "from", "type": "quantitative", "title": "uncertainty from"},
                {"field": "to", "type": "quantitative"},
                {"field": "images", "type": "quantitative"},
                {"field": "share", "type": "quantitative", "format": FINE_PER_CENT},
            ],
        },
    )
    return _chart(rows, [layer], height)


def labels_per_class(rows: Sequence[Row], colours: Colours, names: Sequence[str]) -> Spec:
    """Draw rows with class, kind (training, holdout), labels, total (text or None), colour."""
    y = _classes(names)
    x = {
        "field": "labels",
        "type": "quantitative",
        "axis": {"title": None, "tickMinStep": 1, "tickCount": 4, "orient": "top"},
        "stack": "zero",
    }
    layers = [
        _layer(
            "bar",
            {
                "y": y,
                "x": x,
                "color": {"field": "colour", "type": "nominal", "scale": None, "legend": None},
                "order": {"field": "kind", "sort": "descending"},
                "opacity": {
                    "condition": {"test": "datum.kind === 'holdout'", "value": 0.4},
                    "value": 1,
                },
                "tooltip": [
                    {"field": "class", "type": "nominal"},
                    {"field": "kind", "type": "nominal", "title": "for"},
                    {"field": "labels", "type": "quantitative"},
                ],
            },
            height={"band": 0.62},
        ),
        _layer(
            "text",
            {
                "y": y,
                "x": {"field": "total", "type": "quantitative"},
                "text": {"field": "total", "type": "quantitative"},
            },
            [{"filter": "datum.total !== null"}],
            align="left",
            dx=6,
            color=colours.text,
        ),
    ]
    return _chart(rows, layers, rows_height(len(names)), right=28)


def labels_over_time(
    rows: Sequence[Row],
    colours: Colours,
    names: Sequence[str],
    *,
    stretch: str,
    span: tuple[float, float],
    height: int,
) -> Spec:
    """Draw rows with from, to (milliseconds), annotator, labels as bars on top of each other."""
    clock = (
        "hours(datum.value) + minutes(datum.value) === 0"
        " ? timeFormat(datum.value, '%d %b') : timeFormat(datum.value, '%H:%M')"
    )
    steps = [colours.accent, colours.sequence[2], colours.random, colours.sequence[1]]
    layer = _layer(
        "bar",
        {
            "x": {
                "field": "from",
                "type": "temporal",
                "bin": "binned",
                "scale": {"domain": list(span)},
                "axis": {"title": None, "grid": False, "labelExpr": clock, "tickCount": 8},
            },
            "x2": {"field": "to"},
            "y": {
                "field": "labels",
                "type": "quantitative",
                "stack": "zero",
                "axis": {"title": f"labels per {stretch}", "tickMinStep": 1, "tickCount": 5},
            },
            "color": {
                "field": "annotator",
                "type": "nominal",
                "sort": list(names),
                "scale": {"domain": list(names), "range": steps},
                "legend": {"orient": "top", "title": None, "offset": 4} if len(names) > 1 else None,
            },
            "tooltip": [
                {"field": "from", "type": "temporal", "format": "%d %b %H:%M", "title": "from"},
                {"field": "annotator", "type": "nominal"},
                {"field": "labels", "type": "quantitative"},
            ],
        },
        binSpacing=1,
    )
    return _chart(rows, [layer], height)


def _classes(names: Sequence[str]) -> Spec:
    return {
        "field": "class",
        "type": "nominal",
        "sort": list(names),
        "axis": {"title": None, "labelLimit": 120, "ticks": False, "domain": False},
        "scale": {"paddingInner": 0.1, "paddingOuter": 0.1},
    }


def _layer(mark: str, encoding: Spec, transform: list[Spec] | None = None, **style: Any) -> Spec:
    layer: Spec = {"mark": {"type": mark, **style}, "encoding": encoding}
    return layer | ({"transform": transform} if transform else {})


def _chart(rows: Sequence[Row], layers: list[Spec], height: int, right: int = 12) -> Spec:
    return {
        "data": {"values": list(rows)},
        "height": height,
        "padding": {"left": 4, "top": 8, "right": right, "bottom": 4},
        "layer": layers,
        "config": {"view": {"stroke": None}},
    }
