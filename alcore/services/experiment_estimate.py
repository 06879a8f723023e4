"""Owns the estimate of how long an experiment takes, from a few of its own rounds. Seconds."""

from __future__ import annotations

import time
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from alcore.config import precision
from alcore.experiments.chain import Run, compute
from alcore.experiments.design import Cell, Design, StrategySpec
from alcore.experiments.results import Arrays, Done
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

    A round's time is taken to grow in a straight line with its labels. After about `most`
    seconds the strategies that were not timed count as much as the mean of the others.
    """
    until = time.monotonic() + most
    settings: dict[tuple[str, str], list[Cell]] = {}
    for cell in design.cells:
        settings.setdefault((cell.data.title, cell.learner.title), []).append(cell)
    # Once for nothing: the first round of a process also loads libraries and data.
    _first(design, engine, design.cells[0], folder).result()
    measured, total = 1, 0.0
    for cells in settings.values():
        plain = cells[0]
        start = _first(design, engine, plain, folder).result()
        measured += 1
        end = start
        if design.budget > plain.initial.size:
            end = _last(design, engine, plain, folder).result()
            measured += 1
        slope = (end.seconds - start.seconds) / max(1, design.budget - plain.initial.size)
        own: dict[str, float] = {plain.strategy.title: start.seconds}
        for cell in cells:
            name = cell.strategy.title
            if name not in own and time.monotonic() < until:
                own[name] = _first(design, engine, cell, folder).result().seconds
                measured += 1
        mean = float(np.mean(list(own.values())))
        for cell in cells:
            rounds = np.arange(cell.rounds(design.budget))
            grown = np.minimum(rounds * cell.batch_size, design.budget - cell.initial.size)
            base = own.get(cell.strategy.title, mean)
            total += design.trials * float(np.maximum(0.0, base + slope * grown).sum())
    return Estimate(design.trainings, total / engine.workers, engine.workers, measured)


def _first(design: Design, engine: Engine, cell: Cell, folder: Path) -> Future[Done]:
    return engine.submit(compute, _run(design, cell).to_json(), [], str(folder))


def _last(design: Design, engine: Engine, cell: Cell, folder: Path) -> Future[Done]:
    """Train on the whole budget at once: a batch of all that it allows, drawn at random."""
    size = design.budget - cell.initial.size
    whole = replace(cell, batch_size=size, strategy=StrategySpec("random"))
    before: list[Arrays] = [_first(design, engine, whole, folder).result().arrays]
    return engine.submit(compute, _run(design, whole).to_json(), before, str(folder))


def _run(design: Design, cell: Cell) -> Run:
    arithmetic = design.precision or precision()
    return Run(cell, 0, design.seed, design.budget, precision=arithmetic)
