"""Owns what reasons are made of: which classes lead, and where a score stands among all.

Reasons of a batch are written at once: n picks, C classes, P candidates.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def likeliest(table: np.ndarray, count: int) -> tuple[list[list[int]], list[list[float]]]:
    """Return the classes of the `count` largest of each row (n, C) and their values.

    The largest of all rows come first, then the second largest …, each a list (n,), since lists
    are quicker to write from than arrays; no more than there are classes. Nothing is below 0.
    """
    table, rows = table.copy(), np.arange(len(table))
    classes, values = [], []
    for _ in range(min(count, table.shape[1])):
        best = table.argmax(axis=1)
        classes.append(best.tolist())
        values.append(table[rows, best].tolist())
        table[rows, best] = -1
    return classes, values


def two_named(table: np.ndarray, names: Sequence[str]) -> list[str]:
    """Return "cat or deer" for the two likeliest classes of each row (n, C ≥ 2)."""
    (first, second), _ = likeliest(table, 2)
    return [f"{names[a]} or {names[b]}" for a, b in zip(first, second, strict=True)]


def shares_above(values: np.ndarray, scores: np.ndarray) -> list[float]:
    """Return for each score (n,) the share of all values (P,) that are no smaller."""
    below = np.searchsorted(np.sort(values), scores.astype(values.dtype), "left")
    return (1 - below / len(values)).tolist()
