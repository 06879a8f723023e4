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
    name,
    number,
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
        name("class"),
        number("recall", form=FINE_PER_CENT),
        number("precision", form=FINE_PER_CENT),
        number("holdout", "holdout images"),
        number("labels", "training labels"),
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
        name("name", "value"),
        number("accuracy", form=FINE_PER_CENT),
        number("low", "from", form=FINE_PER_CENT),
        number("high", "to", form=FINE_PER_CENT),
        number("images", "holdout images"),
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
    cell = _cell_axes(names)
    right, wrong = [{"filter": "datum.t === datum.p"}], [{"filter": "datum.t !== datum.p"}]
    greys = cell | {"color": _shade([0, 1], colours.greys, 1)}
    ends = (colours.sequence[0], colours.sequence[-1])
    strong = {"test": "datum.t !== datum.p && datum.share > 0.2", "value": colours.page}
    text = cell | {
        "text": number("count"),
        "color": {"condition": strong, "value": colours.text},
    }
    tooltip = [
        name("true"),
        name("predicted"),
        number("count", "images"),
        number("share", "of this class", form=FINE_PER_CENT),
    ]
    chosen = {"condition": {"param": "cell", "empty": False, "value": 2.5}, "value": 0}
    target = layer(
        "rect",
        cell | {"strokeWidth": chosen, "tooltip": tooltip},
        fill="transparent",
        stroke=colours.text,
        cursor="pointer",
        aria=True,  # each can be chosen
    )
    shades = cell | {"color": _shade([0, 0.5], ends, 0.5)}
    size = 10 if _is_small(names) else 12
    layers = [
        layer("rect", greys, right, stroke=colours.page),
        layer("rect", shades, wrong, stroke=colours.page),
        layer("text", text, [{"filter": "datum.count > 0"}], fontSize=size),
        {"name": "cells", **target},
    ]
    select = {"type": "point", "fields": ["t", "p"], "toggle": False}
    return chart(rows, layers, height) | {
        "params": [{"name": "cell", "select": select, "views": ["cells"]}],
        "resolve": {"scale": {"color": "independent"}},
    }


def _is_small(names: Sequence[str]) -> bool:
    """Tell whether the cells of a confusion matrix of these classes are."""
    return len(names) > 12


def _cell_axes(names: Sequence[str]) -> Spec:
    """Return where a cell lies: what the model said along, what is true down."""
    small = _is_small(names)
    labels = {"labelFontSize": 11 if small else 12, "labelLimit": 90, "ticks": False}
    angle = 0 if max(map(len, names)) <= 3 else -90 if small else -35
    place: Spec = {"sort": list(names), "scale": {"padding": 0}}
    along = {"axis": {"title": "predicted", "labelAngle": angle} | labels}
    down = {"axis": {"title": "true"} | labels}
    return {"x": name("predicted") | place | along, "y": name("true") | place | down}


def _shade(domain: list[float], colours: Sequence[str], power: float) -> Spec:
    """Return the colour of a cell by its share of the class."""
    scale = {"type": "pow", "exponent": power, "domain": domain, "range": list(colours)}
    return number("share") | {"scale": scale | {"clamp": True}, "legend": None}


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
        number("images"),
        number("confidence", form=FINE_PER_CENT),
        number("accuracy", form=FINE_PER_CENT),
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
        number("model"),
        number("labels"),
        name("kind", "probabilities"),
        number("value", measure, form=FINE_PER_CENT if error else ".3f"),
    ]
    line = {"x": x, "y": y, "detail": name("segment")}
    point = {"x": x, "y": y, "tooltip": tooltip}
    layers = mark(x, "kind", "change", colours.quiet, [1, 0], "left")
    for kind, colour, dash in (
        ("before", colours.random, [5, 4]),
        ("calibrated", colours.accent, [1, 0]),
    ):
        mine = [{"filter": f"datum.kind === '{kind}'"}]
        end = [*mine, {"filter": "datum.end !== null"}]
        layers += [
            layer("line", line, mine, color=colour, strokeDash=dash, strokeWidth=2),
            layer("point", point, mine, color=colour, filled=True, size=36, opacity=1),
            end_label(x, y, end, colour, f"{PHONE} ? -12 : 0"),
        ]
    spec = chart(rows, layers, height)
    sides = f"{{left: 4, top: {room_for_marks(rows)}, bottom: 4, right: {PHONE} ? 12 : 92}}"
    return spec | {"padding": {"expr": sides}}
