"""Owns how several answers to one image become one: weighed by who gave them, and by the model.

L items, J annotators, C classes. Votes (L, J) are int64 classes 0 … C − 1, -1 for none. A
consensus is always a class that somebody named; of one answer it is that answer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alcore.agreement import counts

ENOUGH = 20
"""Items with two votes from which on annotators are compared with each other."""
_LEAST = 1e-4
"""The smallest weight, and the smallest error that others are compared with."""
_ROUNDS = 100
_SETTLED = 1e-4


@dataclass(frozen=True)
class Trust:
    """What a vote weighs."""

    model: float
    annotators: np.ndarray
    """(J,) float64."""
    agreement: float | None
    """How often a label agrees with the one in force; None until it can be told."""


@dataclass(frozen=True)
class Estimate:
    """What Dawid and Skene's model finds."""

    posterior: np.ndarray
    """(L, C) float64 probability of each class."""
    confusion: np.ndarray
    """(J, C, C) float64: how often an annotator calls an item of a class (row) what (column)."""
    prior: np.ndarray
    """(C,) float64 share of each class."""


def dawid_skene(
    votes: np.ndarray, n_classes: int, true_classes: np.ndarray | None = None
) -> Estimate:
    """Find the classes and everybody's usual mistakes together, by expectation maximisation.

    true_classes: (L,) the class of items where it is certain, -1 elsewhere. Everybody starts with
    one imagined answer per class, right and wrong in equal parts, so that a few answers do not make
    anybody infallible. Dawid & Skene 1979, "Maximum likelihood estimation of observer error-rates
    using the EM algorithm".
    """
    items, people = votes.shape
    rows_of = [np.flatnonzero(votes[:, j] >= 0) for j in range(people)]
    one_hot = [np.eye(n_classes)[votes[rows, j]] for j, rows in enumerate(rows_of)]
    spread = (np.eye(n_classes) + 1 / n_classes) / 2
    true_classes = np.full(items, -1) if true_classes is None else true_classes
    certain = true_classes >= 0
    certain_posterior = np.eye(n_classes)[np.where(certain, true_classes, 0)]

    tally = counts(votes, n_classes) + 1e-9
    posterior = np.where(
        certain[:, None], certain_posterior, tally / tally.sum(axis=1, keepdims=True)
    )
    for _ in range(_ROUNDS):
        prior = (posterior.sum(axis=0) + 1 / n_classes) / (items + 1)
        confusion = (
            np.stack(
                [
                    posterior[rows].T @ classes + spread
                    for rows, classes in zip(rows_of, one_hot, strict=True)
                ]
            )
            if people
            else np.zeros((0, n_classes, n_classes))
        )
        confusion /= confusion.sum(axis=2, keepdims=True)
        logs = np.tile(np.log(prior), (items, 1))
        for j, rows in enumerate(rows_of):
            logs[rows] += np.log(confusion[j])[:, votes[rows, j]].T
        logs -= logs.max(axis=1, keepdims=True)
        new = np.exp(logs)
        new = np.where(certain[:, None], certain_posterior, new / new.sum(axis=1, keepdims=True))
        change = float(np.abs(new - posterior).max(initial=0))
        posterior = new
        if change < _SETTLED:
            break
    return Estimate(posterior, confusion, prior)


def model_weighted(
    votes: np.ndarray, probabilities: np.ndarray, weights: Trust
) -> np.ndarray | None:
    """Return the quality (L, C) of each class, as the votes and the model see it together.

    probabilities (L, C) come from models that have not seen the labels; weights from `trust`.
    None while too few items have two votes to weigh people by. Goh, Tkachenko & Mueller 2022
    (CROWDLAB).
    """
    if weights.agreement is None:
        return None
    n_classes = probabilities.shape[1]
    other = (1 - weights.agreement) / max(1, n_classes - 1)
    total = weights.model * probabilities.astype(np.float64)
    weight = np.full(len(votes), weights.model)
    for j in range(votes.shape[1]):
        rows = np.flatnonzero(votes[:, j] >= 0)
        total[rows] += weights.annotators[j] * other
        total[rows, votes[rows, j]] += weights.annotators[j] * (weights.agreement - other)
        weight[rows] += weights.annotators[j]
    return total / weight[:, None]


def choose(quality: np.ndarray, votes: np.ndarray) -> np.ndarray:
    """Return the best class (L,) int64 among those that somebody named; -1 without a vote.

    Of equals the one with more votes wins.

    >>> choose(np.array([[0.5, 0.2, 0.3]]), np.array([[1, 2]])).tolist()
    [2]
    """
    table = counts(votes, quality.shape[1])
    scores = np.where(table > 0, quality.round(9) + 1e-9 * table, -np.inf)
    return np.where(table.any(axis=1), scores.argmax(axis=1), -1)


def trust(votes: np.ndarray, labels: np.ndarray, predicted: np.ndarray) -> Trust:
    """Weigh the model and the annotators by items with two votes; all 1 while there are few.

    votes (L, J), labels and predicted (L,), all int64 classes; -1 for no vote. A weight is
    1 − error / error of always naming the most frequent class: for an annotator against the
    others' votes, for the model against the labels in force, times the root of the votes per
    item. Goh, Tkachenko & Mueller 2022 (CROWDLAB).
    """
    present = votes >= 0
    twice = present.sum(axis=1) > 1
    if twice.sum() < ENOUGH:
        return Trust(1.0, np.ones(votes.shape[1]), None)
    votes_twice, present_twice, truth = votes[twice], present[twice], labels[twice]
    usual = max(_LEAST, 1 - np.bincount(truth).max() / len(truth))
    met = np.zeros(votes.shape[1])
    same = np.zeros(votes.shape[1])
    for j in range(votes.shape[1]):
        rows = present_twice[:, j]
        others = present_twice[rows].sum(axis=1) - 1
        met[j] = others.sum()
        same[j] = (votes_twice[rows] == votes_twice[rows, j, None]).sum() - rows.sum()
    errors = 1 - same[met > 0] / met[met > 0]
    annotators = np.full(votes.shape[1], np.nan)
    annotators[met > 0] = np.maximum(_LEAST, 1 - errors / usual)
    annotators[met == 0] = annotators[met > 0].mean()
    model = max(_LEAST, 1 - np.mean(predicted[twice] != truth) / usual)
    agreeing = ((votes_twice == truth[:, None]) & present_twice).sum(axis=1) / present_twice.sum(
        axis=1
    )
    return Trust(model * np.sqrt(present.sum(axis=1).mean()), annotators, float(agreeing.mean()))
