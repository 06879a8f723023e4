"""Owns `alcore experiment …`: run, status, pause, resume, extend, replay, report."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click
from tqdm import tqdm

from alcore.config import HERE
from alcore.experiments.design import Design
from alcore.experiments.reading import read
from alcore.jobs import sweeping
from alcore.phrases import duration
from alcore.services import experiments
from alcore.store import Store
from alcore.terminal import json_option, with_store

T = TypeVar("T")

EXAMPLES = """\
\b
A grid is a small TOML file:
  name = "digits, margin or random"
  budget = 120                        # labels of each run
  trials = 10
  initial = [20]                      # or {size = 20, how = "balanced"}, "cold start", "TypiClust"
  batch_sizes = [10]
  strategies = ["random", "margin", {name = "mixed", share = 0.5}]
  [[datasets]]
  source = "digits"                   # or "shapes", "cifar10.zip", a folder, "project:NAME"
  long_tail = 10                      # also: items, holdout, duplicates, noise, resolution
  [[learners]]                        # the network, if none is named
  kind = "estimator"                  # also: network, features, auto, head
  estimator = "random forest"         # or a dotted name of scikit-learn's interface
  [[oracles]]                         # perfect, if none is named
  kind = "noise"                      # also: confusion, difficulty, abstaining, annotators
  rate = 0.1
"""


def _computing(command: Callable[..., T]) -> Callable[..., T]:
    """Add the options that say where rounds are computed."""
    workers = click.option(
        "--workers", type=int, default=os.cpu_count() or 1, help="Processes; one thread each."
    )
    engine = click.option(
        "--on",
        default=HERE,
        envvar="ALCORE_ON",
        metavar="ENGINE",
        help="process (default), or dask:tcp://HOST:PORT for a Dask scheduler.",
    )
    return workers(engine(command))


@click.group(epilog=EXAMPLES)
def experiment() -> None:
    """Compare strategies with a simulated oracle, over many paired trials."""


@experiment.command()
@click.argument("grid")
@click.option("--no-estimate", is_flag=True, help="Start without timing rounds first.")
@_computing
@with_store
def run(store: Store, grid: str, no_estimate: bool, workers: int, on: str) -> None:
    """Start a grid, or go on with it; Ctrl+C pauses.

    GRID is a TOML file, or the name of an experiment that is there.
    """
    if Path(grid).suffix != ".toml":
        _go_on(store, experiments.named(store, grid).name, workers, on)
        return
    there = experiments.create(store, read(Path(grid)), workers)
    if not no_estimate:
        _print_estimate(store, experiments.design_of(there), workers, on)
    _go_on(store, there.name, workers, on)


@experiment.command()
@click.argument("name")
@_computing
@with_store
def resume(store: Store, name: str, workers: int, on: str) -> None:
    """Go on with a paused or killed experiment."""
    _go_on(store, experiments.named(store, name).name, workers, on)


@experiment.command()
@click.argument("grid", type=click.Path(path_type=Path))
@_computing
@with_store
def check(store: Store, grid: Path, workers: int, on: str) -> None:
    """Check a grid and estimate how long it takes; nothing is run. GRID is a TOML file."""
    _print_estimate(store, experiments.checked(store, read(grid), workers), workers, on)


@experiment.command()
@click.argument("name")
@click.option("--strategy", multiple=True, help="One more strategy.")
@click.option("--trials", type=int, default=0, help="So many more trials.")
@_computing
@with_store
def extend(store: Store, name: str, strategy: Sequence[str], trials: int, **engine: Any) -> None:
    """Add strategies or trials; what is finished is not repeated."""
    if not strategy and not trials:
        raise click.UsageError("nothing to add; give --strategy NAME or --trials NUMBER")
    experiments.extend(store, name, list(strategy), trials, engine["workers"])
    if experiments.progress(store, name).running:
        print("added; the process that runs the experiment will do it too", file=sys.stderr)
        return
    _go_on(store, name, **engine)


@experiment.command()
@click.argument("name", required=False)
@json_option
@with_store
def status(store: Store, name: str | None, as_json: bool) -> None:
    """Show how far experiments are."""
    if name is None:
        for one in experiments.list_experiments(store):
            print(f"{one.name}: {_progress(experiments.progress(store, one.name))}")
        return
    now = experiments.progress(store, name)
    workers = os.cpu_count() or 1
    if as_json:
        print(json.dumps(_record(now, workers), indent=2))
        return
    print(f"{name}: {_progress(now)}")
    for c in now.cells:
        left = "" if not c.left else f", {duration(c.left / workers)} left"
        print(f"  {c.cell.setting} · {c.cell.strategy.title}: {c.finished}/{c.planned}{left}")
    for error in now.errors:
        print(f"  failed: {error}", file=sys.stderr)


def _record(now: experiments.Progress, workers: int) -> dict[str, Any]:
    return {
        "name": now.experiment.name,
        "state": _state(now),
        "finished": now.finished,
        "planned": now.planned,
        "failed runs": now.failed,
        "seconds left": now.left(workers),
        "errors": now.errors,
        "cells": [
            {
                "setting": c.cell.setting,
                "strategy": c.cell.strategy.title,
                "finished": c.finished,
                "planned": c.planned,
                "seconds left": None if c.left is None else c.left / workers,
            }
            for c in now.cells
        ],
    }


@experiment.command()
@click.argument("name")
@with_store
def pause(store: Store, name: str) -> None:
    """Stop after the rounds that are running."""
    heard = experiments.pause(store, name)
    words = "pausing after the rounds that are running" if heard else "it was not running"
    print(f"{name}: {words}", file=sys.stderr)


@experiment.command()
@click.argument("name")
@click.option("--strategy", default="", help="Of this strategy; by default the first.")
@click.option("--trial", type=int, default=0, help="Of this trial, from 1.")
@click.option("--all", "each", is_flag=True, help="All such runs, not only the first.")
@with_store
def replay(store: Store, name: str, strategy: str, trial: int, each: bool) -> None:
    """Compute a run again and compare it with its record, bit for bit."""
    from alcore.services import experiment_replay

    right = True
    for one in experiment_replay.replay(store, name, strategy, trial, each):
        what = f"{one.strategy} · {one.setting} · trial {one.trial}"
        if not one.differences:
            print(f"{what}: {one.rounds:,} rounds again, the same bit for bit")
            continue
        right = False
        print(f"{what}: not the same in {'; '.join(one.differences)}")
        if one.versions:
            print(f"  it was computed with {'; '.join(one.versions)}")
    if not right:
        click.get_current_context().exit(1)


@experiment.command()
@click.argument("name")
@click.option(
    "--out", type=click.Path(path_type=Path), help="Folder; by default named after the experiment."
)
@with_store
def report(store: Store, name: str, out: Path | None) -> None:
    """Write figures, tables and a page that can be sent."""
    from alcore.services import experiment_report

    for path in experiment_report.write(store, name, out or Path(f"{name} report")):
        print(path)


def _go_on(store: Store, name: str, workers: int, on: str) -> None:
    """Run what is not finished; fail where a run failed."""
    now = experiments.progress(store, name)
    with _stopping() as over, tqdm(
        total=now.planned, initial=now.finished, unit="round", disable=None
    ) as bar:  # fmt: skip
        done = sweeping.run(store, name, on, workers, over, bar.update)
    now = experiments.progress(store, name)
    for error in now.errors:
        print(f"failed: {error}", file=sys.stderr)
    print(f"{name}: {_progress(now)}")
    context = click.get_current_context()
    if not done:
        program = context.find_root().command_path
        print(f"go on with: {program} experiment resume {name!r}", file=sys.stderr)
    if now.failed:
        context.exit(1)


@contextmanager
def _stopping() -> Iterator[threading.Event]:
    """Let Ctrl+C and SIGTERM pause; a second one ends at once, and loses what is running."""
    over = threading.Event()

    def ask(number: int, frame: object) -> None:
        if over.is_set():
            raise KeyboardInterrupt
        over.set()
        print("\npausing after the rounds that are running; Ctrl+C again stops at once",
              file=sys.stderr)  # fmt: skip

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield over
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _print_estimate(store: Store, design: Design, workers: int, on: str) -> None:
    estimate = experiments.estimate(store, design, on, workers)
    print(
        f"{design.name}: {len(design.cells)} cells × {design.trials} trials, "
        f"{estimate.trainings:,} trainings, about {duration(estimate.seconds)} with "
        f"{estimate.workers} workers (from {estimate.measured} rounds)"
    )


def _progress(now: experiments.Progress) -> str:
    return f"{_state(now)}, {now.finished:,} of {now.planned:,} rounds"


def _state(now: experiments.Progress) -> str:
    if now.running:
        return "pausing" if now.experiment.paused else "running"
    if now.finished == now.planned:
        return "done" if not now.failed else f"done, but {now.failed} runs failed"
    return "paused"
