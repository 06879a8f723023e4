"""Owns the proof that a new project's way of asking is ahead of random labeling from the start."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterator

import numpy as np
import pytest

from alcore import strategies
from alcore.config import ProjectSettings, Workspace
from alcore.experiments import curves
from alcore.experiments.learners import LearnerSpec
from alcore.experiments.reading import from_json
from alcore.jobs import sweeping
from alcore.services import experiments
from alcore.store import Store
from alcore.store import experiments as stored
from alcore.workers.engines import Engine, open_engine

NEW = ProjectSettings()
TRIALS, FIRST, BUDGET = 10, 20, 100


@pytest.fixture
def store(workspace: Workspace) -> Iterator[Store]:
    opened = Store.open(workspace)
    yield opened
    opened.close()


@pytest.fixture
def engine() -> Iterator[Engine]:
    opened = open_engine("process", 2)
    yield opened
    opened.close()


def areas(store: Store, engine: Engine, initial: object, strategy: dict[str, object]) -> np.ndarray:
    """Run the demo on digits and return the area under the curve of each trial."""
    design = from_json(
        {
            "name": str(strategy["name"]),
            "budget": BUDGET,
            "trials": TRIALS,
            "batch_sizes": [NEW.batch_size],
            "datasets": ["digits"],
            "initial": [initial],
            "strategies": [strategy],
        }
    )
    experiments.create(store, design)
    with store.read() as connection:
        number = stored.named(connection, design.name).id
    assert sweeping.sweep(store, number, engine, threading.Event())
    runs: dict[int, dict[int, float]] = defaultdict(dict)
    with store.read() as connection:
        for point in stored.points(connection, number):
            runs[point.trial][point.labels] = point.accuracy
    labels = np.array(sorted(runs[0]))
    assert (labels[0], labels[-1]) == (FIRST, BUDGET)
    values = np.array([[runs[trial][n] for n in labels.tolist()] for trial in range(TRIALS)])
    return curves.areas(labels, values)


def test_new_projects_begin_with_the_strategy_that_stands_first() -> None:
    assert NEW.strategy == strategies.registered()[0].name == "default policy"
    network = LearnerSpec().all_options
    assert (network["network"], network["augmentation"]) == (NEW.learner.network, NEW.augmentation)


@pytest.mark.slow
def test_the_demo_rises_above_random_labeling_within_the_first_hundred_labels(
    store: Store, engine: Engine
) -> None:
    begins = {"size": FIRST, "how": "cold start"}
    ours = areas(store, engine, begins, {"name": NEW.strategy, **NEW.strategy_options})
    random = areas(store, engine, FIRST, {"name": "random"})
    ahead = int((ours > random).sum())
    print(
        f"digits, {FIRST} to {BUDGET} labels: area {ours.mean():.3f}, random {random.mean():.3f}; "
        f"ahead in {ahead} of {TRIALS} trials, needs 9"
    )
    assert ahead >= 9
