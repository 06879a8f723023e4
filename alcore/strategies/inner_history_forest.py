"""Owns sampling by the history of inner layers: images that were seen unlike labeled ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from alcore.strategies.contract import Context, Signals, scored
from alcore.strategies.history_forest import cost, unlabeled_chances

_FEATURES = 128
"""Of the features of all layers and checkpoints, as many as vary most: trees stay quick."""


def score(
    signals: Signals, rng: np.random.Generator, options: Mapping[str, Any], context: Context
) -> np.ndarray:
    """Return the chance (P,) to be unlabeled, by forests that see how inner layers developed.

    Features of a checkpoint are those of the first one and, later, how they changed since the
    checkpoint before.
    """
    pool, labeled = (_developing(h) for h in (signals.inner_history, signals.labeled_inner_history))
    if len(pool) == 0:
        return np.empty(0)
    liveliest = np.argsort(-pool.var(axis=0), kind="stable")[:_FEATURES]
    return unlabeled_chances(pool[:, liveliest], labeled[:, liveliest], rng)


def reasons(signals: Signals, rows: np.ndarray, scores: np.ndarray, context: Context) -> list[str]:
    """Say how sure the trees are."""
    return [
        f"inner layers saw it unlike labeled images, say {score:.0%} of the trees"
        for score in scores.tolist()
    ]


def _developing(history: np.ndarray) -> np.ndarray:
    """Return (n, T·F) of histories (n, T, F): the first checkpoint, then the changes."""
    changes = np.diff(history.astype(np.float32), axis=1, prepend=np.float32(0))
    return changes.reshape(len(history), history.shape[1] * history.shape[2])


def _cost(pool: int, labeled: int, classes: int, batch: int) -> float:
    """Return seconds: as for other histories, of many more features."""
    return 3 * cost(pool, labeled, classes, batch)


INNER_HISTORY_FOREST = scored(
    name="inner history forest",
    sentence="Images that inner layers saw unlike labeled ones while the model learned.",
    paper="history of inner layers and a random forest; cf. Gissin & Shalev-Shwartz 2019",
    needs=frozenset({"inner_history"}),
    score=score,
    reasons=reasons,
    cost=_cost,
)
