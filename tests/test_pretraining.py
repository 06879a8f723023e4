"""Owns the proof that pretraining is paid for once: paused, killed, resumed, used by all rounds."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import get_args

import pytest
from made import BY_HAND, Tab
from test_jobs import start_dispatcher, wait_for, workers_of

from alcore import config
from alcore.config import ProjectSettings, Workspace
from alcore.errors import JobCancelled, TrainingImpossible
from alcore.jobs.pretraining import half_done
from alcore.learner import (
    backbones,
    costs,
    networks,
    transfer,
)
from alcore.records import Job
from alcore.services import pretraining as asked
from alcore.services import projects
from alcore.services import training as trainings
from alcore.store import Store, items, jobs, rounds

SETTINGS = replace(BY_HAND, resolution=8, baseline=False)


@pytest.fixture
def store(workspace: Workspace) -> Iterator[Store]:
    opened = Store.open(workspace)
    yield opened
    opened.close()


def shapes(
    store: Store, size: int = 60, settings: ProjectSettings = SETTINGS, name: str = "shapes"
) -> int:
    """A project of generated shapes, 20 of them labeled."""
    made = projects.create(
        store, name, {"kind": "shapes", "size": size, "classes": 2}, "answer key", settings
    )
    projects.import_now(store, made, 1)
    tab = Tab(store, made)
    with store.read() as connection:
        true = {i.id: tab.classes.index(i.true_class) for i in items.get_all(connection, made)}
    for _ in range(20):
        image = tab.next()
        tab.answer(image, true[image.item_id])
    return made


def newest(store: Store, project_id: int, kind: str = "pretrain") -> Job:
    with store.read() as connection:
        return jobs.newest(connection, project_id, kind)


def choose(store: Store, project_id: int, **learner: str) -> None:
    project = projects.get(store, project_id)
    rule = replace(project.settings.learner, **learner)
    projects.edit(store, project, replace(project.settings, learner=rule))


def test_all_that_settings_offer_exists() -> None:
    assert set(config.NETWORKS) == set(networks.NETWORKS)
    assert config.BACKBONES == backbones.BACKBONES
    assert set(config.TRANSFERS) - {"none"} == set(get_args(transfer.Transfer))
    assert set(config.MODES) == set(get_args(config.Mode))
    assert set(config.UNLABELED) == set(get_args(config.Unlabeled))
    assert set(config.BALANCES) == set(get_args(config.Balance))


def test_what_it_costs_is_known_before_it_starts_for_every_network() -> None:
    for images in (2, 100, 50_000):
        for network in config.NETWORKS:
            small, large = (costs.pretraining_seconds(images, network, r) for r in (8, 64))
            assert 0 < small < large


def test_its_weights_are_used_by_every_later_round_until_they_no_longer_fit(store: Store) -> None:
    made = shapes(store)
    before = trainings.train_now(store, made, 1)
    assert before.recipe.weights == "none"
    weights = asked.pretrain_now(store, made, 1)
    with store.read() as connection:
        pool = items.count(connection, made)["pool"]
    assert (weights.number, weights.images, weights.resolution) == (1, pool, 8)
    assert not half_done(store.workspace.project(made)).exists()
    for _ in range(2):
        after = trainings.train_now(store, made, 1)
        assert after.recipe.weights.startswith("SimCLR on")
        assert (after.recipe.transfer, after.recipe.notes) == ("finetune", ())

    # Another network cannot use them: the round says so and goes on without.
    choose(store, made, network="study A")
    assert "study A" in asked.status(store, made).misfit
    after = trainings.train_now(store, made, 1)
    assert (after.recipe.network, after.recipe.weights) == ("study A", "none")
    assert "trained without pretrained weights" in after.recipe.notes[0]


def test_a_pause_keeps_the_work_and_a_new_start_does_not(store: Store) -> None:
    made = shapes(store)
    asked.start(store, made)
    seen: list[float] = []
    _run_until(store, made, 0.3, seen)
    status = asked.status(store, made)
    assert status.paused and half_done(store.workspace.project(made)).exists()
    asked.resume(store, made)
    seen.clear()
    _run_until(store, made, 0.6, seen)
    assert seen[0] >= 0.3
    asked.start(store, made)
    seen.clear()
    _run_until(store, made, 0.1, seen)
    assert seen[0] < 0.05


def _run_until(store: Store, project_id: int, share: float, seen: list[float]) -> None:
    """Run the pretraining that waits, in this process; pause it once that share is done."""
    from alcore.jobs.pretraining import run_pretraining
    from alcore.workers.attempts import Running, run

    class Watched(Running):
        def report(self, phase: str, progress: float) -> None:
            seen.append(progress)
            if progress >= share:
                raise JobCancelled(asked.PAUSED)
            super().report(phase, progress)

    with store.write() as connection:
        job = jobs.take(connection, ["pretrain"], "test", time.time(), project_id)

    def work(running: Running) -> None:
        run_pretraining(Watched(running.store, running.job, running.threads))

    run(store, job, work, 1)


def test_it_is_refused_before_the_images_are_in(store: Store) -> None:
    made = projects.create(store, "later", {"kind": "shapes", "size": 40})
    with pytest.raises(TrainingImpossible, match="once the images are in"):
        asked.start(store, made)


def test_an_import_that_was_asked_to_starts_it(store: Store) -> None:
    settings = replace(SETTINGS, learner=replace(SETTINGS.learner, pretrain=True))
    made = projects.create(store, "p", {"kind": "shapes", "size": 40}, settings=settings)
    projects.import_now(store, made, 1)
    assert newest(store, made).state == "waiting"


def test_it_survives_a_kill_of_its_worker_and_of_the_app_while_trainings_go_on(
    workspace: Workspace,
) -> None:
    store = Store.open(workspace)
    made = shapes(store, 40, replace(SETTINGS, resolution=16))
    first = start_dispatcher(workspace)
    asked.start(store, made)
    wait_for(lambda: newest(store, made).progress > 0.1, "the pretraining has begun")

    # A training does not wait for its end.
    trainings.train(store, made)
    wait_for(lambda: newest(store, made, "train").state == "done", "the training is done")
    assert newest(store, made).state == "running"

    reached = newest(store, made).progress
    for pid in workers_of(first.pid):
        os.kill(pid, signal.SIGKILL)
    wait_for(
        lambda: (
            (job := newest(store, made)).attempt == 2
            and "began_at" in job.args
            and job.args["began_at"] > 0.05
            and job.progress > 0.05
        ),
        "the second attempt has begun",
    )
    assert newest(store, made).args["began_at"] >= reached - 0.2

    # The app is closed and started again.
    first.stdin.close()
    assert first.wait(timeout=90) == 0
    assert newest(store, made).state == "waiting"
    second = start_dispatcher(workspace)
    wait_for(lambda: newest(store, made).state == "done", "the pretraining is done")
    second.stdin.close()
    assert second.wait(timeout=90) == 0
    assert asked.status(store, made).weights.number == 1
    with store.read() as connection:
        assert len(rounds.all_rounds(connection, made)) == 1
    store.close()
