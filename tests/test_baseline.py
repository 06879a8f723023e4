"""Owns the proof that random labeling is simulated with the learner of the models beside it."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import asdict, replace

import made
import pytest
from made import BY_HAND
from test_pretraining import choose, shapes
from trained import change_rounds

from alcore.config import Workspace
from alcore.jobs.baseline import run_baseline
from alcore.records import BaselinePoint, Learner
from alcore.services import dashboard, pretraining, training
from alcore.store import Store, jobs, rounds
from alcore.workers.attempts import run

SETTINGS = replace(BY_HAND, resolution=8)
PLAIN = Learner(resolution=8)


@pytest.fixture
def store(workspace: Workspace) -> Iterator[Store]:
    opened = Store.open(workspace)
    yield opened
    opened.close()


def simulate(store: Store, project_id: int) -> None:
    """Run the baseline job in this process."""
    with store.write() as connection:
        jobs.request(connection, project_id, "baseline", time.time())
        job = jobs.take(connection, ["baseline"], "test", time.time(), project_id)
    assert run(store, job, run_baseline, 1) is None


def points(store: Store, project_id: int) -> list[BaselinePoint]:
    with store.read() as connection:
        return rounds.baseline(connection, project_id)


def test_each_learner_keeps_its_baseline_and_is_compared_with_it_alone(store: Store) -> None:
    project_id = shapes(store, settings=SETTINGS)
    training.train_now(store, project_id, 1)
    simulate(store, project_id)
    first = points(store, project_id)
    assert {p.learner for p in first} == {PLAIN} and {p.labels for p in first} == {20}

    pretraining.pretrain_now(store, project_id, 1)
    after = training.train_now(store, project_id, 1)
    pretrained = replace(PLAIN, weights="pretraining 1", transfer="finetune")
    assert after.learner == pretrained
    assert points(store, project_id) == first  # nothing is thrown away
    simulate(store, project_id)
    found = points(store, project_id)
    assert [p for p in found if p.learner == PLAIN] == first
    own = [p for p in found if p.learner == pretrained]
    assert {p.labels for p in own} == {20}  # how many trainings depends on how busy the machine is

    curve = dashboard.curve(store, project_id, "accuracy")
    assert [(r["segment"], r["labels"]) for r in curve.live] == [(1, 20), (2, 20)]
    means = [
        sum(p.evaluation.accuracy for p in part) / len(part) for part in (first, own)
    ]  # fmt: skip
    assert [r["value"] for r in curve.random] == pytest.approx(means)
    (change,) = curve.changes
    assert (change["labels"], change["model"]) == (20, 2)
    assert change["change"] == "models begin with pretraining 1 (before: nothing)"
    newest, oldest = dashboard.round_table(dashboard.history(store, project_id))
    assert (newest["learner changed"], oldest["learner changed"]) == (change["change"], "")


def test_points_of_an_earlier_learner_are_made_as_they_would_have_been_then(store: Store) -> None:
    """Trainings come first: the simulation is often behind when the learner changes."""
    late, early = shapes(store, settings=SETTINGS), shapes(store, settings=SETTINGS, name="early")
    training.train_now(store, early, 1)
    simulate(store, early)
    training.train_now(store, late, 1)
    choose(store, late, network="study A", mode="warm")
    training.train_now(store, late, 1)
    simulate(store, late)
    made_late = {p.trial: p for p in points(store, late) if p.learner == PLAIN}
    made_then = {p.trial: p for p in points(store, early)}
    both = made_late.keys() & made_then.keys()
    assert both and all(made_late[trial] == made_then[trial] for trial in both)
    changed = replace(PLAIN, network="study A", mode="warm")
    assert {p.learner for p in points(store, late)} == {PLAIN, changed}


def test_a_learner_whose_images_are_gone_is_left_out(store: Store) -> None:
    project_id = shapes(store, settings=SETTINGS)
    training.train_now(store, project_id, 1)
    change_rounds(store, 16, "learner", "resolution")
    simulate(store, project_id)
    assert points(store, project_id) == []


def test_an_older_workspace_says_which_learner_made_its_rounds(bare_workspace: Workspace) -> None:
    made.old_database(bare_workspace, "0009")
    summary = {
        "label_minutes": 1.0, "strategy": "margin", "strategy_options": {}, "mode": "fresh",
        "evaluation": {"n": 0}, "stop": {}, "uncertainty": [], "labels_per_class": [],
        "batch_per_class": [], "seconds": {}, "seed": 0, "checkpoint": None,
    }  # fmt: skip
    taught = {"network": "small CNN", "augmentation": "flip", "notes": []}
    pretrained = {**taught, "weights": "SimCLR on 80 images, 9 epochs", "transfer": "finetune"}
    with sqlite3.connect(bare_workspace.database) as old:
        old.execute(
            "INSERT INTO project (id, name, settings, state, source, known_classes, created_at) "
            "VALUES (1, 'old', ?, 'ready', '{}', 'answer key', 0)",
            (json.dumps(SETTINGS.to_json()),),
        )
        old.execute("INSERT INTO pretrained VALUES (1, 1, 1, 15.0, '{}')")
        for number, recipe in enumerate((taught, taught, pretrained), start=1):
            body = json.dumps({**summary, "recipe": recipe})
            old.execute(
                "INSERT INTO round VALUES (?, 1, ?, ?, 0, 20, ?)",
                (number, number, 10.0 * number - 5, body),
            )
        old.execute("INSERT INTO baseline_point VALUES (1, 0, 20, '{\"n\": 0}', 1.0, 30.0)")
    old.close()
    store = Store.open(bare_workspace)
    with store.read() as connection:
        history = rounds.all_rounds(connection, 1)
        (point,) = rounds.baseline(connection, 1)
    before = replace(PLAIN, augmentation="flip")
    after = replace(before, weights="pretraining 1", transfer="finetune")
    assert [r.learner for r in history] == [before, before, after]
    assert point.learner == after
    assert asdict(point.evaluation)["n"] == 0
    store.close()
