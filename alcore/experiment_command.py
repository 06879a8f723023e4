"""Owns `python -m alcore experiment …`: run, status, pause, resume, extend, replay, report."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tqdm import tqdm

from alcore.config import Runtime
from alcore.errors import AlcoreError
from alcore.experiments.design import Design
from alcore.experiments.reading import read
from alcore.services import experiments
from alcore.store import Store

EXAMPLES = """\
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
  kind = "estimator"
  estimator = "random forest"         # or a dotted name of scikit-learn's interface
  [[oracles]]                         # perfect, if none is named
  kind = "noise"                      # also: confusion, difficulty, abstaining, annotators
  rate = 0.1
"""


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the command and its own commands."""
    parser = commands.add_parser(
        "experiment",
        help="compare strategies with a simulated oracle",
        description="Compare strategies with a simulated oracle, over many paired trials.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    own = parser.add_subparsers(dest="experiment", required=True, metavar="command")

    def command(name: str, words: str) -> argparse.ArgumentParser:
        return own.add_parser(name, help=words, description=words)

    run = command("run", "start a grid, or go on with it; Ctrl+C pauses")
    run.add_argument("grid", help="TOML file, or the name of an experiment that is there")
    run.add_argument("--no-estimate", action="store_true", help="start without timing rounds first")
    resume = command("resume", "go on with a paused or killed experiment")
    resume.add_argument("grid", metavar="name")
    check = command("check", "check a grid and estimate how long it takes; nothing is run")
    check.add_argument("grid", help="TOML file")
    extend = command("extend", "add strategies or trials; what is finished is not repeated")
    extend.add_argument("name")
    extend.add_argument("--strategy", action="append", default=[], help="one more strategy")
    extend.add_argument("--trials", type=int, default=0, help="so many more trials")
    for one in (run, resume, check, extend):
        one.add_argument(
            "--workers", type=int, default=os.cpu_count() or 1, help="processes; one thread each"
        )
        one.add_argument(
            "--on",
            default="process",
            metavar="ENGINE",
            help="process (default), or dask:tcp://HOST:PORT for a Dask scheduler",
        )
    status = command("status", "show how far experiments are")
    status.add_argument("name", nargs="?")
    status.add_argument("--json", action="store_true", help="print JSON")
    command("pause", "stop after the rounds that are running").add_argument("name")
    replay = command("replay", "compute a run again and compare it with its record, bit for bit")
    replay.add_argument("name")
    replay.add_argument("--strategy", default="", help="of this strategy; by default the first")
    replay.add_argument("--trial", type=int, default=0, help="of this trial, from 1")
    replay.add_argument("--all", action="store_true", help="all such runs, not only the first")
    report = command("report", "write figures, tables and a page that can be sent")
    report.add_argument("name")
    report.add_argument("--out", type=Path, help="folder; by default named after the experiment")


def experiment(store: Store, runtime: Runtime, chosen: argparse.Namespace) -> int:
    """Run one of the experiment commands; return the exit code."""
    return _COMMANDS[chosen.experiment](store, runtime, chosen)


def _run(store: Store, runtime: Runtime, chosen: argparse.Namespace) -> int:
    if Path(chosen.grid).suffix == ".toml":
        design = read(Path(chosen.grid))
        name = experiments.create(store, design, chosen.workers).name
        if not chosen.no_estimate:
            _tell_estimate(store, chosen, experiments.design_of(experiments.named(store, name)))
    else:
        name = experiments.named(store, chosen.grid).name
    return _go_on(store, chosen, name)


def _resume(store: Store, runtime: Runtime, chosen: argparse.Namespace) -> int:
    return _go_on(store, chosen, experiments.named(store, chosen.grid).name)


def _check(store: Store, runtime: Runtime, chosen: argparse.Namespace) -> int:
    design = experiments.checked(store, read(Path(chosen.grid)), chosen.workers)
    _tell_estimate(store, chosen, design)
    return 0


def _extend(store: Store, runtime: Runtime, chosen: argparse.Namespace) -> int:
    if not chosen.strategy and not chosen.trials:
        raise AlcoreError("nothing to add; give --strategy NAME or --trials NUMBER")
    experiments.extend(store, chosen.name, chosen.strategy, chosen.trials, chosen.workers)
    if experiments.progress(store, chosen.name).running:
        print("added; the process that runs the experiment will do it too", file=sys.stderr)
        return 0
    return _go_on(store, chosen, chosen.name)


def _status(store: Store, runtime: Runtime, chosen: argparse.Namespace) -> int:
    if chosen.name is None:
        for one in experiments.list_experiments(store):
            now = experiments.progress(store, one.name)
            print(f"{one.name}: {_state(now)}, {now.finished:,} of {now.planned:,} rounds")
        return 0
    now = experiments.progress(store, chosen.name)
    workers = os.cpu_count() or 1
    if chosen.json:
        about = {
            "name": chosen.name,
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
        print(json.dumps(about, indent=2))
        return 0
    print(f"{chosen.name}: {_state(now)}, {now.finished:,} of {now.planned:,} rounds")
    for c in now.cells:
        left = "" if not c.left else f", {_duration(c.left / workers)} left"
        print(f"  {c.cell.setting} · {c.cell.strategy.title}: {c.finished}/{c.planned}{left}")
    for error in now.errors:
        print(f"  failed: {error}", file=sys.stderr)
    return 0


def _pause(store: Store, runtime: Runtime, chosen: argparse.Namespace) -> int:
    heard = experiments.pause(store, chosen.name)
    words = "pausing after the rounds that are running" if heard else "it was not running"
    print(f"{chosen.name}: {words}", file=sys.stderr)
    return 0


def _go_on(store: Store, chosen: argparse.Namespace, name: str) -> int:
    now = experiments.progress(store, name)
    with _stopping() as over, tqdm(
        total=now.planned, initial=now.finished, unit="round", disable=None
    ) as bar:  # fmt: skip
        done = experiments.run(store, name, chosen.on, chosen.workers, over, bar.update)
    now = experiments.progress(store, name)
    for error in now.errors:
        print(f"failed: {error}", file=sys.stderr)
    print(f"{name}: {_state(now)}, {now.finished:,} of {now.planned:,} rounds")
    if not done:
        print(f"go on with: python -m alcore experiment resume {name!r}", file=sys.stderr)
    return 1 if now.failed else 0


@contextmanager
def _stopping() -> Iterator[threading.Event]:
    """Let Ctrl+C pause; a second one ends at once, and loses what is running."""
    over = threading.Event()

    def ask(number: int, frame: object) -> None:
        if over.is_set():
            raise KeyboardInterrupt
        over.set()
        print("\npausing after the rounds that are running; Ctrl+C again stops at once",
              file=sys.stderr)  # fmt: skip

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield over
    finally:
        signal.signal(signal.SIGINT, before)


def _tell_estimate(store: Store, chosen: argparse.Namespace, design: Design) -> None:
    found = experiments.estimate(store, design, chosen.on, chosen.workers)
    print(
        f"{design.name}: {len(design.cells)} cells × {design.trials} trials, {found.trainings:,} "
        f"trainings, about {_duration(found.seconds)} with {found.workers} workers "
        f"(from {found.measured} rounds)"
    )


def _state(now: experiments.Progress) -> str:
    if now.running:
        return "pausing" if now.experiment.paused else "running"
    if now.finished == now.planned:
        return "done" if not now.failed else f"done, but {now.failed} runs failed"
    return "paused"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def _replay(store: Store, runtime: Runtime, chosen: argparse.Namespace) -> int:
    from alcore.services import experiment_replay

    asked = (chosen.name, chosen.strategy, chosen.trial, chosen.all)
    right = True
    for one in experiment_replay.replay(store, *asked):
        what = f"{one.strategy} · {one.setting} · trial {one.trial}"
        if not one.differences:
            print(f"{what}: {one.rounds:,} rounds again, the same bit for bit")
            continue
        right = False
        print(f"{what}: not the same in {'; '.join(one.differences)}")
        if one.versions:
            print(f"  it was computed with {'; '.join(one.versions)}")
    return 0 if right else 1


def _report(store: Store, runtime: Runtime, chosen: argparse.Namespace) -> int:
    from alcore.services import experiment_report

    folder = chosen.out or Path(f"{chosen.name} report")
    for path in experiment_report.write(store, chosen.name, folder):
        print(path)
    return 0


_COMMANDS: dict[str, Callable[[Store, Runtime, argparse.Namespace], int]] = {
    "run": _run,
    "resume": _resume,
    "check": _check,
    "extend": _extend,
    "status": _status,
    "pause": _pause,
    "replay": _replay,
    "report": _report,
}
