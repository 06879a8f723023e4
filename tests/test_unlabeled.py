"""Owns the proof that images without labels teach a network, by what it is sure of itself."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from test_learner import NAMES, ask, halves, train

from alcore.learner import device, training, transfer, unlabeled
from alcore.learner.architecture import Network
from alcore.learner.checkpoints import Model
from alcore.learner.training import CHECKPOINTS, Extras, LabeledImages, LearnerSettings
from alcore.learner.transfer import Pretrained
from alcore.learner.unlabeled import Pool

SIDE = 8
LABELS = 6


def fit(
    pool: Pool | None,
    pretrained: Pretrained | None = None,
    recipe: str = "pseudo-labels",
    told: list[float] | None = None,
    watched: list[Network] | None = None,
) -> Model:
    pixels, labels = halves(LABELS, SIDE)
    settings = LearnerSettings(unlabeled="pseudo-labels" if recipe == "pseudo-labels" else "none")
    told, watched = ([] if given is None else given for given in (told, watched))
    with device.computing(0, 1):
        return training.fit(
            LabeledImages(pixels, labels, NAMES, 3),
            settings,
            0,
            told.append,
            watched.append,
            Extras(pretrained, pool=pool),
        )


def probabilities(model: Model) -> np.ndarray:
    return ask(model, halves(100, SIDE, seed=9)[0]).probabilities


@pytest.fixture(scope="module")
def pool() -> Pool:
    return Pool(halves(300, SIDE, seed=4)[0], np.arange(20, 300), 3)


@pytest.fixture(scope="module")
def start() -> Pretrained:
    """Weights that know halves, as those of a pretraining know a project's images."""
    model = train(100, SIDE, seed=1)
    return transfer.extract(model.network, model.architecture, "a test")


@pytest.mark.parametrize("weights", ["random", "pretrained"])
def test_images_without_labels_teach_and_what_was_done_is_told(
    weights: str, pool: Pool, start: Pretrained
) -> None:
    told: list[float] = []
    watched: list[Network] = []
    pretrained = start if weights == "pretrained" else None
    model = fit(pool, pretrained, told=told, watched=watched)
    truth = halves(100, SIDE, seed=9)[1]
    assert (probabilities(model).argmax(axis=1) == truth).mean() > 0.9
    assert not np.array_equal(probabilities(model), probabilities(fit(None, pretrained)))
    assert model.minibatches == unlabeled.minibatches(LABELS) == 300
    assert told == sorted(told) and told[-1] == 1.0 and told[0] < 0.01
    assert len(watched) == CHECKPOINTS


def test_an_empty_pool_changes_nothing_nor_one_that_the_recipe_does_not_use(pool: Pool) -> None:
    plain = probabilities(fit(None, recipe="none"))
    empty = Pool(pool.pixels, np.arange(0), 3)
    assert np.array_equal(plain, probabilities(fit(pool, recipe="none")))
    assert np.array_equal(plain, probabilities(fit(empty)))


def test_a_pool_of_one_image_is_enough(pool: Pool) -> None:
    assert np.isfinite(probabilities(fit(Pool(pool.pixels, np.array([7]), 3)))).all()


@pytest.mark.parametrize(("minibatch", "seen"), [(128, 192), (3, 96), (2, 64)])
def test_smaller_minibatches_see_fewer_images_of_both_kinds(
    minibatch: int, seen: int, pool: Pool, start: Pretrained, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where memory has run out, that is what there is room for."""
    counts = set()
    images = Pool.images

    def counting(pool: Pool, places: np.ndarray) -> torch.Tensor:
        counts.add(len(places))
        return images(pool, places)

    monkeypatch.setattr(Pool, "images", counting)
    monkeypatch.setattr(unlabeled, "minibatches", lambda labels: 10)
    pixels, labels = halves(LABELS, SIDE)
    settings = LearnerSettings(unlabeled="pseudo-labels", minibatch=minibatch)
    with device.computing(0, 1):
        training.fit(
            LabeledImages(pixels, labels, NAMES, 3),
            settings,
            0,
            lambda share: None,
            extras=Extras(start, pool=pool),
        )
    asked_at_first = {256, len(pool.rows) - 256}
    assert counts - asked_at_first == {seen}


def teacher_of(pool: Pool) -> tuple[Network, unlabeled._Teacher]:
    network = fit(None, recipe="none").network
    return network, unlabeled._Teacher(network, pool, torch.Generator().manual_seed(0))


def test_classes_keep_the_shares_that_the_network_gave_them_at_first(pool: Pool) -> None:
    """Without that, a class that it began to prefer would swallow the other."""
    network, teacher = teacher_of(pool)
    images = pool.images(np.arange(len(pool.rows)))
    first = teacher.answers(images).mean(dim=0)
    with torch.no_grad():
        network.head.bias.add_(torch.tensor([2.0, -2.0]).to(network.head.bias))
    for _ in range(1500):
        teacher.follow(network)
    with torch.no_grad():
        taken = network.eval()(images).softmax(dim=1).mean(dim=0)
    for _ in range(500):
        answers = teacher.answers(images).mean(dim=0)
    moved = float((taken - first).abs().max())
    assert moved > 0.1 and float((answers - first).abs().max()) < moved / 2


def test_the_teacher_is_the_mean_of_what_the_network_was(pool: Pool) -> None:
    network, teacher = teacher_of(pool)
    before = network.head.bias.detach().clone()
    with torch.no_grad():
        network.head.bias.add_(1.0)
    teacher.follow(network)
    near = teacher._mean.head.bias - before
    assert torch.allclose(near, torch.full_like(near, 0.9), atol=1e-5)
    for _ in range(3000):
        teacher.follow(network)
    assert torch.allclose(teacher._mean.head.bias, network.head.bias, atol=1e-3)
    before = teacher._mean.head.bias.clone()
    with torch.no_grad():
        network.head.bias.add_(1.0)
    teacher.follow(network)
    far = teacher._mean.head.bias - before
    assert torch.allclose(far, torch.full_like(far, 0.005), atol=1e-3)


def test_answers_that_are_not_sure_teach_nothing(
    pool: Pool, start: Pretrained, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Batch norm sees the images whatever they teach; weights follow the labels alone then."""
    monkeypatch.setattr(unlabeled, "minibatches", lambda labels: 20)
    other = Pool(255 - pool.pixels, pool.rows, 3)
    heads = {}
    for sure in (0.0, 1.01):
        monkeypatch.setattr(unlabeled, "_SURE", sure)
        heads[sure] = [fit(given, start).network.head.weight for given in (pool, other)]
    apart = [float((a - b).detach().abs().max()) for a, b in heads.values()]
    assert apart[0] > 1e-4 and apart[1] == 0.0
