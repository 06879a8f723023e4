"""Owns the charts about one model: its classes, its confusions, its calibration.

No data is read or computed here.
"""

from __future__ import annotations

from collections.abc import Sequence

from pages._dashboard_drawing import (
    FINE_PER_CENT,
    PER_CENT,
    PHONE,
    Colours,
    Row,
    Spec,
    chart,
    class_axis,
    end_label,
    layer,
    mark,
    room_for_marks,
    rows_height,
)


def per_class(
    rows: Sequence[Row], colours: Colours, names: Sequence[str], reach: tuple[float, float]
) -> Spec:
    """Draw rows with class, precision, recall, holdout, labels, colour; one line per class.

    reach: where the axis of both begins and ends.
    """
    y = class_axis(names)
    share = {
        "type": "quantitative",
        "scale": {"domain": list(reach)},
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
        layer(
            "rule",
            {"y": y, "x": recall, "x2": {"field": "precision"}},
            color=colours.quiet,
            opacity=0.5,
        ),
        layer(
            "point",
            {"y": y, "x": precision, "stroke": colour, "tooltip": tooltip},
            filled=True,
            fill=colours.page,
            strokeWidth=2,
            size=70,
            opacity=1,
        ),
        layer(
            "point",
            {"y": y, "x": recall, "color": colour, "tooltip": tooltip},
            filled=True,
            size=100,
            opacity=1,
        ),
    ]
    return chart(rows, layers, rows_height(len(names)))


def slices(
    rows: Sequence[Row], colours: Colours, names: Sequence[str], overall: float | None
) -> Spec:
    """Draw rows with name, images, accuracy, low, high, small; one line per slice."""
    y = class_axis(names) | {"field": "name"}
    low = min([row["low"] for row in rows])
    share = {
        "type": "quantitative",
        "scale": {"domain": [min(0.9, int(10 * low) / 10), 1.0]},
        "axis": {"title": None, "format": PER_CENT, "tickCount": 5, "orient": "top"},
    }
    tooltip = [
        {"field": "name", "type": "nominal", "title": "value"},
        {"field": "accuracy", "type": "quantitative", "format": FINE_PER_CENT},
        {"field": "low", "type": "quantitative", "format": FINE_PER_CENT, "title": "from"},
        {"field": "high", "type": "quantitative", "format": FINE_PER_CENT, "title": "to"},
        {"field": "images", "type": "quantitative", "title": "holdout images"},
    ]
    ends = {"y": y, "x": share | {"field": "low"}, "x2": {"field": "high"}}
    fill = {
        "condition": {"test": "datum.small", "value": colours.page},
        "value": colours.accent,
    }
    layers = [
        layer("rule", ends, color=colours.accent, opacity=0.5, strokeWidth=3),
        layer(
            "point",
            {"y": y, "x": share | {"field": "accuracy"}, "fill": fill, "tooltip": tooltip},
            filled=True,
            stroke=colours.accent,
            strokeWidth=2,
            size=90,
            opacity=1,
        ),
    ]
    if overall is not None:
        whole = {"x": share | {"datum": overall}}
        layers.insert(0, layer("rule", whole, color=colours.quiet, strokeDash=[4, 3]))
    return chart(rows, layers, rows_height(len(names)))


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
        layer(
            "rect",
            cell | {"color": shade([0, 1], colours.greys, 1)},
            [{"filter": right}],
            stroke=colours.page,
        ),
        layer(
            "rect",
            cell | {"color": shade([0, 0.5], (colours.sequence[0], colours.sequence[-1]), 0.5)},
            [{"filter": wrong}],
            stroke=colours.page,
        ),
        layer("text", text, [{"filter": "datum.count > 0"}], fontSize=10 if small else 12),
        {
            "name": "cells",
            **layer(
                "rect",
                cell | {"strokeWidth": chosen, "tooltip": tooltip},
                fill="transparent",
                stroke=colours.text,
                cursor="pointer",
                aria=True,  # each can be chosen
            ),
        },
    ]
    spec = chart(rows, layers, height)
    spec["params"] = [
        {
            "name": "cell",
            "select": {"type": "point", "fields": ["t", "p"], "toggle": False},
            "views": ["cells"],
        }
    ]
    spec["resolve"] = {"scale": {"color": "independent"}}
    return spec


def reliability(rows: Sequence[Row], colours: Colours, height: int) -> Spec:
    """Draw rows with from, to, images, confidence, accuracy: on the diagonal words are true."""

    def share(field: str, title: str) -> Spec:
        return {
            "field": field,
            "type": "quantitative",
            "scale": {"domain": [0, 1]},
            "axis": {"title": title, "format": PER_CENT, "tickCount": 6},
        }

    x, y = share("confidence", "what the model says"), share("accuracy", "how often it is right")
    tooltip = [
        {"field": "images", "type": "quantitative"},
        {"field": "confidence", "type": "quantitative", "format": FINE_PER_CENT},
        {"field": "accuracy", "type": "quantitative", "format": FINE_PER_CENT},
    ]
    size = {
        "field": "images",
        "type": "quantitative",
        "scale": {"type": "sqrt", "domainMin": 0, "range": [20, 420]},
        "legend": None,
    }
    diagonal = {
        "x": {"datum": 0, "type": "quantitative", "scale": {"domain": [0, 1]}},
        "y": {"datum": 0, "type": "quantitative", "scale": {"domain": [0, 1]}},
        "x2": {"datum": 1},
        "y2": {"datum": 1},
    }
    layers = [
        layer("rule", diagonal, color=colours.quiet, strokeDash=[4, 4]),
        layer(
            "rule",
            {"x": x, "y": y, "y2": {"field": "confidence"}},
            color=colours.accent,
            opacity=0.55,
            strokeWidth=2,
        ),
        layer(
            "point",
            {"x": x, "y": y, "size": size, "tooltip": tooltip},
            color=colours.accent,
            filled=True,
            opacity=0.9,
        ),
    ]
    return chart(rows, layers, height)


def calibration(rows: Sequence[Row], colours: Colours, *, measure: str, height: int) -> Spec:
    """Draw rows with model, labels, segment, kind, value, end (text or None).

    Kinds are calibrated and before, whose lines end with their segment, and change, a mark.
    """
    error = measure == "ECE"
    y = {
        "field": "value",
        "type": "quantitative",
        "scale": {"domainMin": 0, "nice": True},
        "axis": {
            "title": "calibration error" if error else "negative log-likelihood, nats",
            "format": PER_CENT if error else ".1f",
            "tickCount": 5,
        },
    }
    x = {
        "field": "labels",
        "type": "quantitative",
        "scale": {"zero": False, "nice": False, "padding": 12},
        "axis": {"title": "labels", "tickMinStep": 1, "grid": False, "tickCount": 6},
    }
    tooltip = [
        {"field": "model", "type": "quantitative"},
        {"field": "labels", "type": "quantitative"},
        {"field": "kind", "type": "nominal", "title": "probabilities"},
        {
            "field": "value",
            "type": "quantitative",
            "title": measure,
            "format": FINE_PER_CENT if error else ".3f",
        },
    ]
    line = {"x": x, "y": y, "detail": {"field": "segment", "type": "nominal"}}
    layers = mark(x, "kind", "change", colours.quiet, [1, 0], "left")
    for kind, colour, dash in (
        ("before", colours.random, [5, 4]),
        ("calibrated", colours.accent, [1, 0]),
    ):
        mine = [{"filter": f"datum.kind === '{kind}'"}]
        end = [*mine, {"filter": "datum.end !== null"}]
        layers += [
            layer("line", line, mine, color=colour, strokeDash=dash, strokeWidth=2),
            layer(
                "point",
                {"x": x, "y": y, "tooltip": tooltip},
                mine,
                color=colour,
                filled=True,
                size=36,
                opacity=1,
            ),
            end_label(x, y, end, colour, f"{PHONE} ? -12 : 0"),
        ]
    spec = chart(rows, layers, height)
    sides = f"{{left: 4, top: {room_for_marks(rows)}, bottom: 4, right: {PHONE} ? 12 : 92}}"
    return spec | {"padding": {"expr": sides}}
