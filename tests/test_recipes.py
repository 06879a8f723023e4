"""Owns the proof that a round makes its model as the settings say, and says where it could not."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from made import Tab
from test_pretraining import choose, newest, shapes

from alcore.config import CALIBRATED_FROM, UNLABELED, LearnerRule, ProjectSettings, Workspace
from alcore.errors import (
    CheckpointMismatch,
    InvalidSettings,
    JobCancelled,
    TrainingImpossible,
    WeightsUnavailable,
)
from alcore.job_kinds import function_of
from alcore.jobs import label_check_resume
from alcore.jobs.label_check import run_label_check
from alcore.jobs.training_inputs import inputs_of
from alcore.learner import checkpoints, transfer, unlabeled
from alcore.learner.training import LearnerSettings
from alcore.records import Job
from alcore.rounds.network import NetworkLearner
from alcore.rounds.values import UNLABELED_RECIPES
from alcore.services import projects, training
from alcore.store import Store, calibrations, jobs, queue, rounds
from alcore.store import projects as stored_projects
from alcore.store.label_checks import Judged
from alcore.workers.attempts import Running, run


@pytest.fixture
def store(workspace: Workspace) -> Iterator[Store]:
    opened = Store.open(workspace)
    yield opened
    opened.close()


def take(store: Store, project_id: int, kind: str) -> None:
    """Do the job of a kind that waits."""
    with store.write() as connection:
        job = jobs.take(connection, [kind], "test", time.time(), project_id)
    assert run(store, job, function_of(kind), 1) is None


def ranking(store: Store, project_id: int) -> tuple[int, set[int]]:
    with store.read() as connection:
        number, _ = stored_projects.ranking(connection, project_id)
        return number, queue.queued(connection, project_id)


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ({"network": "huge"}, "no network called 'huge'; choose from small CNN"),
        ({"mode": "hot"}, "no mode between rounds called 'hot'"),
        ({"balance": "some"}, "no class balance called 'some'"),
        ({"weights": "file"}, "no file is named; give its path"),
        ({"weights": "torchvision"}, "torchvision has no weights for 'small CNN'"),
    ],
)
def test_settings_that_cannot_work_are_refused_with_the_reason(
    wrong: dict[str, str], complaint: str
) -> None:
    with pytest.raises(InvalidSettings, match=complaint):
        LearnerRule(**wrong)


def test_settings_survive_the_database_and_old_ones_get_the_defaults() -> None:
    settings = ProjectSettings(learner=LearnerRule(network="resnet18", weights="torchvision"))
    assert ProjectSettings.from_json(settings.to_json()) == settings
    old = ProjectSettings().to_json()
    del old["learner"]
    assert ProjectSettings.from_json(old).learner == LearnerRule()


def test_a_round_records_its_recipe_and_modes_go_on_where_they_can(store: Store) -> None:
    made = shapes(store)
    choose(store, made, mode="warm", balance="weights")
    first = training.train_now(store, made, 1)
    assert (first.mode, first.recipe.balance) == ("fresh", "weights")  # nothing came before
    assert newest(store, made, "label_check").state == "waiting"
    second = training.train_now(store, made, 1)
    assert (second.mode, second.recipe.weights) == ("warm", "the last model")
    folder = store.workspace.project(made)

    # Images of another size: the last model's weights do not fit, and the record says so.
    project = projects.get(store, made)
    projects.edit(store, project, replace(project.settings, resolution=16))
    projects.import_now(store, made, 1)
    third = training.train_now(store, made, 1)
    assert third.mode == "fresh"
    assert third.recipe.notes == (
        "trained fresh: the model before it has resolution 8, this one 16",
    )

    # A checkpoint that is gone is no reason to stop either.
    (folder / third.checkpoint).unlink()
    fourth = training.train_now(store, made, 1)
    assert fourth.mode == "fresh" and "there is no checkpoint" in fourth.recipe.notes[0]


def test_models_that_learned_otherwise_from_unlabeled_images_are_no_equals(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unlabeled, "minibatches", lambda labels: 20)
    made = shapes(store)
    choose(store, made, unlabeled="pseudo-labels")
    first = training.train_now(store, made, 1)
    assert first.recipe.unlabeled == "pseudo-labels" and first.learner is not None
    project, older = projects.get(store, made), replace(first.learner, unlabeled="pseudo-labels")
    assert first.learner != older
    with store.read() as connection:
        again = inputs_of(connection, store, project, first.learner)
        gone = inputs_of(connection, store, project, older)
    assert again is not None and again[0].unlabeled == "pseudo-labels"
    assert gone is None  # nothing trains as it was trained


def test_each_use_of_unlabeled_images_has_a_recipe_of_its_own() -> None:
    assert set(UNLABELED_RECIPES) == set(UNLABELED)
    names = {
        use: NetworkLearner(LearnerSettings(unlabeled=use)).recipe_name for use in UNLABELED_RECIPES
    }
    assert len(set(names.values())) == len(names)
    assert "unlabeled pseudo-labels," not in names["pseudo-labels"]  # an older way had that name


def test_the_first_model_of_every_recipe_finds_its_temperature_and_a_label_check_a_better_one(
    store: Store,
) -> None:
    made = shapes(store, 100)
    tab = Tab(store, made)
    for turn in range(40):
        tab.answer(tab.next(), turn % 2)
    first = training.train_now(store, made, 1)
    with store.read() as connection:
        (own,) = calibrations.known(connection, made)
    assert own.of_labels == first.labels >= own.labels >= CALIBRATED_FROM
    assert replace(first.calibration, ece=None, nll=None) == own
    take(store, made, "label_check")
    second = training.train_now(store, made, 1)
    with store.read() as connection:
        (known,) = calibrations.known(connection, made)
    assert known.labels == first.labels and known.created_at > first.created_at
    assert replace(second.calibration, ece=None, nll=None) == known
    folder = store.workspace.project(made)
    assert checkpoints.load(folder / first.checkpoint).temperature == own.temperature
    assert checkpoints.load(folder / second.checkpoint).temperature == known.temperature
    assert newest(store, made, "label_check").state == "done"  # nothing new to look at

    # Another recipe has no temperature yet; its first model finds one.
    choose(store, made, balance="sampling")
    third = training.train_now(store, made, 1)
    assert third.calibration.recipe != known.recipe
    with store.read() as connection:
        assert len(calibrations.known(connection, made)) == 2


class Interrupted(Running):
    """An attempt that has to make room after more than half of its work."""

    def report(self, phase: str, progress: float) -> None:
        if progress > 0.5:
            raise JobCancelled("a training is due")
        super().report(phase, progress)


class Watched(Running):
    """An attempt that remembers how far it was at first."""

    first = 1.0

    def report(self, phase: str, progress: float) -> None:
        if phase != "saving":
            self.first = min(self.first, progress)
        super().report(phase, progress)


def checks_of(store: Store) -> list[tuple[object, ...]]:
    with store.read() as connection:
        rows = connection.exec_driver_sql(
            "SELECT item_id, event_id, class_id, p, p_label, error_score, flagged "
            "FROM label_check ORDER BY 1"
        )
        return [tuple(row) for row in rows]


def begun(store: Store, project_id: int) -> Job:
    with store.write() as connection:
        jobs.request(connection, project_id, "label_check", time.time())
        return jobs.take(connection, ["label_check"], "test", time.time(), project_id)


def test_a_label_check_that_made_room_goes_on_where_it_was(store: Store) -> None:
    made = shapes(store)
    with Running(store, begun(store, made), 1) as running:
        run_label_check(running)
    whole = checks_of(store)
    job = begun(store, made)
    with Interrupted(store, job, 1) as running, pytest.raises(JobCancelled):
        run_label_check(running)
    with store.write() as connection:
        jobs.put_back(connection, job.id, job.attempt, time.time(), "it made room", count=False)
    # A label that came meanwhile changes nothing: the next check will look at it.
    tab = Tab(store, made)
    tab.answer(tab.next(), 0)
    with Watched(store, begun(store, made), 1) as running:
        run_label_check(running)
    assert running.first > 1 / 3
    assert checks_of(store) == whole
    # It is not gone on with a second time.
    with Watched(store, begun(store, made), 1) as running:
        run_label_check(running)
    assert running.first < 1 / 3 and len(checks_of(store)) == len(whole) + 1


def test_a_check_of_labels_that_no_longer_count_begins_anew(tmp_path: Path) -> None:
    ids = np.arange(4)
    judged = Judged(ids, ids + 10, ids % 2, ids == 3)
    progress = label_check_resume.resume(tmp_path, judged, "recipe")
    progress.keep(0, np.ones((4, 2)))
    more = Judged(np.arange(5), np.arange(10, 15), np.arange(5) % 2, np.arange(5) == 3)
    same = label_check_resume.resume(tmp_path, more, "recipe")
    assert list(same.probabilities) == [0] and len(same.judged.item_ids) == 4
    mended = Judged(ids, np.array([10, 11, 12, 17]), ids % 2, ids == 3)
    for other, recipe in ((mended, "recipe"), (more, "another")):
        assert not label_check_resume.resume(tmp_path, other, recipe).probabilities
    same.path.write_bytes(same.path.read_bytes()[:300])
    assert not label_check_resume.resume(tmp_path, judged, "recipe").probabilities


def test_weights_that_lead_nowhere_fail_the_job_and_the_last_model_stays(
    store: Store, tmp_path: Path
) -> None:
    made = shapes(store)
    kept = training.train_now(store, made, 1)
    before = ranking(store, made)
    model = checkpoints.load(store.workspace.project(made) / kept.checkpoint)
    sound = transfer.extract(model.network, model.architecture, "a test")
    path = tmp_path / "broken.safetensors"
    broken = {k: t * torch.nan if t.is_floating_point() else t for k, t in sound.tensors.items()}
    replace(sound, tensors=broken).save(path)
    choose(store, made, weights="file", weights_file=str(path))
    with pytest.raises(TrainingImpossible, match="the loss became nan"):
        training.train_now(store, made, 1)
    job = newest(store, made, "train")
    assert job.state == "failed" and "the last model stays in use" in job.error
    status = training.status(store, made)
    assert status.latest.number == kept.number and ranking(store, made) == before

    # So do a file that is none, and one that is not there.
    path.write_bytes(b"nonsense")
    with pytest.raises(CheckpointMismatch, match=r"broken\.safetensors is damaged"):
        training.train_now(store, made, 1)
    choose(store, made, network="resnet18", weights_file=str(tmp_path / "none.pth"))
    with pytest.raises(WeightsUnavailable, match=r"no file none\.pth with weights for resnet18"):
        training.train_now(store, made, 1)
    choose(store, made, network="small CNN", weights="pool")
    assert training.train_now(store, made, 1).number == kept.number + 1


def test_after_a_process_has_died_minibatches_are_smaller_and_the_record_says_why(
    store: Store,
) -> None:
    made = shapes(store)
    training.train(store, made)
    with store.write() as connection:
        died = jobs.take(connection, ["train"], "test", time.time())
        jobs.put_back(connection, died.id, died.attempt, time.time(), "its process died")
    take(store, made, "train")
    with store.read() as connection:
        done = rounds.latest(connection, made)
    assert done.recipe.notes == (
        "its process had died, as for want of memory: 64 images per minibatch",
    )
