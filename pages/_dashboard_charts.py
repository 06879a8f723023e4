"""Owns the charts about all models, the pool and the labels; no data is read or computed here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

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

_CLOCK = (
    "hours(datum.value) + minutes(datum.value) === 0"
    " ? timeFormat(datum.value, '%d %b') : timeFormat(datum.value, '%H:%M')"
)
_SAID = {
    "clock": _CLOCK,
    "day": "timeFormat(datum.value, '%d %b')",
    "month": "timeFormat(datum.value, '%b %Y')",
}
"""What is said at a mark on an axis of time."""


def _told_of_a_point(metric: str) -> list[Spec]:
    return [
        name("what", "curve"),
        number("labels", "labels"),
        number("minutes", "minutes", form=".1f"),
        number("value", metric, form=FINE_PER_CENT),
        number("low", "from", form=FINE_PER_CENT),
        number("high", "to", form=FINE_PER_CENT),
        number("trials", "trainings"),
    ]


def learning_curve(
    rows: Sequence[Row],
    colours: Colours,
    *,
    metric: str,
    axis: str,
    height: int,
) -> Spec:
    """Draw rows with series, segment, x, value, low, high, alone, end (text or None) and above.

    Lines end with their segment. `alone` marks the only point of a series in its segment, whose
    interval would have no area. Rows of the series "stop" and "change" have an x and an end only,
    the `row` of text that it stands in, and say in `what` what it means.
    """
    x = {
        "field": "x",
        "type": "quantitative",
        "scale": {"zero": False, "nice": False, "padding": 12},
        "axis": {"title": axis, "tickMinStep": 1, "format": ",~f", "grid": False, "tickCount": 6},
    }
    y = {
        "field": "value",
        "type": "quantitative",
        "scale": {"zero": False, "nice": True},
        "axis": {"title": f"{metric} on the holdout", "format": PER_CENT, "tickCount": 6},
    }
    layers = [
        *_series(x, y, "random", colours.random, strokeDash=[5, 4], strokeWidth=1.75),
        *_series(x, y, "live", colours.accent, strokeDash=[1, 0], strokeWidth=2.5),
        *mark(x, "series", "stop", colours.quiet, [2, 3], "right"),
        *mark(x, "series", "change", colours.quiet, [1, 0], "left"),
        # Invisible, but wide enough to be met by a pointer or a thumb.
        layer(
            "point",
            {"x": x, "y": y, "tooltip": _told_of_a_point(metric)},
            [{"filter": "datum.value !== null"}],
            size=320,
            opacity=0,
            filled=True,
        ),
    ]
    spec = chart(rows, layers, height)
    sides = f"{{left: 4, top: {room_for_marks(rows)}, bottom: 4, right: {PHONE} ? 12 : 112}}"
    return spec | {"padding": {"expr": sides}}


def _series(x: Spec, y: Spec, series: str, colour: str, **style: Any) -> list[Spec]:
    """Return the layers of one curve: band, line of that style, points, and its name at the end."""
    mine = [{"filter": f"datum.series === '{series}'"}]
    part = {"detail": name("segment")}
    band = {"x": x, "y": y | {"field": "low"}, "y2": {"field": "high"}}
    line = {"x": x, "y": y} | part
    layers = [
        layer("area", band | part, mine, color=colour, opacity=0.14),
        layer("rule", band, [*mine, {"filter": "datum.alone"}], color=colour),
        layer("line", line, mine, color=colour, **style),
        layer("point", {"x": x, "y": y}, mine, color=colour, filled=True, size=22, opacity=1),
    ]
    for above in (True, False):
        end = [*mine, {"filter": f"datum.end !== null && datum.above === {str(above).lower()}"}]
        below = "min(24, height - 6 - scale('y', datum.value))"  # never on the axis
        dy = f"{PHONE} ? {-16 if above else below} : {-7 if above else 8}"
        layers.append(end_label(x, y, end, colour, dy))
    return layers


def uncertainty(rows: Sequence[Row], colours: Colours, height: int) -> Spec:
    """Draw rows with model, labels, from, to, images, share: one column of shades per model."""
    cells = layer(
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
                number("labels"),
                number("from", "uncertainty from"),
                number("to"),
                number("images"),
                number("share", form=FINE_PER_CENT),
            ],
        },
    )
    return chart(rows, [cells], height)


def labels_per_class(rows: Sequence[Row], colours: Colours, names: Sequence[str]) -> Spec:
    """Draw rows with class, kind (training, holdout), labels, total (text or None), colour."""
    y = class_axis(names)
    x = {
        "field": "labels",
        "type": "quantitative",
        "axis": {"title": None, "tickMinStep": 1, "tickCount": 4, "orient": "top"},
        "stack": "zero",
    }
    layers = [
        layer(
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
                    name("class"),
                    name("kind", "for"),
                    number("labels"),
                ],
            },
            height={"band": 0.62},
        ),
        layer(
            "text",
            {
                "y": y,
                "x": number("total"),
                "text": number("total"),
            },
            [{"filter": "datum.total !== null"}],
            align="left",
            dx=6,
            color=colours.text,
        ),
    ]
    return chart(rows, layers, rows_height(len(names)), right=28)


@dataclass(frozen=True)
class TimeAxis:
    """An axis of time, in milliseconds."""

    stretch: str
    """How long a bar is, in words."""
    span: tuple[float, float]
    marks: Sequence[float]
    """The instants that are named."""
    said: str
    """How, by clock, day or month."""

    @property
    def spec(self) -> Spec:
        return {
            "field": "from",
            "type": "temporal",
            "bin": "binned",
            "scale": {"domain": list(self.span)},
            "axis": {
                "title": None,
                "grid": False,
                "labelExpr": _SAID[self.said],
                # As an expression: values as such are lost where no code may be made.
                "values": {"expr": str([int(at) for at in self.marks])},
                "labelOverlap": True,
            },
        }


def labels_over_time(
    rows: Sequence[Row], colours: Colours, names: Sequence[str], time: TimeAxis, height: int
) -> Spec:
    """Draw rows with from, to (milliseconds), annotator, labels as bars on top of each other."""
    steps = [colours.accent, colours.sequence[2], colours.random, colours.sequence[1]]
    bars = layer(
        "bar",
        {
            "x": time.spec,
            "x2": {"field": "to"},
            "y": {
                "field": "labels",
                "type": "quantitative",
                "stack": "zero",
                "axis": {"title": f"labels per {time.stretch}", "tickMinStep": 1, "tickCount": 5},
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
                name("annotator"),
                number("labels"),
            ],
        },
        binSpacing=1,
    )
    return chart(rows, [bars], height)
