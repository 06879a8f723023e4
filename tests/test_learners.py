"""Owns the proof that every learner keeps the promises that a round relies on, live as well."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from test_pretraining import newest, shapes
from test_rounds import HELD, IDS, IMAGES, POOL, TRUE, Case, a_case, quiet

from alcore import rounds, strategies
from alcore.config import LearnerRule, Workspace
from alcore.errors import InvalidSettings, TrainingImpossible, UnknownItem
from alcore.estimators import ESTIMATORS
from alcore.job_kinds import function_of
from alcore.learner import estimators as made
from alcore.learner import networks, transfer
from alcore.learner.architecture import Architecture
from alcore.records import Calibration
from alcore.rounds import SignalTask
from alcore.rounds import features as kinds
from alcore.services import pool_predictions, projects, training
from alcore.store import Store, calibrations, jobs, label_checks, labels, queue
from alcore.store import projects as stored_projects
from alcore.workers.attempts import run

KINDS = ("network", *ESTIMATORS)


@pytest.fixture
def store(workspace: Workspace) -> Iterator[Store]:
    opened = Store.open(workspace)
    yield opened
    opened.close()


def a_round(kind: str, count: int = 60, **changes: object) -> Case:
    return a_case(count, rule=LearnerRule(kind=kind), **changes)


@pytest.mark.parametrize("kind", KINDS)
def test_every_learner_does_a_whole_round_and_repeats_itself(kind: str) -> None:
    given = a_round(kind)
    seen: list[float] = []
    first, again = given.run(lambda _, share: seen.append(share)), given.run()
    assert seen == sorted(seen) and seen[0] == 0 and seen[-1] == 1
    assert first.evaluation == again.evaluation
    assert np.array_equal(first.scores, again.scores)
    assert first.selection.item_ids.tolist() == again.selection.item_ids.tolist()
    assert first.selection.reasons == again.selection.reasons
    assert first.evaluation.n == 300
    # Trees that mend each other cannot yet say much after six labels a class.
    assert first.evaluation.accuracy > (0.15 if kind == "gradient boosting" else 0.6)
    assert first.suggestions.shape == (30, 10)
    np.testing.assert_allclose(first.suggestions.sum(axis=1), 1, atol=1e-5)
    assert set(first.selection.item_ids) <= set(given.task.candidate_ids)
    assert given.measure() == first.evaluation


@pytest.mark.parametrize("kind", KINDS)
def test_every_learner_gives_the_signals_it_promises_and_no_other_is_asked_for(kind: str) -> None:
    given = a_round(kind, strategy="margin")
    learner, lesson = given.learner, given.lesson
    asked, own = IDS[POOL[60:100]], learner.gives - {"crossfit"}
    with learner.computing(lesson, "a test"):
        model = learner.fit(lesson, 0, lambda share: None, own)
        pool = model.predict(asked, lambda share: None, embeddings=True)
        held = model.predict(HELD.ids, lambda share: None, embeddings=True)
        signals = model.signals(SignalTask(own, asked, pool, held, 10), lambda share: None)
    for need in own:
        value = getattr(signals, need)
        assert np.isfinite(value).any(), need
        assert len(value) == (300 if need == "holdout_logits" else 60 if "labeled" in need else 40)
    if learner.gives < set(strategies.contract.Need.__args__):
        with pytest.raises(InvalidSettings, match=r"which the learner .* cannot give"):
            given.but(strategy="BALD").run(lambda *_: pytest.fail("training began"))


@pytest.mark.parametrize("kind", KINDS)
def test_every_learner_is_cross_validated_and_calibrated_by_the_same_rules(kind: str) -> None:
    given = a_round(kind, 80)
    found = rounds.cross_validate(given.learner, given.lesson, IDS[POOL[100:110]], quiet)
    assert found.probabilities.shape == (90, 10)
    guesses = found.probabilities[:80].argmax(axis=1)
    right = np.mean(guesses == TRUE[POOL[:80]])
    assert right > (0.15 if kind == "gradient boosting" else 0.5)
    known = replace(found.calibration, temperature=2.0)
    plain, calibrated = given.run(), given.but(calibrations=(known,)).run()
    assert calibrated.model.temperature == 2
    assert calibrated.evaluation.nll != pytest.approx(plain.evaluation.nll)
    assert calibrated.calibration.nll == pytest.approx(plain.evaluation.nll, rel=0.05)


@pytest.mark.parametrize("kind", ["network", "naive bayes"])
def test_every_learner_refuses_one_class_and_items_without_pixels(kind: str) -> None:
    with pytest.raises(TrainingImpossible, match="all 60 labels say '7'; a model needs labels"):
        a_round(kind, labels=np.full(60, 7)).run()
    with pytest.raises(TrainingImpossible, match="no labels; a model needs labels"):
        a_round(kind, labels=TRUE[:0], labeled_ids=IDS[:0]).run()
    with pytest.raises(UnknownItem):
        a_round(kind, stop_ids=np.array([5])).run()


def test_a_class_without_labels_gets_no_probability_and_keeps_its_place() -> None:
    few = POOL[np.isin(TRUE[POOL], (3, 8))][:40]
    given = a_round("random forest", labeled_ids=IDS[few], labels=TRUE[few])
    result = given.run()
    assert np.flatnonzero(result.suggestions.sum(axis=0)).tolist() == [3, 8]
    assert set(result.holdout_predicted.tolist()) == {3, 8}


def test_support_vectors_begin_with_two_labels_and_are_calibrated_once_there_are_enough() -> None:
    features = kinds.of_pixels(IMAGES)
    machine = made.build("support vectors", {}, 0)
    two = POOL[[0, int(np.flatnonzero(TRUE[POOL] != TRUE[POOL[0]])[0])]]
    assert machine.fit(features(two), TRUE[two]).temperature_ == 1
    assert machine.predict(features(two)).tolist() == TRUE[two].tolist()
    many = POOL[:300]
    machine.fit(features(many), TRUE[many])
    shares = machine.predict_proba(features(POOL[300:]))
    picked = shares.max(axis=1)
    right = shares.argmax(axis=1) == TRUE[POOL[300:]]
    assert machine.temperature_ != 1 and right.mean() > 0.9
    assert abs(picked.mean() - right.mean()) < 0.05, "it is right as often as it says"


def test_large_images_are_averaged_and_small_ones_are_their_pixels() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), dtype=np.uint8)
    features = kinds.of_pixels(rounds.Images(pixels, np.arange(3), 3))(np.array([2, 0]))
    assert features.shape == (2, 32 * 32 * 3)
    assert features[0, :3] == pytest.approx(pixels[2, :2, :2].mean(axis=(0, 1)) / 255, rel=1e-5)
    small = kinds.of_pixels(IMAGES)(np.array([7]))
    assert np.array_equal(small[0] * 255, IMAGES.pixels[7, ..., 0].ravel().astype(np.float32))


def test_a_round_with_an_estimator_loads_no_torch() -> None:
    code = (
        "import sys, numpy as np\n"
        "from alcore.config import LearnerRule\n"
        "from alcore.rounds import *\n"
        "pixels = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 3), dtype=np.uint8)\n"
        "ids = np.arange(40); images = Images(pixels, ids, 1)\n"
        "learner = learner_of(LearnerRule(kind='naive bayes'), 'none', images, ('a', 'b'))\n"
        "lesson = Lesson(images, ids[:10], ids[:10] % 2, ('a', 'b'), 0, 1, 1)\n"
        "task = SelectionTask(ids[20:], 'margin', {}, 5, 5)\n"
        "assert 'sklearn' not in sys.modules\n"
        "run_round(learner, lesson, Holdout(ids[10:20], ids[10:20] % 2), task, lambda *_: None)\n"
        "assert 'torch' not in sys.modules and 'sklearn' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# -- live --------------------------------------------------------------------------------------


def learn_with(store: Store, project_id: int, **changes: object) -> None:
    project = projects.get(store, project_id)
    learner = replace(project.settings.learner, **changes)
    projects.edit(store, project, replace(project.settings, learner=learner))


def do(store: Store, project_id: int, kind: str) -> None:
    with store.write() as connection:
        jobs.request(connection, project_id, kind, time.time())
        job = jobs.take(connection, [kind], "test", time.time(), project_id)
    assert run(store, job, function_of(kind), 1) is None


def test_a_live_project_learns_with_an_estimator_in_all_its_jobs(store: Store) -> None:
    made = shapes(store, 100)
    learn_with(store, made, kind="random forest")
    done = training.train_now(store, made, 1)
    assert (done.recipe.network, done.recipe.weights) == ("random forest", "pixels")
    assert done.checkpoint is None, "nothing is kept that could run code when it is read"
    assert done.versions["sklearn"] and "torch" not in done.versions
    with store.read() as connection:
        assert len(queue.queued(connection, made)) > 10
        counting = sum(labels.per_class(connection, made).values())
    cache = pool_predictions.PredictionCache(store)
    assert cache.get(made) is None
    assert "random forest, which leaves no embeddings" in cache.why_none(made)
    do(store, made, "label_check")
    with store.read() as connection:
        assert label_checks.last_check(connection, made)[1] == counting
    do(store, made, "baseline")
    assert newest(store, made, "baseline").state == "done"
    # The next round compares itself with it, and a network goes on after it.
    second = training.train_now(store, made, 1)
    assert second.stop.kappa is not None
    learn_with(store, made, kind="network", mode="warm")
    third = training.train_now(store, made, 1)
    assert (third.mode, third.recipe.network) == ("fresh", "small CNN")
    assert third.checkpoint is not None


def test_labels_checked_by_an_estimator_calibrate_its_rounds(store: Store) -> None:
    made = shapes(store, 100)
    learn_with(store, made, kind="k nearest")
    with store.write() as connection:
        known = Calibration(3.0, 60, "k nearest on pixels", time.time(), of_labels=60)
        calibrations.put(connection, made, known)
    assert training.train_now(store, made, 1).calibration.temperature == 3


def test_an_estimator_learns_from_embeddings_of_pretrained_weights_where_there_are_some(
    store: Store, workspace: Workspace
) -> None:
    made = shapes(store)
    learn_with(store, made, kind="k nearest", features="embeddings")
    first = training.train_now(store, made, 1)
    assert first.recipe.weights == "pixels"
    assert "no pretrained weights" in first.recipe.notes[0]
    with store.read() as connection:
        project = stored_projects.get(connection, made)
    ours = Architecture("small CNN", project.channels, 8, 2)
    path = workspace.root / "weights.safetensors"
    transfer.extract(networks.build(ours), ours, "a test").save(path)
    learn_with(store, made, weights="file", weights_file=str(path))
    second = training.train_now(store, made, 1)
    assert (second.recipe.weights, second.recipe.notes) == ("a test", ())


def test_a_live_project_takes_no_estimator_but_those_of_the_list(store: Store) -> None:
    made = shapes(store)
    dotted = "sklearn.naive_bayes.MultinomialNB"
    for name in (dotted, "subprocess.Popen"):
        with pytest.raises(InvalidSettings, match="is not one that may be used here"):
            learn_with(store, made, kind=name)
    with pytest.raises(InvalidSettings, match="no learner called 'forest'; choose from auto"):
        LearnerRule(kind="forest")
    store.workspace.estimators.write_text(f"# allowed here\n{dotted}\n")
    learn_with(store, made, kind=dotted)
    assert training.train_now(store, made, 1).recipe.network == dotted
    # Off the list again, not even a stored setting brings it back.
    store.workspace.estimators.unlink()
    with pytest.raises(InvalidSettings, match="is not one that may be used here"):
        training.train_now(store, made, 1)


def test_a_strategy_that_an_estimator_cannot_serve_is_refused_when_it_is_chosen(
    store: Store,
) -> None:
    made = shapes(store)
    project = projects.get(store, made)
    rule = LearnerRule(kind="naive bayes")
    with pytest.raises(InvalidSettings, match="needs dropout, which the learner 'naive bayes'"):
        projects.edit(store, project, replace(project.settings, strategy="BALD", learner=rule))
