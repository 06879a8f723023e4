"""Owns the proof that features are tuned to labels, and that nothing else sees these labels."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from test_baseline import simulate
from test_features import IMAGES_MADE, a_project
from test_rounds import PIXELS, TRUE
from trained import give_labels

from alcore import linear_head
from alcore.config import PACKAGED_EXTRACTOR, LearnerRule, Workspace
from alcore.datasets.pixels import PixelCache
from alcore.errors import (
    JobCancelled,
    NoRoom,
    NotAllowed,
    TrainingImpossible,
    WeightsUnavailable,
)
from alcore.feature_space import FeaturePoints, FeatureSpace
from alcore.jobs.training_inputs import inputs_of, training_inputs, with_tuned
from alcore.jobs.tuning import TuningLesson, tuned_points
from alcore.learner import costs, device, extractors, feature_heads, tuning
from alcore.learner.extractors import Extractor
from alcore.loop import due, embeddings
from alcore.loop import features as files
from alcore.loop.round_files import head_of
from alcore.records import Project, RoundSummary
from alcore.rounds.feature_head import FeatureHeadLearner
from alcore.rounds.stored_models import ModelOfFile
from alcore.services import features, people, projects, training
from alcore.store import Store, items, jobs, labels
from alcore.store import projects as stored_projects
from alcore.store import rounds as stored_rounds
from alcore.workers.attempts import Running


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tune for a few minibatches, in arithmetic that is the same everywhere."""
    monkeypatch.setattr(tuning, "tuning_images", lambda labels: 384)
    monkeypatch.setenv("ALCORE_PRECISION", "float32")


# -- the stages ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def extractor() -> Extractor:
    return extractors.build(PACKAGED_EXTRACTOR)


LABELED = np.arange(60)
UNSEEN = np.arange(60, 300)


def task_of(extractor: Extractor, augmentation: str = "none") -> tuning.TuningTask:
    raw = extractors.extract(extractor, PIXELS[:300], 64)
    space = FeatureSpace.of(raw, np.arange(len(raw)))
    return tuning.TuningTask(
        maps=tuning.maps_of(extractor, PIXELS[LABELED], 64, augmentation),
        labels=TRUE[LABELED],
        head=feature_heads.fit(space.points(raw)[LABELED], TRUE[LABELED], 10),
        space=space,
        seed=1,
    )


def right(extractor: Extractor) -> float:
    """Return how many unseen digits a head on an extractor's features is right about, 0-1."""
    raw = extractors.extract(extractor, PIXELS[:300], 64)
    points = FeatureSpace.of(raw, np.arange(len(raw))).points(raw)
    head = feature_heads.fit(points[LABELED], TRUE[LABELED], 10)
    answers = linear_head.probabilities(points[UNSEEN], head).argmax(axis=1)
    return float((answers == TRUE[UNSEEN]).mean())


def test_tuned_stages_tell_digits_apart_that_they_have_not_seen(
    extractor: Extractor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tuning, "tuning_images", lambda labels: 2_400)
    with device.computing(0, 1, "float32"):
        task, shares = task_of(extractor), []
        weights = tuning.tune(extractor, task, shares.append)
        tuned = tuning.put(weights, extractor, "here")
        before, after = right(extractor), right(tuned)
    assert after > before + 0.02
    assert shares[-1] == 1.0 and shares == sorted(shares)


def test_the_same_labels_and_the_same_seed_tune_alike_and_leave_the_rest(
    extractor: Extractor,
) -> None:
    untouched = {name: t.clone() for name, t in extractor.network.state_dict().items()}
    with device.computing(0, 1, "float32"):
        task = task_of(extractor)
        one, again = (tuning.tune(extractor, task, lambda share: None) for _ in range(2))
        other = tuning.tune(extractor, replace(task, seed=2), lambda share: None)
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert any(not torch.equal(one[name], other[name]) for name in one)
    now = extractor.network.state_dict()
    assert all(torch.equal(untouched[name], now[name]) for name in untouched)
    tuned = tuning.put(one, extractor, "here").network.state_dict()
    changed = {name.split(".")[1] for name in tuned if not torch.equal(tuned[name], now[name])}
    assert changed == {"4", "5", "6"} and {name.split(".")[0] for name in one} == changed


def test_mirror_images_teach_only_where_they_mean_the_same(extractor: Extractor) -> None:
    with device.computing(0, 1, "float32"):
        assert len(tuning.maps_of(extractor, PIXELS[:2], 64, "shift")) == 1
        plain, mirrored = tuning.maps_of(extractor, PIXELS[:2], 64, "flip")
        (turned,) = tuning.maps_of(extractor, PIXELS[:2, :, ::-1], 64, "none")
    np.testing.assert_allclose(mirrored, turned, atol=0.02)
    assert not np.allclose(plain, mirrored, atol=0.1)


def test_maps_and_later_stages_give_the_features_themselves(extractor: Extractor) -> None:
    with device.computing(0, 1, "float32"), torch.inference_mode():
        (maps,) = tuning.maps_of(extractor, PIXELS[:3], 64, "none")
        network = extractor.network
        assert isinstance(network, extractors.Stages)
        parted = network.leave(torch.from_numpy(maps.astype(np.float32)).permute(0, 3, 1, 2))
        whole = extractors.extract(extractor, PIXELS[:3], 64)
    np.testing.assert_allclose(parted.numpy(), whole, atol=0.05)


# -- the job -------------------------------------------------------------------------------------


@pytest.fixture
def made(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Store, int]]:
    """A project of a few shapes with features and nine labels."""
    store = Store.open(workspace)
    monkeypatch.setenv("ALCORE_FEATURES", "no")
    project_id = a_project(store, "shapes")
    features.compute_now(store, project_id, 1)
    give_labels(store, project_id, 9)
    yield store, project_id
    store.close()


def project_of(store: Store, project_id: int) -> Project:
    with store.read() as connection:
        return stored_projects.get(connection, project_id)


@pytest.fixture
def tuned(made: tuple[Store, int]) -> tuple[Store, int, Project]:
    """The same project with tuned features and a model of them."""
    store, project_id = made
    features.tune_now(store, project_id, 1)
    training.train_now(store, project_id, 1)
    return store, project_id, project_of(store, project_id)


def latest(store: Store, project_id: int) -> RoundSummary:
    with store.read() as connection:
        summary = stored_rounds.latest(connection, project_id)
    assert summary is not None
    return summary


def test_models_learn_from_tuned_features_and_say_so_also_from_their_files(
    made: tuple[Store, int],
) -> None:
    store, project_id = made
    folder = store.folder(project_id)
    untuned = files.status(folder)
    features.tune_now(store, project_id, 1)
    status = features.status(store, project_id)
    assert status.tuned is not None and (status.tuned.labels, status.labels) == (9, 9)
    assert files.status(folder) == untuned  # for what must not have seen a label
    summary = training.train_now(store, project_id, 1)
    assert summary.learner.tuning == "tuned" and summary.learner.extractor.endswith(
        ", self-trained"
    )
    assert summary.recipe.tuned == 9
    assert summary.checkpoint is not None
    model = ModelOfFile.load(
        folder / summary.checkpoint, files.extractor_weights(store, project_of(store, project_id))
    )
    assert "tuned to 9 labels" in model.features
    predictions = model.predict(
        PixelCache.of(folder, project_of(store, project_id).settings).array()
    )
    head, embedded = head_of(folder, summary.number), embeddings.mapped(folder, summary.number)
    assert head is not None and embedded is not None
    said = linear_head.probabilities(embedded, head)
    np.testing.assert_allclose(predictions.probabilities, said, atol=0.02)
    with pytest.raises(WeightsUnavailable, match="in the folder “tuned” of the project"):
        ModelOfFile.load(folder / summary.checkpoint)
    # A model finds its weights though the features were tuned anew since.
    give_labels(store, project_id, 4, at=2_000_000.0)
    features.tune_now(store, project_id, 1)
    assert len(list((folder / "tuned").glob("weights-*"))) == 2
    assert len(list((folder / "tuned").glob("*.f16"))) == 1
    ModelOfFile.load(
        folder / summary.checkpoint, files.extractor_weights(store, project_of(store, project_id))
    )


def test_what_asks_about_labels_and_what_begins_without_them_has_untuned_features(
    tuned: tuple[Store, int, Project],
) -> None:
    store, project_id, project = tuned
    with store.read() as connection:
        plain = training_inputs(connection, store, project)  # label checks, simulations
        own = with_tuned(plain, store, project)
        baseline = inputs_of(connection, store, project, latest(store, project_id).learner)
    assert plain.tuned is None and plain.features is not None and own.tuned is not None
    # Random labels tune features of their own; chosen ones would lend them what they know.
    assert baseline is not None and baseline[1].tuned is None and baseline[1].features is not None
    learner = FeatureHeadLearner(own.tuned, plain.features)
    assert learner.anew().table is plain.features  # so cross-fitting asks no model about its labels
    assert learner.recipe_name != learner.anew().recipe_name
    off = replace(project, settings=replace(project.settings, learner=LearnerRule(tunes=False)))
    assert with_tuned(plain, store, off).tuned is None


def test_random_labels_are_simulated_on_features_that_they_have_tuned_themselves(
    made: tuple[Store, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, project_id = made
    features.tune_now(store, project_id, 1)
    give_labels(store, project_id, 3, at=2_000_000.0)
    training.train_now(store, project_id, 1)  # twelve labels, nine of which have tuned its features
    learner = latest(store, project_id).learner
    taught: list[TuningLesson] = []
    computed: list[FeaturePoints] = []

    def watch(running: Running, lesson: TuningLesson, *rest: Any) -> FeaturePoints:
        taught.append(lesson)
        computed.append(tuned_points(running, lesson, *rest))
        return computed[-1]

    monkeypatch.setattr("alcore.jobs.baseline.tuned_points", watch)
    simulate(store, project_id)
    with store.read() as connection:
        points = [p for p in stored_rounds.baseline(connection, project_id) if p.learner == learner]
        chosen, _ = items.labeled(connection, project_id)
        holdout, _ = items.holdout(connection, project_id)
    assert {p.labels for p in points} == {12}
    assert len(taught) == len(points) and {len(lesson.rows) for lesson in taught} == {9}
    assert all({row.split for row in lesson.rows} == {"pool"} for lesson in taught)
    assert {row.id for row in taught[0].rows} != set(chosen[:9].tolist())
    # Features that no point needs are not computed; those of the holdout are.
    assert all((table.points != 0).any(axis=1).sum() >= 12 + len(holdout) for table in computed)
    assert not list((store.folder(project_id) / "tuned").glob("maps-*"))


def test_a_job_that_died_after_the_tuning_goes_on_with_its_weights(
    made: tuple[Store, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, project_id = made

    def die(*_: object) -> None:
        raise JobCancelled("the machine stopped")

    with monkeypatch.context() as patch:
        patch.setattr("alcore.jobs.tuning.Filling.fill", die)
        with pytest.raises(JobCancelled):
            features.tune_now(store, project_id, 1)
    with store.read() as connection:
        job = jobs.newest(connection, project_id, "tuning")
    assert job is not None and job.args["labels"] == 9
    with store.write() as connection:
        jobs.request(connection, project_id, "tuning", time.time(), args=job.args)
    monkeypatch.setattr(tuning, "tune", die)
    features.tune_now(store, project_id, 1)
    tuned = files.status(store.folder(project_id), files.TUNED)
    assert tuned is not None and tuned.tuned == job.args["weights"]


def test_new_images_are_seen_by_the_stages_as_they_were_tuned(
    made: tuple[Store, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, project_id = made
    features.tune_now(store, project_id, 1)
    folder = store.folder(project_id)
    before = files.status(folder, files.TUNED)
    about = folder / "features" / "about.json"
    about.write_text(about.read_text().replace(f'"images": {IMAGES_MADE}', '"images": 20'))
    features.compute_now(store, project_id, 1)
    with store.read() as connection:
        job = jobs.newest(connection, project_id, "tuning")
    assert job is not None and job.state == "waiting" and before is not None
    assert job.args["weights"] == before.tuned
    monkeypatch.setattr(tuning, "tune", None)  # must not be called
    features.tune_now(store, project_id, 1)
    after = files.status(folder, files.TUNED)
    assert after is not None and (after.tuned, after.images) == (before.tuned, IMAGES_MADE)


def test_another_extractor_is_not_tuned_by_itself_and_the_next_model_has_its_features(
    made: tuple[Store, int], tmp_path: Path
) -> None:
    store, project_id = made
    features.tune_now(store, project_id, 1)
    training.train_now(store, project_id, 1)
    weights = tmp_path / "other.pth"
    torch.save(timm.create_model("test_byobnet", pretrained=False).state_dict(), weights)
    project = project_of(store, project_id)
    other = LearnerRule(extractor="test_byobnet", extractor_file=str(weights))
    projects.edit(store, project, replace(project.settings, learner=other))
    features.compute_now(store, project_id, 1)
    status = features.status(store, project_id)
    assert status.tuned is None and status.tuning is not None and status.tuning.state == "done"
    with store.read() as connection:
        train = jobs.newest(connection, project_id, "train")
    assert train is not None and train.state == "waiting"
    with pytest.raises(TrainingImpossible, match="no stages that alcore can tune"):
        features.tune_now(store, project_id, 1)


def test_new_images_bring_a_training_where_tuning_is_switched_off(
    tuned: tuple[Store, int, Project],
) -> None:
    store, project_id, project = tuned
    off = replace(project.settings.learner, tunes=False)
    projects.edit(store, project, replace(project.settings, learner=off))
    features.compute_now(store, project_id, 1)
    with store.read() as connection:
        tuning_job, train = (
            jobs.newest(connection, project_id, kind) for kind in ("tuning", "train")
        )
    assert tuning_job is not None and tuning_job.state == "done"
    assert train is not None and train.state == "waiting"


def test_a_disk_without_room_for_what_stages_see_is_said_before_it_is_full(
    made: tuple[Store, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, project_id = made
    asked: list[int] = []

    def full(folder: Path, needed: int = 0) -> None:
        asked.append(needed)
        if folder.name == "maps-tuning":
            raise NoRoom("the disk is full")

    monkeypatch.setattr("alcore.disk.check_room", full)
    with pytest.raises(NoRoom):
        features.tune_now(store, project_id, 1)
    assert asked[-1] == 2 * 9 * 10 * 10 * 80  # labels, places and channels, and no mirror images
    assert not list((store.folder(project_id) / "tuned").glob("maps-*"))


def test_without_features_or_with_one_class_it_is_said_why_nothing_is_tuned(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store.open(workspace)
    monkeypatch.setenv("ALCORE_FEATURES", "no")
    project_id = a_project(store, "shapes")
    with pytest.raises(TrainingImpossible, match="at least 2 classes"):
        features.tune(store, project_id)
    give_labels(store, project_id, 9)
    with pytest.raises(TrainingImpossible, match="no features yet"):
        features.tune_now(store, project_id, 1)
    other = a_project(store, "hub", LearnerRule(extractor="test_byobnet"))
    give_labels(store, other, 9)
    with pytest.raises(TrainingImpossible, match="no features yet"):
        features.tune_now(store, other, 1)
    store.close()


def test_only_owners_start_and_stop_it(made: tuple[Store, int]) -> None:
    store, project_id = made
    with store.write() as connection:
        owner, guest = (
            labels.annotator_named(connection, name, 1.0).id for name in ("Ana", "guest")
        )
    people.set_role(store, project_id, None, owner, "owner")
    for action in (features.tune, features.stop_tuning):
        with pytest.raises(NotAllowed):
            action(store, project_id, guest)


# -- when it is due ------------------------------------------------------------------------------


def asked(store: Store, project_id: int) -> bool:
    """Tell whether a round would ask for a tuning now."""
    project = project_of(store, project_id)
    with store.write() as connection:
        due.request_tuning(connection, project, files.status(store.folder(project_id)), time.time())
        job = jobs.newest(connection, project_id, "tuning")
        return job is not None and job.state == "waiting"


def test_it_is_due_at_some_labels_and_again_when_they_have_grown_by_half(
    made: tuple[Store, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, project_id = made
    monkeypatch.setattr(due, "TUNING_FROM", 10)
    monkeypatch.setenv("ALCORE_FEATURES", "yes")
    assert not asked(store, project_id)  # nine labels
    give_labels(store, project_id, 1, at=2_000_000.0)
    for reason, patch in (
        ("features are not computed here", lambda p: p.setenv("ALCORE_FEATURES", "no")),
        ("it would take too long", lambda p: p.setattr(due, "LONGEST_TUNING", 1.0)),
    ):
        with monkeypatch.context() as other:
            patch(other)
            assert not asked(store, project_id), reason
    assert asked(store, project_id)
    features.tune_now(store, project_id, 1)
    give_labels(store, project_id, 4, at=3_000_000.0)
    assert not asked(store, project_id)  # 14 of 15
    give_labels(store, project_id, 1, at=4_000_000.0)
    assert asked(store, project_id)


def test_a_project_that_does_not_want_it_is_not_tuned(
    made: tuple[Store, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, project_id = made
    monkeypatch.setattr(due, "TUNING_FROM", 5)
    monkeypatch.setenv("ALCORE_FEATURES", "yes")
    project = project_of(store, project_id)
    learner = replace(project.settings.learner, tunes=False)
    projects.edit(store, project, replace(project.settings, learner=learner))
    assert not asked(store, project_id)
    projects.edit(store, project_of(store, project_id), project.settings)
    assert asked(store, project_id)


def test_its_time_is_estimated_before() -> None:
    little, much = (costs.tuning_seconds(100, n, 160) for n in (1_000, 50_000))
    assert 20 < little < 60 and 400 < much < 500
    assert costs.tuning_seconds(4_000, 1_000, 160) > 3 * costs.tuning_seconds(100, 1_000, 160) / 2
