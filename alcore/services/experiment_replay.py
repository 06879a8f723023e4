"""Owns replaying: a run computed again from its record, and compared with it bit for bit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alcore.config import precision
from alcore.errors import InvalidSettings
from alcore.experiments.chain import Run, compute
from alcore.experiments.design import Cell
from alcore.experiments.options import unknown
from alcore.experiments.replaying import differences, other_versions
from alcore.experiments.results import StoredRun
from alcore.services.experiments import design_of
from alcore.store import Store, experiments
from alcore.workers.engines import Engine, open_engine


@dataclass(frozen=True)
class Replayed:
    """A run that was computed again."""

    strategy: str
    setting: str
    trial: int
    """From 1."""
    rounds: int
    """That were computed again; no more after the first that differs."""
    differences: tuple[str, ...]
    """What differs in that one; empty where all are the same."""
    versions: tuple[str, ...]
    """What has another version now than when the record was made."""


def replay(
    store: Store, name: str, strategy: str = "", trial: int = 0, every: bool = False
) -> Iterator[Replayed]:
    """Compute runs again, in a process of its own with one thread, as sweeps do.

    The first run with finished rounds, of this strategy and trial (from 1) if they are given; or
    `every` such run. Nothing is stored. Raises InvalidSettings where there is none, and where
    the environment asks for another arithmetic than that of the record.
    """
    with store.read() as connection:
        experiment = experiments.named(connection, name)
        stored = experiments.runs(connection, experiment.id)
    cells = {cell.key: cell for cell in design_of(experiment).cells}
    fitting = _fitting(name, stored, cells, strategy, trial)
    for run in fitting:
        _check_arithmetic(name, Run.from_json(run.spec))
    folder = str(store.workspace.experiments)
    engine = open_engine("process", 1)
    try:
        for run in fitting if every else fitting[:1]:
            yield _replayed(store, engine, run, cells[run.cell], folder)
    finally:
        engine.close()


def _fitting(
    name: str, stored: Sequence[StoredRun], cells: Mapping[str, Cell], strategy: str, trial: int
) -> list[StoredRun]:
    """Choose the runs with finished rounds, of a strategy or trial where these are named."""
    titles = {cell.strategy.title for cell in cells.values()}
    if strategy and strategy not in titles:
        raise unknown("strategy in this experiment", strategy, sorted(titles))
    fitting = [
        run
        for run in stored
        if run.finished
        and strategy in ("", cells[run.cell].strategy.title)
        and trial in (0, run.trial + 1)
    ]
    if not fitting:
        raise InvalidSettings(
            f"the experiment {name!r} has no finished round of such a run; run it first, or ask "
            "for another strategy or trial"
        )
    return fitting


def _replayed(store: Store, engine: Engine, run: StoredRun, cell: Cell, folder: str) -> Replayed:
    """Compute one run again, up to the first round that differs."""
    with store.read() as connection:
        records = experiments.rounds(connection, run.id)
    before: list[Any] = []
    different: list[str] = []
    versions: list[str] = []
    for record in records:
        again = engine.submit(compute, run.spec, before, folder).result()
        before.append(again.arrays)
        versions = other_versions(record, again)
        different = [f"round {record.number}: {d}" for d in differences(record, again)]
        if different:
            break
    return Replayed(
        cell.strategy.title, cell.setting, run.trial + 1, len(before),
        tuple(different), tuple(versions),
    )  # fmt: skip


def _check_arithmetic(name: str, run: Run) -> None:
    """Refuse to call runs of different arithmetic the same, or not the same."""
    asked = precision()
    if run.cell.learner.own and asked not in ("auto", run.precision):
        raise InvalidSettings(
            f"the runs of {name!r} were computed in {run.precision}, but ALCORE_PRECISION asks for "
            f"{asked}; results of different arithmetic are never the same bit for bit, so there is "
            f"nothing to compare: set it to auto or {run.precision}"
        )
