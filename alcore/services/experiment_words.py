"""Owns how comparisons are said: the sentences and tables that page and reports share, as text.

Accuracies 0–1 in what is given, percent in what is said; differences in points.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime

from alcore import __version__
from alcore.experiments.analysis import Setting, StrategyRow
from alcore.experiments.curves import Saving
from alcore.services.experiment_findings import Findings, say_counted

ONE_TRIAL = "one trial: no interval"
HOW_TO_READ = (
    "Within a trial all strategies start from the same labels, weights, minibatch order and "
    "holdout. Bands and intervals are 95 %, over trials. Areas are mean accuracies over the curve, "
    "log areas the same over the logarithm of labels. A label saving of 2 means half the labels "
    "for what the baseline reaches at the end; the column beside it is for the highest round "
    "accuracy that the baseline reaches. An interval from 0.00 says that in some resamples the "
    "strategy never got there. p values are Wilcoxon's, corrected for the number of strategies "
    "after Holm. Penalty: the share of comparisons along the curve that a strategy lost."
)


def about(findings: Findings) -> list[str]:
    """Return the paragraphs that come before the figures of a report."""
    design = findings.design
    holdouts = sorted({row["holdout"] for row in findings.rounds})
    return [
        f"{len(design.strategies)} strategies, {design.trials} trials, budget {design.budget:,} "
        f"labels, {len(findings.rounds):,} of {design.trainings:,} trainings done, "
        f"{findings.hours:.2f} hours of computing. Seed {design.seed}. alcore {__version__}, "
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC.",
        HOW_TO_READ,
        *(say_counted(count) for count in holdouts),
    ]


def say_saving(saved: Saving | None) -> str:
    """Say a label-saving factor as people read it.

    >>> say_saving(None)
    'baseline'
    """
    if saved is None:
        return "baseline"
    if saved.factor is None:
        return "neither got there"
    sign = {"exact": "", "at least": "≥ ", "at most": "≤ "}[saved.bound]
    return f"{sign}{saved.factor:.2f} ({_between(saved.low, saved.high, '.2f', ' to ')})"


def say_trials(setting: Setting) -> str:
    """Say how many trials are complete, and the smallest difference that they would show."""
    if setting.trials == 1:
        return "1 complete trial: intervals, p values and penalties need two at least."
    if setting.smallest_visible is None:
        return f"{setting.trials} complete trials."
    return (
        f"{setting.trials} complete trials; they show differences in area from about "
        f"{100 * setting.smallest_visible:.1f} points on, four times out of five."
    )


def _between(
    low: float | None, high: float | None, form: str, sign: str = "–", factor: float = 1
) -> str:
    """Say an interval, or why there is none.

    >>> _between(0.5, math.inf, ".1f"), _between(None, None, ".1f")
    ('0.5–∞', 'one trial: no interval')
    """
    if low is None or high is None:
        return ONE_TRIAL
    return sign.join("∞" if math.isinf(x) else format(factor * x, form) for x in (low, high))


def earlier(setting: Setting, row: StrategyRow) -> dict[str, str]:
    """Return a strategy's label saving at the setting's goal, under its title; empty for none."""
    return {} if setting.goal is None else {f"at {setting.goal:.0%}": say_saving(row.earlier)}


def compared(setting: Setting) -> list[dict[str, str]]:
    """Return one row per strategy, best first; none while no trial is complete."""
    tests = {test.first: test for test in setting.tests}
    rows = []
    for row in setting.rows:
        test = tests.get(row.strategy)
        points = p = "–"
        if test is not None:
            between = _between(test.low, test.high, "+.2f", " to ", 100)
            points = f"{100 * test.difference:+.2f} ({between})"
            p = f"{test.holm:.3f}" if test.trials > 1 else "–"
        rows.append(
            {
                "strategy": row.strategy,
                "area (95 %)": f"{row.area:.1%} ({_between(row.area_low, row.area_high, '.1%')})",
                "log area": f"{row.area_log:.1%}",
                "final": f"{row.final:.1%}",
                "label saving": say_saving(row.saving),
                **earlier(setting, row),
                f"area over {setting.baseline}": points,
                "p (Holm)": p,
                "mean rank": f"{row.rank:.1f}",
                "penalty": f"{row.penalty:.2f}" if row.trials > 1 else "–",
            }
        )
    return rows


def to_reach(setting: Setting) -> list[dict[str, str]]:
    """Return the labels at which each strategy reaches round accuracies; none without any."""
    if not setting.rows or not setting.rows[0].targets:
        return []
    return [
        {"labels to reach": row.strategy}
        | {f"{t:.0%}": "–" if n is None else f"{n:,.0f}" for t, n in row.targets.items()}
        for row in setting.rows
    ]
