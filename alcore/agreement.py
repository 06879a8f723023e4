"""Owns how far annotators agree: kappas, alpha, and the share of equal answers.

L items, J annotators, C classes. Votes (L, J) are int64 classes 0 … C − 1, -1 for none. Agreement
beyond chance is at most 1; 0 is what chance gives; None where it cannot be told.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alcore import metrics


@dataclass(frozen=True)
class Pair:
    """Two annotators (columns of the votes) on the items that both answered."""

    first: int
    second: int
    items: int
    equal: int
    kappa: float


def counts(votes: np.ndarray, n_classes: int) -> np.ndarray:
    """Return how many votes (L, C) int64 each item has for each class.

    >>> counts(np.array([[0, 1, 1], [2, -1, -1]]), 3).tolist()
    [[1, 2, 0], [0, 0, 1]]
    """
    rows, columns = np.nonzero(votes >= 0)
    cells = rows * n_classes + votes[rows, columns]
    return np.bincount(cells, minlength=len(votes) * n_classes).reshape(len(votes), n_classes)


def pairs(votes: np.ndarray, n_classes: int) -> list[Pair]:
    """Compare annotators two by two, with Cohen's kappa; who share no item are left out.

    Cohen 1960, "A coefficient of agreement for nominal scales".

    >>> votes = np.array([[0, 0], [0, 1], [1, 1], [1, 1], [1, -1]])
    >>> [(p.items, p.equal, p.kappa) for p in pairs(votes, 2)]
    [(4, 3, 0.5)]
    """
    comparisons = []
    for i in range(votes.shape[1]):
        for j in range(i + 1, votes.shape[1]):
            both = (votes[:, i] >= 0) & (votes[:, j] >= 0)
            if both.any():
                a, b = votes[both, i], votes[both, j]
                kappa = metrics.cohen_kappa(a, b, n_classes)
                comparisons.append(Pair(i, j, int(both.sum()), int((a == b).sum()), kappa))
    return comparisons


def with_others(votes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Count, for each annotator, the answers by others to the same items, and the equal ones.

    Returns (equal, met), each (J,) int64.
    """
    equal = np.zeros(votes.shape[1], np.int64)
    met = np.zeros(votes.shape[1], np.int64)
    for j in range(votes.shape[1]):
        mine = votes[votes[:, j] >= 0]
        met[j] = (mine >= 0).sum() - len(mine)
        equal[j] = (mine == mine[:, j, None]).sum() - len(mine)
    return equal, met


def fleiss_kappa(votes: np.ndarray, n_classes: int) -> float | None:
    """Return the agreement of many annotators, who need not be the same for each item.

    Fleiss 1971, "Measuring nominal scale agreement among many raters", which has as many votes on
    each item. Where they differ, an item counts by its pairs' share and a class by its share of
    all votes. Items with one vote are left out.

    >>> votes = np.array([[0, 0, 0], [0, 0, 1], [1, 1, 1], [1, 1, 0]])
    >>> round(fleiss_kappa(votes, 2), 4)
    0.3333
    """
    table = counts(votes, n_classes)
    n = table.sum(axis=1)
    table, n = table[n > 1], n[n > 1]
    if not len(table):
        return None
    observed = float(((table * (table - 1)).sum(axis=1) / (n * (n - 1))).mean())
    chance = float(((table.sum(axis=0) / table.sum()) ** 2).sum())
    return None if chance >= 1 else (observed - chance) / (1 - chance)


def krippendorff_alpha(votes: np.ndarray, n_classes: int) -> float | None:
    """Return the agreement of annotators with any number of votes on each item, for names.

    Krippendorff 2011, "Computing Krippendorff's alpha-reliability": 1 − observed / expected
    disagreement, both over pairs of votes on one item. Items with one vote are left out; None
    also where all votes name one class.

    >>> votes = np.array([[0, 1], [1, 1], [0, 1], [0, 0], [0, 0],
    ...                   [0, 1], [0, 0], [0, 0], [1, 0], [0, 0]])
    >>> round(krippendorff_alpha(votes, 2), 3)
    0.095
    """
    table = counts(votes, n_classes)
    n = table.sum(axis=1)
    table, n = table[n > 1], n[n > 1]
    total = int(n.sum())
    if not total:
        return None
    per_class = table.sum(axis=0)
    expected = total * total - float((per_class**2).sum())
    if expected == 0:
        return None
    # A vote is paired with each other of its item, and an item's pairs weigh 1 / (n − 1).
    observed = float(((n**2 - (table**2).sum(axis=1)) / (n - 1)).sum())
    return 1 - (total - 1) * observed / expected
