"""Owns the estimates of how long an experiment takes, from rounds of its own. Seconds.

A round is taken to last the longer the more labels it has, in a straight line: `estimate` asks a
few rounds before the start, `seconds_left` those that are done.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from alcore.config import precision
from alcore.experiments.chain import Run, compute
from alcore.experiments.design import Cell, Design, StrategySpec
from alcore.experiments.results import Arrays, Done, Point, StoredRun
from alcore.workers.engines import Engine


@dataclass(frozen=True)
class Estimate:
    """What an experiment is likely to take."""

    trainings: int
    seconds: float
    """With the engine's workers."""
    workers: int
    measured: int
    """Rounds that were run for this."""


def estimate(design: Design, engine: Engine, folder: Path, most: float) -> Estimate:
    """Time each data set with each learner at the first and the last labels, then strategies.

    Timed is what a clock on the wall shows while all workers compute, as they will: side by side
    they are slower than alone. What they need to load comes once. After about `most` seconds the
    strategies that were not timed count as much as the mean of the others.
    """
    until = time.monotonic() + most
    settings: dict[tuple[str, str], list[Cell]] = {}
    for cell in design.cells:
        settings.setdefault((cell.data.title, cell.learner.title), []).append(cell)
    watch = _Watch(design, engine, folder)
    first = design.cells[0]
    total = max(0.0, watch.batch(first) - watch.batch(first))
    for cells in settings.values():
        plain = cells[0]
        start = watch.pace(plain)
        end = watch.pace_at_the_end(plain) if design.budget > plain.initial.size else start
        slope = (end - start) / max(1, design.budget - plain.initial.size)
        own: dict[str, float] = {plain.strategy.title: start}
        for cell in cells:
            name = cell.strategy.title
            if name not in own and time.monotonic() < until:
                own[name] = watch.pace(cell)
        mean = float(np.mean(list(own.values())))
        for cell in cells:
            rounds = np.arange(cell.rounds(design.budget))
            grown = np.minimum(rounds * cell.batch_size, design.budget - cell.initial.size)
            base = own.get(cell.strategy.title, mean)
            total += design.trials * float(np.maximum(0.0, base + slope * grown).sum())
    return Estimate(design.trainings, total, engine.workers, watch.measured)


def seconds_left(
    design: Design, points: Sequence[Point], runs: Sequence[StoredRun]
) -> dict[str, float | None]:
    """Estimate the seconds of computing that each cell has left, by key, from finished rounds.

    How much a round's time grows from one to the next is common to the cells of a data set with a
    learner, as it is the training that grows; each strategy has its own start. A cell without a
    finished round counts as the mean of the others of its setting, else of all; None where no
    round of the experiment is done.
    """
    spent: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for point in points:
        spent[point.cell].append((point.number, point.seconds))
    settings: dict[tuple[str, str], list[str]] = defaultdict(list)
    for cell in design.cells:
        settings[cell.data.title, cell.learner.title].append(cell.key)
    outstanding: dict[str, list[int]] = defaultdict(list)
    for run in runs:
        if run.error is None:
            outstanding[run.cell] += range(run.finished + 1, run.planned + 1)
    left: dict[str, float | None] = {}
    for keys in settings.values():
        siblings = {key: spent[key] for key in keys if spent[key]} or dict(spent)
        slope = _common_slope(siblings)
        starts = {
            key: float(np.mean([seconds - slope * number for number, seconds in rounds]))
            for key, rounds in siblings.items()
            if rounds
        }
        for key in keys:
            numbers = outstanding[key]
            if not numbers:
                left[key] = 0.0
            elif not starts:
                left[key] = None
            else:
                start = starts.get(key, float(np.mean(list(starts.values()))))
                left[key] = sum(max(0.0, start + slope * number) for number in numbers)
    return left


def _common_slope(rounds: Mapping[str, Sequence[tuple[int, float]]]) -> float:
    """Return the seconds that a round takes more than the one before, by least squares in cells.

    Not below 0: where the first rounds took longest they had something to load.
    """
    together, alone = 0.0, 0.0
    for pairs in rounds.values():
        if pairs:
            numbers, seconds = np.asarray(pairs, np.float64).T
            centred = numbers - numbers.mean()
            together += float(centred @ seconds)
            alone += float(centred @ centred)
    return max(0.0, together / alone) if alone else 0.0


class _Watch:
    """Times rounds while as many are computed side by side as there will be."""

    def __init__(self, design: Design, engine: Engine, folder: Path) -> None:
        self._design, self._engine, self._folder = design, engine, folder
        self._abreast = min(engine.workers, design.trials * len(design.cells))
        self.measured = 0

    def pace(self, cell: Cell) -> float:
        """Return the seconds between two rounds that are done, at a cell's first labels."""
        return self.batch(cell) / self._abreast

    def pace_at_the_end(self, cell: Cell) -> float:
        """Return the same with the whole budget: a batch of all that it allows, at random."""
        size = self._design.budget - cell.initial.size
        whole = replace(cell, batch_size=size, strategy=StrategySpec("random"))
        before = self._submit(whole, []).result().arrays
        self.measured += 1
        return self.batch(whole, [before]) / self._abreast

    def batch(self, cell: Cell, before: Sequence[Arrays] = ()) -> float:
        """Return the seconds until as many rounds as run side by side are done."""
        start = time.monotonic()
        for future in [self._submit(cell, before) for _ in range(self._abreast)]:
            future.result()
        self.measured += self._abreast
        return time.monotonic() - start

    def _submit(self, cell: Cell, before: Sequence[Arrays]) -> Future[Done]:
        design = self._design
        arithmetic = design.precision or precision()
        run = Run(cell, 0, design.seed, design.budget, precision=arithmetic)
        return self._engine.submit(compute, run.to_json(), list(before), str(self._folder))
