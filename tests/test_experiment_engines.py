"""Owns the proof that a Dask cluster gives what one machine gives, even when a worker dies."""

from __future__ import annotations

import builtins
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from clusters import running
from test_experiment_sweeps import a_grid, every_round, put, same

from alcore.config import Workspace
from alcore.errors import ExecutorUnavailable, InvalidSettings
from alcore.jobs import sweeping
from alcore.store import Store
from alcore.workers import engines
from alcore.workers.engines import Processes, open_engine


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[tuple[str, list[subprocess.Popen]]]:
    with running(tmp_path) as there:
        yield there


@pytest.mark.slow
def test_a_cluster_gives_the_same_and_loses_nothing_when_a_worker_is_killed(
    workspace: Workspace, tmp_path: Path, cluster: tuple[str, list[subprocess.Popen]]
) -> None:
    address, workers = cluster
    design = a_grid(budget=80)
    calm = Store.open(Workspace(tmp_path / "calm"))
    here = Processes(1)
    undisturbed = put(calm, design)
    sweeping.sweep(calm, undisturbed, here, threading.Event())
    here.close()

    store = Store.open(workspace)
    experiment_id = put(store, design)
    heard: list[int] = []

    def told(rounds: int) -> None:
        heard.append(rounds)
        if sum(heard) > 6 and workers[0].poll() is None:
            workers[0].kill()

    engine = open_engine(f"dask:{address}", 1)
    until = time.monotonic() + 120
    while engine.workers < 2 and time.monotonic() < until:
        time.sleep(0.2)
    assert engine.workers == 2
    assert sweeping.sweep(store, experiment_id, engine, threading.Event(), told)
    engine.close()
    assert workers[0].wait(10) < 0, "a worker was killed on the way"
    assert sum(heard) == design.trainings
    same(every_round(calm, undisturbed), every_round(store, experiment_id))
    store.close()
    calm.close()


def test_a_scheduler_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "ANSWER", 1.0)
    with pytest.raises(ExecutorUnavailable, match="does not answer within 1 s"):
        open_engine("dask:tcp://127.0.0.1:1", 1)


def test_without_dask_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def absent(name: str, *rest: object, **named: object) -> object:
        if name == "distributed":
            raise ImportError(name)
        return real(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(ExecutorUnavailable, match="pip install distributed"):
        open_engine("dask:tcp://127.0.0.1:8786", 1)


def test_another_engine_is_refused() -> None:
    with pytest.raises(InvalidSettings, match="no engine called 'ray'"):
        open_engine("ray", 1)
    with pytest.raises(InvalidSettings, match="0 worker processes"):
        open_engine("process", 0)
