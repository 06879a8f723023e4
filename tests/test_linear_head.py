"""Owns the proof that the linear head learns from each label and forgets nothing by it."""

from __future__ import annotations

import numpy as np
import pytest

from alcore import linear_head


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(3)


def blobs(rng: np.random.Generator, n: int, classes: int = 3) -> tuple[np.ndarray, np.ndarray]:
    centres = 4 * np.eye(classes, 32)
    labels = rng.integers(classes, size=n)
    return (centres[labels] + rng.normal(size=(n, 32))).astype(np.float32), labels


def loss(
    embeddings: np.ndarray,
    targets: np.ndarray,
    prior: np.ndarray,
    head: np.ndarray,
    hold: float = linear_head.HOLD,
) -> float:
    """What a refit minimises, written as its docstring says it."""
    spread = embeddings.var(axis=0)
    spread = np.append(spread + 1e-3 * spread.mean(), 1.0)
    p = linear_head.probabilities(embeddings, head)
    ridge = hold * 33 / 2 * np.sum(spread[:, None] * (head - prior) ** 2)
    return float(-(targets * np.log(p)).sum() + ridge)


def test_probabilities_are_the_softmax_of_the_linear_layer(rng: np.random.Generator) -> None:
    head = np.array([[0.0, np.log(3)], [0.0, 0.0]], np.float32)
    found = linear_head.probabilities(np.array([[1.0], [0.0]], np.float32), head)
    np.testing.assert_allclose(found, [[0.25, 0.75], [0.5, 0.5]], rtol=1e-6)
    many, _ = blobs(rng, 5000)
    head = rng.normal(scale=0.5, size=(33, 400)).astype(np.float32)
    logits = many.astype(np.float64) @ head[:-1] + head[-1]
    wanted = np.exp(logits - logits.max(axis=1, keepdims=True))
    wanted /= wanted.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(linear_head.probabilities(many, head), wanted, atol=2e-5)


def test_a_refit_finds_the_minimum_that_it_promises(rng: np.random.Generator) -> None:
    embeddings, labels = blobs(rng, 60)
    targets = np.eye(3, dtype=np.float32)[labels]
    prior = rng.normal(scale=0.1, size=(33, 3)).astype(np.float32)
    near = linear_head.refit(embeddings, targets, prior, prior, embeddings.var(axis=0), 2000)
    quick = linear_head.refit(embeddings, targets, prior, prior, embeddings.var(axis=0))
    best = loss(embeddings, targets, prior, near)
    assert loss(embeddings, targets, prior, prior) > 2 * best
    assert loss(embeddings, targets, prior, quick) == pytest.approx(best, rel=0.01)
    for _ in range(20):
        nudge = rng.normal(scale=0.01, size=near.shape).astype(np.float32)
        assert loss(embeddings, targets, prior, near + nudge) > best


def test_a_weight_counts_a_row_so_many_times(rng: np.random.Generator) -> None:
    embeddings, labels = blobs(rng, 20)
    targets, spread = np.eye(3, dtype=np.float32)[labels], embeddings.var(axis=0)
    prior, times = np.zeros((33, 3), np.float32), rng.integers(0, 4, 20)
    weighted, repeated = (
        linear_head.refit(e, t, prior, prior, spread, 2000, weights=w)
        for e, t, w in (
            (embeddings, targets, times.astype(np.float32)),
            (np.repeat(embeddings, times, axis=0), np.repeat(targets, times, axis=0), None),
        )
    )
    np.testing.assert_allclose(weighted, repeated, atol=1e-3)


def test_a_head_that_is_held_more_strongly_stays_nearer(rng: np.random.Generator) -> None:
    embeddings, labels = blobs(rng, 60)
    targets, spread = np.eye(3, dtype=np.float32)[labels], embeddings.var(axis=0)
    prior = np.zeros((33, 3), np.float32)
    loose, tight = (
        linear_head.refit(embeddings, targets, prior, prior, spread, 500, hold)
        for hold in (0.08, 8.0)
    )
    assert np.linalg.norm(tight) < 0.2 * np.linalg.norm(loose)
    assert loss(embeddings, targets, prior, tight, 8.0) < loss(
        embeddings, targets, prior, loose, 8.0
    )


def test_without_new_labels_the_head_stays_the_networks(rng: np.random.Generator) -> None:
    embeddings, _ = blobs(rng, 40)
    prior = rng.normal(scale=0.2, size=(33, 3)).astype(np.float32)
    targets = linear_head.probabilities(embeddings, prior)
    np.testing.assert_allclose(
        linear_head.refit(embeddings, targets, prior, prior, embeddings.var(axis=0)),
        prior,
        atol=1e-5,
    )


def test_one_label_moves_its_image_and_its_likes(rng: np.random.Generator) -> None:
    embeddings, _ = blobs(rng, 41)
    prior = np.zeros((33, 3), np.float32)
    prior[-1, 0] = 2.0
    targets = linear_head.probabilities(embeddings, prior)
    targets[-1] = [0, 0, 1]
    after = linear_head.probabilities(
        embeddings, linear_head.refit(embeddings, targets, prior, prior, embeddings.var(axis=0))
    )
    assert after[-1].argmax() == 2
    assert np.abs(after[:-1] - targets[:-1]).mean() < 0.1


def test_labels_of_other_images_teach_about_new_ones(rng: np.random.Generator) -> None:
    embeddings, labels = blobs(rng, 300)
    prior = np.zeros((33, 3), np.float32)
    targets = np.eye(3, dtype=np.float32)[labels[:60]]
    spread = embeddings.var(axis=0)
    head = linear_head.refit(embeddings[:60], targets, prior, prior, spread)
    found = linear_head.probabilities(embeddings[60:], head).argmax(axis=1)
    assert np.mean(found == labels[60:]) > 0.9


def test_features_that_never_move_do_no_harm(rng: np.random.Generator) -> None:
    embeddings, labels = blobs(rng, 60)
    embeddings[:, 3] = 0
    embeddings[:, 4] = 7
    prior = np.zeros((33, 3), np.float32)
    head = linear_head.refit(
        embeddings, np.eye(3, dtype=np.float32)[labels], prior, prior, embeddings.var(axis=0)
    )
    assert np.isfinite(head).all() and np.abs(head).max() < 10


def test_a_new_class_is_unlikely_until_it_has_a_label(rng: np.random.Generator) -> None:
    embeddings, _ = blobs(rng, 50)
    prior = rng.normal(scale=0.2, size=(33, 3)).astype(np.float32)
    wide = linear_head.widened(prior, 5)
    assert wide.shape == (33, 5)
    found = linear_head.probabilities(embeddings, wide)
    assert (found.argmax(axis=1) < 3).mean() > 0.9
    targets = found.copy()
    targets[0] = [0, 0, 0, 0, 1]
    after = linear_head.probabilities(
        embeddings, linear_head.refit(embeddings, targets, wide, wide, embeddings.var(axis=0))
    )
    assert after[0].argmax() == 4


def test_the_very_first_label_is_no_earthquake(rng: np.random.Generator) -> None:
    embeddings, labels = blobs(rng, 50)
    prior = np.zeros((33, 3), np.float32)
    target = np.eye(3, dtype=np.float32)[labels[:1]]
    head = linear_head.refit(embeddings[:1], target, prior, prior, embeddings.var(axis=0))
    assert 0.5 < linear_head.probabilities(embeddings[:1], head)[0, labels[0]] < 0.99
