"""Owns the proof that agreement and consensus are what the papers say they are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from alcore import agreement, consensus

NONE = -1
# Krippendorff 2011, section C: four observers, twelve units, five values, some missing.
FOUR_OBSERVERS = (
    np.array(
        [
            [1, 2, 3, 3, 2, 1, 4, 1, 2, 0, 0, 0],
            [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, 0, 3],
            [0, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, 0],
            [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, 0],
        ]
    ).T
    - 1
)
# The example of Fleiss' kappa in many textbooks: fourteen raters, ten subjects, five categories.
FOURTEEN_RATERS = [
    [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
]  # fmt: skip


def spelled_out(table: list[list[int]]) -> np.ndarray:
    """Turn counts per class into votes, each item's by other people in another order."""
    rows = [np.repeat(np.arange(len(row)), row) for row in table]
    return np.array([np.roll(row, i) for i, row in enumerate(rows)])


# -- agreement ---------------------------------------------------------------------------------


def test_alpha_is_that_of_krippendorffs_own_example() -> None:
    assert agreement.krippendorff_alpha(FOUR_OBSERVERS, 5) == pytest.approx(0.743, abs=5e-4)


def test_fleiss_kappa_is_that_of_the_textbooks() -> None:
    votes = spelled_out(FOURTEEN_RATERS)
    assert agreement.fleiss_kappa(votes, 5) == pytest.approx(0.2099, abs=5e-5)


def test_cohens_kappa_is_that_of_the_textbooks_and_counts_only_what_both_answered() -> None:
    pairs = [(0, 0)] * 20 + [(0, 1)] * 5 + [(1, 0)] * 10 + [(1, 1)] * 15 + [(1, NONE), (NONE, 0)]
    (found,) = agreement.pairs(np.array(pairs), 2)
    assert (found.items, found.equal) == (50, 35)
    assert found.kappa == pytest.approx(0.4)
    assert agreement.pairs(np.array([[0, NONE], [NONE, 0]]), 2) == []


def test_answers_of_others_are_counted_one_by_one() -> None:
    votes = np.array([[0, 0, 1], [1, NONE, NONE], [1, 1, NONE]])
    equal, met = agreement.with_others(votes)
    assert (equal.tolist(), met.tolist()) == ([2, 2, 0], [3, 3, 2])


@pytest.mark.parametrize("votes", [np.zeros((0, 0), int), np.array([[0, NONE]]),
                                   np.array([[1, 1], [1, 1]])])  # fmt: skip
def test_what_cannot_be_told_is_none(votes: np.ndarray) -> None:
    assert agreement.fleiss_kappa(votes, 2) is None
    assert agreement.krippendorff_alpha(votes, 2) is None


VOTES = arrays(
    np.int64, st.tuples(st.integers(2, 8), st.integers(2, 5)), elements=st.integers(-1, 2)
)


@given(VOTES, st.randoms(use_true_random=False))
@settings(max_examples=80, deadline=None)
def test_the_order_of_people_items_and_names_does_not_matter(votes: np.ndarray, chance) -> None:
    shuffled = votes[chance.sample(range(len(votes)), len(votes))]
    shuffled = shuffled[:, chance.sample(range(votes.shape[1]), votes.shape[1])]
    named = np.array([*chance.sample(range(3), 3), NONE])[shuffled]
    for measure in (agreement.fleiss_kappa, agreement.krippendorff_alpha):
        one, other = measure(votes, 3), measure(named, 3)
        assert one == other or one == pytest.approx(other)
        assert one is None or one <= 1 + 1e-12


def test_votes_by_chance_agree_no_more_than_chance() -> None:
    votes = np.random.default_rng(0).integers(0, 4, (4_000, 3))
    assert agreement.fleiss_kappa(votes, 4) == pytest.approx(0, abs=0.03)
    assert agreement.krippendorff_alpha(votes, 4) == pytest.approx(0, abs=0.03)


# -- consensus ---------------------------------------------------------------------------------


def simulated(
    confusions: list[np.ndarray], n: int, seed: int, missing: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Draw true classes evenly, and what people with these confusion matrices say of them."""
    rng = np.random.default_rng(seed)
    n_classes = len(confusions[0])
    true = rng.integers(0, n_classes, n)
    votes = np.stack(
        [
            [rng.choice(n_classes, p=confusion[t]) for t in true]
            for confusion in confusions
        ],
        axis=1,
    )  # fmt: skip
    votes[rng.random(votes.shape) < missing] = NONE
    return true, votes


def person(right: float, n_classes: int = 3) -> np.ndarray:
    wrong = (1 - right) / (n_classes - 1)
    return np.full((n_classes, n_classes), wrong) + np.eye(n_classes) * (right - wrong)


def majority(votes: np.ndarray, n_classes: int) -> np.ndarray:
    """The class with most votes; of as many, the last one's, as the log has it."""
    table = agreement.counts(votes, n_classes).astype(float)
    for row, said in zip(table, votes, strict=True):
        for place, vote in enumerate(said):
            row[vote] += 1e-3 * place if vote != NONE else 0
    return table.argmax(axis=1)


def test_dawid_and_skene_find_who_confuses_what() -> None:
    confused = np.array([[0.2, 0.8, 0.0], [0.1, 0.9, 0.0], [0.05, 0.05, 0.9]])
    people = [person(0.9), person(0.8), confused, person(0.85)]
    true, votes = simulated(people, 1_500, seed=1, missing=0.2)
    found = consensus.dawid_skene(votes, 3)
    assert np.abs(found.confusion - np.array(people)).max() < 0.07
    assert np.allclose(found.prior, 1 / 3, atol=0.04)
    ours = np.mean(consensus.choose(found.posterior, votes) == true)
    assert ours > np.mean(majority(votes, 3) == true) + 0.02


def test_two_who_always_say_the_same_are_outvoted_by_one_who_is_known_to_be_right() -> None:
    votes = np.array([[i % 2, 0, 0] for i in range(30)])
    known = np.array([i % 2 if i < 20 else NONE for i in range(30)])
    found = consensus.dawid_skene(votes, 2, known)
    assert consensus.choose(found.posterior, votes).tolist() == [i % 2 for i in range(30)]
    assert not majority(votes, 2).any()


def test_a_model_that_is_right_more_often_than_people_settles_their_quarrels() -> None:
    true, votes = simulated([person(0.7), person(0.7), person(0.55)], 800, seed=2)
    rng = np.random.default_rng(3)
    guess = np.where(rng.random(800) < 0.92, true, rng.integers(0, 3, 800))
    probabilities = np.full((800, 3), 0.05) + 0.85 * np.eye(3)[guess]
    labels = majority(votes, 3)
    weights = consensus.trust(votes, labels, probabilities.argmax(axis=1))
    quality = consensus.model_weighted(votes, probabilities, weights)
    assert np.allclose(quality.sum(axis=1), 1)
    ours = np.mean(consensus.choose(quality, votes) == true)
    assert ours > np.mean(labels == true) + 0.05


def test_a_model_that_knows_nothing_does_not_overrule_people_who_agree() -> None:
    true, votes = simulated([person(0.95)] * 3, 400, seed=4)
    noise = np.random.default_rng(5).dirichlet(np.ones(3), 400)
    weights = consensus.trust(votes, majority(votes, 3), noise.argmax(axis=1))
    quality = consensus.model_weighted(votes, noise, weights)
    assert np.mean(consensus.choose(quality, votes) == true) > 0.97


def test_with_few_shared_items_nobody_is_weighed() -> None:
    votes = np.array([[0, 1]] * (consensus.ENOUGH - 1) + [[0, NONE]] * 50)
    weights = consensus.trust(votes, votes[:, 0], votes[:, 0])
    assert (weights.model, weights.annotators.tolist()) == (1.0, [1.0, 1.0])
    assert consensus.model_weighted(votes, np.full((len(votes), 2), 0.5), weights) is None


@given(VOTES)
@settings(max_examples=60, deadline=None)
def test_a_consensus_is_a_class_that_somebody_named(votes: np.ndarray) -> None:
    found = consensus.dawid_skene(votes, 3)
    assert np.allclose(found.posterior.sum(axis=1), 1)
    for chosen, said in zip(consensus.choose(found.posterior, votes), votes, strict=True):
        assert chosen in said if (said >= 0).any() else chosen == NONE
