"""Owns the known answers, worked out by hand, of strategies that ask the model for more."""

from __future__ import annotations

import numpy as np
import pytest

from alcore.strategies import (
    Context,
    Signals,
    adversarial,
    bald,
    consensus_entropy,
    consistency,
    discriminative,
    dispersion,
    ensembles,
    history_forest,
    inner_history_forest,
    mean_kl,
    outlier,
    vote_entropy,
)

CONTEXT = Context(("cat", "deer", "dog"), np.array([0, 1]), 1)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def score(module: object, **signals: object) -> list[float]:
    arrays = {name: np.asarray(value, np.float32) for name, value in signals.items()}
    return module.score(Signals(**arrays), rng(), {}, CONTEXT).tolist()


SURE_BUT_SPLIT = [[1, 0, 0], [0, 1, 0]]
UNSURE_TOGETHER = [[0.5, 0.5, 0], [0.5, 0.5, 0]]
AGREED = [[1, 0, 0], [1, 0, 0]]


@pytest.mark.parametrize(("module", "signal"), [(bald, "dropout"), (mean_kl, "committee")])
def test_disagreement_counts_and_shared_doubt_does_not(module: object, signal: str) -> None:
    found = score(module, **{signal: [SURE_BUT_SPLIT, UNSURE_TOGETHER, AGREED]})
    assert found == pytest.approx([np.log(2), 0, 0], abs=1e-6)


def test_disagreement_is_the_mean_divergence_to_the_consensus() -> None:
    given = rng().dirichlet(np.ones(4), (50, 6))
    mean = given.mean(axis=1, keepdims=True)
    divergence = (given * np.log(given / mean)).sum(axis=2).mean(axis=1)
    np.testing.assert_allclose(ensembles.disagreement(given.astype(np.float32)), divergence, 1e-4)
    half = ensembles.disagreement(given.astype(np.float16))
    np.testing.assert_allclose(half, divergence, atol=2e-3)


def test_vote_entropy_counts_heads_and_consensus_entropy_weighs_them() -> None:
    committee = [SURE_BUT_SPLIT, UNSURE_TOGETHER, [[0.9, 0.1, 0], [0.6, 0.4, 0]]]
    assert score(vote_entropy, committee=committee) == pytest.approx([np.log(2), 0, 0])
    together = -(0.75 * np.log(0.75) + 0.25 * np.log(0.25))
    found = score(consensus_entropy, committee=committee)
    assert found == pytest.approx([np.log(2), np.log(2), together])
    given = Signals(committee=np.array([[[1, 0, 0], [0, 1, 0], [0.2, 0.8, 0]]]))
    assert vote_entropy.reasons(given, np.array([0]), np.array([0.6]), CONTEXT) == [
        "committee votes: deer ×2, cat ×1"
    ]


def test_label_dispersion_is_the_share_of_other_predictions() -> None:
    one_hot = np.eye(3)
    history = [one_hot[[0, 1, 1, 1]], one_hot[[2, 2, 2, 2]], one_hot[[0, 1, 0, 1]]]
    assert score(dispersion, history=history) == pytest.approx([0.25, 0, 0.5])
    given = Signals(history=np.array(history))
    said = "while learning, the model said deer only 3 of 4 times"
    assert dispersion.reasons(given, np.array([0]), np.array([0.25]), CONTEXT) == [said]


def test_consistency_sums_the_variances_of_the_classes() -> None:
    augmented = [[[0, 1, 0]], [[1, 0, 0]]]
    found = score(consistency, probabilities=[[1, 0, 0], [1, 0, 0]], augmented=augmented)
    assert found == pytest.approx([0.25 + 0.25, 0])


def test_an_outlier_has_low_ranks_among_the_holdout_in_all_classes() -> None:
    holdout = [[1, 10, 0], [2, 20, 0], [3, 30, 0], [4, 40, 0]]
    logits = [[0, 0, -1], [5, 50, 1], [2.5, 10, 0]]
    # The third: 2 of 4 below; half of the one equal; half of four equal.
    third = 1 - (2 + 0.5 + 2) / 12
    assert score(outlier, logits=logits, holdout_logits=holdout) == pytest.approx([1, 0, third])
    assert score(outlier, logits=logits, holdout_logits=np.empty((0, 3))) == [0, 0, 0]


def test_adversarial_takes_short_distances_first_then_small_margins() -> None:
    probabilities = [[0.5, 0.5, 0], [0.9, 0.1, 0], [0.6, 0.4, 0], [1, 0, 0]]
    found = score(
        adversarial, probabilities=probabilities, flip_distance=[0.7, 0.2, np.nan, np.nan]
    )
    assert np.argsort(found)[::-1].tolist() == [1, 0, 2, 3]
    assert found[:2] == pytest.approx([-0.7, -0.2])
    none = score(adversarial, probabilities=probabilities, flip_distance=[np.nan] * 4)
    assert np.argsort(none)[::-1].tolist() == [0, 2, 1, 3]


def test_discriminative_finds_the_group_without_labels() -> None:
    points = rng().normal(size=(300, 6)).astype(np.float32)
    points[:30, 0] += 6
    labeled = rng(1).normal(size=(40, 6)).astype(np.float32)
    given = Signals(embeddings=points, labeled_embeddings=labeled)
    chosen = discriminative.DISCRIMINATIVE.select(given, np.arange(300), 10, rng(), {}, CONTEXT)
    assert np.mean(chosen.item_ids < 30) >= 0.8
    # Having some of them, it turns to others: that is what the parts are for.
    more = discriminative.DISCRIMINATIVE.select(given, np.arange(300), 100, rng(), {}, CONTEXT)
    assert more.item_ids[:10].tolist() == chosen.item_ids.tolist()
    assert not set(more.item_ids[10:40].tolist()) <= set(range(30))
    assert np.all(np.diff(more.scores) <= 0)


@pytest.mark.parametrize(
    ("module", "pool", "labeled"),
    [
        (history_forest, "history", "labeled_history"),
        (inner_history_forest, "inner_history", "labeled_inner_history"),
    ],
)
def test_forests_find_items_that_were_learned_otherwise(
    module: object, pool: str, labeled: str
) -> None:
    def learned(n: int, late: bool, seed: int) -> np.ndarray:
        shares = rng(seed).dirichlet([30, 5, 5], (n, 5))
        if late:  # unsure until the end
            shares[:, :4] = rng(seed + 1).dirichlet([5, 5, 5], (n, 4))
        return shares

    given = {pool: np.concatenate([learned(180, False, 0), learned(40, True, 5)])}
    found = np.array(score(module, **given, **{labeled: learned(60, False, 9)}))
    assert found.shape == (220,) and np.all((found >= 0) & (found <= 1))
    print(f"{pool}: late {found[180:].mean():.2f}, others {found[:180].mean():.2f}")
    assert np.mean(np.argsort(found)[-40:] >= 180) > 0.8


def test_forests_know_nothing_without_labels_or_candidates() -> None:
    empty = np.empty((0, 5, 3))
    assert score(history_forest, history=np.ones((4, 5, 3)), labeled_history=empty) == [0.5] * 4
    assert score(history_forest, history=empty, labeled_history=np.ones((4, 5, 3))) == []
    assert score(inner_history_forest, inner_history=empty, labeled_inner_history=empty) == []
