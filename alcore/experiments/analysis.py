"""Owns what an experiment says: its rounds sorted into settings, and the figures of each.

A setting is all but the strategy: strategies are compared within one, on the same trials.
S strategies, R trials, T points of a curve. Accuracies 0–1, human time in minutes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from alcore.experiments import comparing, curves
from alcore.experiments.comparing import PairedTest
from alcore.experiments.curves import Saving
from alcore.experiments.design import Cell, Design
from alcore.experiments.results import Point


@dataclass(frozen=True)
class CurveRow:
    """One point of a strategy's mean curve, with the 95 % interval of the mean."""

    strategy: str
    labels: int
    minutes: float
    mean: float
    low: float | None
    high: float | None
    """None for one trial."""
    trials: int


@dataclass(frozen=True)
class StrategyRow:
    """A strategy's figures within a setting; intervals are those of the mean over trials.

    One trial has no interval.
    """

    strategy: str
    trials: int
    area: float
    area_low: float | None
    area_high: float | None
    area_log: float
    """Over the logarithm of labels: early labels count more."""
    final: float
    rank: float
    penalty: float
    """Share of comparisons that it lost at 5 %, over the curve and the other strategies."""
    saving: Saving | None
    """Against the baseline, for what the baseline reaches at the end; None for itself."""
    earlier: Saving | None
    """The same for the setting's `goal`; None for the baseline, or without a goal."""
    targets: Mapping[float, float | None]
    """Labels at which the mean curve reaches each target; None where it never does."""
    seconds: float
    """Mean computing time of a round."""


@dataclass(frozen=True)
class Setting:
    """One setting and what is known of it so far."""

    name: str
    baseline: str
    strategies: tuple[str, ...]
    curve: tuple[CurveRow, ...]
    """Of all rounds that there are, also of unfinished runs."""
    rows: tuple[StrategyRow, ...]
    """Of complete trials only: those that all strategies have finished. Best first."""
    tests: tuple[PairedTest, ...]
    """On the area under the curve, each strategy against the baseline."""
    penalties: np.ndarray
    """(S, S), in the order of `strategies`: the share of points at which the row beat the
    column."""
    trials: int
    """Complete ones."""
    warning: str
    """Why the trials are too few to conclude anything; empty where they are not."""
    smallest_visible: float | None
    """Difference in area that so many trials would show in four of five studies."""
    goal: float | None = None
    """The highest round accuracy that the baseline's mean curve reaches; None for none."""


def settings(design: Design, points: Sequence[Point], seed: int = 0) -> list[Setting]:
    """Sort the rounds of an experiment into settings and compare the strategies in each."""
    by_run: dict[tuple[str, int], list[Point]] = defaultdict(list)
    for point in points:
        by_run[point.cell, point.trial].append(point)
    groups: dict[str, list[Cell]] = defaultdict(list)
    for cell in design.cells:
        groups[cell.setting].append(cell)
    return [_setting(name, cells, design, by_run, seed) for name, cells in groups.items()]


def _setting(
    name: str,
    cells: Sequence[Cell],
    design: Design,
    by_run: Mapping[tuple[str, int], list[Point]],
    seed: int,
) -> Setting:
    titles = tuple(cell.strategy.title for cell in cells)
    ends = {
        (cell.key, trial): [p.labels for p in by_run.get((cell.key, trial), ())]
        for cell in cells
        for trial in range(design.trials)
    }
    rounds = cells[0].rounds(design.budget)
    whole = [
        trial
        for trial in range(design.trials)
        if all(len(ends[cell.key, trial]) == rounds for cell in cells)
    ]
    empty = Setting(
        name=name,
        baseline=design.against,
        strategies=titles,
        curve=tuple(row for cell in cells for row in _curve(cell, design.trials, by_run)),
        rows=(),
        tests=(),
        penalties=np.zeros((len(cells), len(cells))),
        trials=len(whole),
        warning=comparing.power_warning(len(whole), len(cells) - 1) if len(cells) > 1 else "",
        smallest_visible=None,
    )
    if not whole:
        return empty
    # Where an oracle abstains, label counts may differ: all curves are read at those of one run.
    every = [ends[cell.key, trial] for cell in cells for trial in whole]
    first, last = max(labels[0] for labels in every), min(labels[-1] for labels in every)
    labels = np.array([n for n in every[0] if first <= n <= last])
    if not len(labels):
        return empty
    runs = [[by_run[cell.key, trial] for trial in whole] for cell in cells]
    values = np.array([[_accuracies(run, labels) for run in of_cell] for of_cell in runs])
    seconds = [float(np.mean([p.seconds for run in of_cell for p in run])) for of_cell in runs]
    return _compared(empty, labels, values, seconds, seed)


def _accuracies(run: Sequence[Point], labels: np.ndarray) -> np.ndarray:
    """Read a run's curve at numbers of labels, between its rounds too."""
    return np.interp(labels, [p.labels for p in run], [p.accuracy for p in run])


def _compared(
    setting: Setting, labels: np.ndarray, values: np.ndarray, seconds: Sequence[float], seed: int
) -> Setting:
    """Add what complete trials say: values (strategies, trials, labels), seconds of a round."""
    areas = np.array([curves.areas(labels, v) for v in values])
    logs = np.array([curves.areas(labels, v, log=True) for v in values])
    ranks = comparing.mean_rank(areas)
    matrix = comparing.penalty_matrix(values)
    base = setting.strategies.index(setting.baseline)
    targets = _targets(values)
    ours = values[base].mean(axis=0)
    reached = [t for t in targets if curves.labels_to_target(labels, ours, t) is not None]
    goal = max(reached, default=None)

    def saved(i: int, target: float | None) -> Saving:
        rng = np.random.default_rng(seed)
        return curves.saving(labels, values[base], values[i], rng, target)

    rows = []
    for i, title in enumerate(setting.strategies):
        middle, low, high = _interval(areas[i])
        mean = values[i].mean(axis=0)
        rows.append(
            StrategyRow(
                strategy=title,
                trials=setting.trials,
                area=middle,
                area_low=low,
                area_high=high,
                area_log=float(logs[i].mean()),
                final=float(mean[-1]),
                rank=float(ranks[i]),
                penalty=float(matrix[:, i].sum() / max(1, len(setting.strategies) - 1)),
                saving=None if i == base else saved(i, None),
                earlier=None if i == base or goal is None else saved(i, goal),
                targets={t: curves.labels_to_target(labels, mean, t) for t in targets},
                seconds=seconds[i],
            )
        )
    return replace(
        setting,
        rows=tuple(sorted(rows, key=lambda row: -row.area)),
        tests=tuple(comparing.compare(setting.strategies, areas, setting.baseline)),
        penalties=matrix,
        smallest_visible=comparing.smallest_visible(areas),
        goal=goal,
    )


def _targets(values: np.ndarray) -> list[float]:
    """Return round accuracies between where the mean curves begin and where the best one ends."""
    means = values.mean(axis=1)
    low, high = float(means[:, 0].min()), float(means.max())
    step = 0.05 if high - low < 0.35 else 0.1
    first = np.ceil(low / step + 1e-9)
    return [round(float(k * step), 2) for k in np.arange(first, np.floor(high / step) + 1)]


def _curve(
    cell: Cell, trials: int, by_run: Mapping[tuple[str, int], list[Point]]
) -> list[CurveRow]:
    rounds: dict[int, list[Point]] = defaultdict(list)
    for trial in range(trials):
        for point in by_run.get((cell.key, trial), ()):
            rounds[point.number].append(point)
    curve = []
    for _, points in sorted(rounds.items()):
        mean, low, high = _interval(np.array([p.accuracy for p in points]))
        curve.append(
            CurveRow(
                strategy=cell.strategy.title,
                labels=round(float(np.mean([p.labels for p in points]))),
                minutes=float(np.mean([p.minutes for p in points])),
                mean=mean,
                low=None if low is None else max(0.0, low),
                high=None if high is None else min(1.0, high),
                trials=len(points),
            )
        )
    return curve


def _interval(values: np.ndarray) -> tuple[float, float | None, float | None]:
    """Return the mean of values (R,) and its 95 % interval, None for one trial."""
    mean, low, high = (float(v[0]) for v in curves.band(values[:, None]))
    return (mean, low, high) if len(values) > 1 else (mean, None, None)
