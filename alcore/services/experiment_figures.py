"""Owns the figures of experiments: Altair charts for the page, SVG and PNG files for papers.

Accuracies 0–1 in the data, percent on the axes; human time in minutes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import cycle
from typing import TYPE_CHECKING, Any

from alcore.experiments.analysis import Setting

if TYPE_CHECKING:
    import altair

RANDOM = {False: "#7a7f8e", True: "#9aa0b0"}
"""Random labeling on a light and on a dark page, here as on the dashboard."""
COLOURS = {
    False: (
        "#3f4fbf", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#bb5566", "#004488",
        "#ddaa33", "#117733", "#882255",
    ),
    True: (
        "#8b9aff", "#ee6677", "#4fb862", "#ccbb44", "#66ccee", "#d46aa6", "#d98a97", "#5b9bd5",
        "#ddaa33", "#44aa77", "#c0608a",
    ),
}  # fmt: skip
"""Of strategies on a light and on a dark page; the first is the dashboard's for the live curve.
Told apart by people who see colours differently, after Paul Tol, those too near to a dark page
made lighter; then from the beginning."""
CELLS = {False: ("#f7fbff", "#08306b"), True: ("#1a1d29", "#a2aef2")}
"""Of shares 0 and 1."""
WIDTH, HEIGHT = 560, 340


def charts(setting: Setting) -> Iterator[tuple[str, altair.TopLevelMixin]]:
    """Yield the figures that a report has of a setting, each with what it is called in files."""
    if setting.curve:
        yield "curves by labels", curves(setting)
        yield "curves by minutes", curves(setting, by_minutes=True)
    if setting.trials > 1 and setting.tests:
        yield "differences", differences(setting)
        yield "penalties", penalties(setting)


def file_name(number: int, kind: str, suffix: str) -> str:
    """Name the file of a figure; settings are numbered from 1."""
    return f"{number:02d} {kind}.{suffix}"


def _scale(strategies: Sequence[str], dark: bool) -> altair.Scale:
    import altair

    others = [name for name in strategies if name != "random"]
    colours = dict(zip(others, cycle(COLOURS[dark]), strict=False))
    names = list(strategies)
    return altair.Scale(domain=names, range=[colours.get(name, RANDOM[dark]) for name in names])


def curves(setting: Setting, by_minutes: bool = False, *, dark: bool = False) -> altair.LayerChart:
    """Draw mean accuracy against labels, or human minutes, with the 95 % band of the mean."""
    import altair

    rows = [asdict(row) for row in setting.curve]
    across = "minutes" if by_minutes else "labels"
    title = "human minutes" if by_minutes else "labels"
    # Where a point is of one trial, it has no interval.
    lows = [row["mean"] if row["low"] is None else row["low"] for row in rows]
    highs = [row["mean"] if row["high"] is None else row["high"] for row in rows]
    low, high = min(lows, default=0.0), max(highs, default=1.0)
    room = 0.05 * max(0.01, high - low)
    ends = altair.Scale(domain=[max(0.0, low - room), min(1.0, high + room)], nice=False)
    columns = altair.ExprRef("width < 450 ? 1 : 4")  # names shall not be cut on a phone
    base = altair.Chart(altair.Data(values=rows)).encode(
        x=altair.X(
            f"{across}:Q",
            title=title,
            scale=altair.Scale(zero=False, nice=False),
            axis=altair.Axis(tickCount=6),
        ),
        color=altair.Color(
            "strategy:N",
            scale=_scale(setting.strategies, dark),
            legend=altair.Legend(
                title=None, orient="bottom", columns=columns, labelLimit=260, symbolOpacity=1
            ),
        ),
    )
    percent = altair.Axis(format=".0%")
    band = base.mark_area(opacity=0.15).encode(
        y=altair.Y("low:Q", title="accuracy", axis=percent, scale=ends), y2="high:Q"
    )
    line = base.mark_line(strokeWidth=2, point=altair.OverlayMarkDef(size=24)).encode(
        y=altair.Y("mean:Q", title="accuracy", axis=percent, scale=ends),
        tooltip=[
            altair.Tooltip("strategy:N"),
            altair.Tooltip("labels:Q"),
            altair.Tooltip("minutes:Q", format=".1f"),
            altair.Tooltip("mean:Q", title="accuracy", format=".1%"),
            altair.Tooltip("trials:Q"),
        ],
    )
    return (band + line).properties(width=WIDTH, height=HEIGHT)


def differences(setting: Setting, *, dark: bool = False) -> altair.LayerChart:
    """Draw each strategy's area less the baseline's, in points, with its 95 % interval."""
    import altair

    rows: list[dict[str, Any]] = [
        {
            "strategy": test.first,
            "difference": 100 * test.difference,
            "low": 100 * test.low,
            "high": 100 * test.high,
        }
        for test in setting.tests
        if test.low is not None and test.high is not None
    ]
    order = [row["strategy"] for row in sorted(rows, key=lambda row: -row["difference"])]
    title = f"points of area under the curve over {setting.baseline}"
    base = altair.Chart(altair.Data(values=rows)).encode(
        y=altair.Y("strategy:N", title=None, sort=order, axis=altair.Axis(labelLimit=260)),
        color=altair.Color("strategy:N", scale=_scale(setting.strategies, dark), legend=None),
    )
    zero = (
        altair.Chart(altair.Data(values=[{"zero": 0}]))
        .mark_rule(strokeDash=[4, 4], color="#888888")
        .encode(x="zero:Q")
    )
    points = altair.X("low:Q", title=title, axis=altair.Axis(tickCount=7))
    line = base.mark_rule(strokeWidth=2).encode(x=points, x2="high:Q")
    dot = base.mark_point(filled=True, size=70, opacity=1).encode(x="difference:Q")
    return (zero + line + dot).properties(width=WIDTH, height=altair.Step(24))


def penalties(setting: Setting, *, dark: bool = False) -> altair.LayerChart:
    """Draw the penalty matrix: how often the row beat the column."""
    import altair

    rows = [
        {"winner": first, "loser": second, "share": float(setting.penalties[i, j])}
        for i, first in enumerate(setting.strategies)
        for j, second in enumerate(setting.strategies)
    ]
    order = list(setting.strategies)
    base = altair.Chart(altair.Data(values=rows)).encode(
        x=altair.X("loser:N", sort=order, title="was beaten", axis=altair.Axis(labelAngle=-40)),
        y=altair.Y("winner:N", sort=order, title="beat"),
    )
    cells = base.mark_rect().encode(
        color=altair.Color(
            "share:Q", scale=altair.Scale(range=list(CELLS[dark]), domain=[0, 1]), legend=None
        )
    )
    words = base.mark_text(fontSize=11).encode(
        text=altair.Text("share:Q", format=".2f"),
        color=altair.condition(
            "datum.share > 0.5" if not dark else "datum.share < 0.5",
            altair.value("white"),
            altair.value("black"),
        ),
    )
    side = altair.Step(44)
    return (cells + words).properties(width=side, height=side)


def svg(chart: altair.TopLevelMixin) -> str:
    """Return a chart as SVG text."""
    import vl_convert

    return vl_convert.vegalite_to_svg(_plain(chart))


def png(chart: altair.TopLevelMixin, scale: float = 2.0) -> bytes:
    """Return a chart as PNG."""
    import vl_convert

    return vl_convert.vegalite_to_png(_plain(chart), scale=scale)


def _plain(chart: altair.TopLevelMixin) -> dict[str, Any]:
    return chart.configure(font="sans-serif", background="white").to_dict()
