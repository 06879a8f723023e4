"""Owns sampling by history: images that were learned unlike those that have a label."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from alcore.strategies.contract import Context, Signals, scored

_TREES, _LEAF = 100, 5
_MOST = 2_000
"""Unlabeled images that a forest is shown, and as many labeled ones."""


def score(
    signals: Signals, rng: np.random.Generator, options: Mapping[str, Any], context: Context
) -> np.ndarray:
    """Return the chance (P,) to be unlabeled, by forests that see what the model learned when."""
    return unlabeled_chances(_learning(signals.history), _learning(signals.labeled_history), rng)


def reasons(signals: Signals, rows: np.ndarray, scores: np.ndarray, context: Context) -> list[str]:
    """Say how sure the trees are."""
    return [
        f"learned unlike labeled images, say {score:.0%} of the trees" for score in scores.tolist()
    ]


def unlabeled_chances(
    candidates: np.ndarray, labeled: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Return the chance (P,) of candidates (P, F) to be no labeled items (L, F).

    Two random forests, each fitted to one half of the candidates and asked about the other: a
    forest knows by heart what it was shown. 0.5 for all where a half or the labeled are missing.
    """
    chances = np.full(len(candidates), 0.5)
    if len(candidates) < 2 or len(labeled) == 0:
        return chances
    from sklearn.ensemble import RandomForestClassifier  # not in the web process

    halves = np.array_split(rng.permutation(len(candidates)), 2)
    for training, test in (halves, halves[::-1]):
        sample = labeled[rng.permutation(len(labeled))[:_MOST]]
        forest = RandomForestClassifier(
            _TREES,
            min_samples_leaf=_LEAF,
            class_weight="balanced_subsample",
            random_state=int(rng.integers(2**31)),
        )
        unlabeled = candidates[training[:_MOST]]
        targets = np.repeat([0, 1], [len(sample), len(unlabeled)])
        forest.fit(np.concatenate([sample, unlabeled]), targets)
        chances[test] = forest.predict_proba(candidates[test])[:, 1]
    return chances


def _learning(history: np.ndarray) -> np.ndarray:
    """Return features (n, 3·T + 1) of histories (n, T, C).

    At each checkpoint the probability of the predicted class, its margin and the class; then how
    often the class changed.
    """
    top = np.sort(np.partition(history, -2, axis=2)[:, :, -2:].astype(np.float32), axis=2)
    predicted = history.argmax(axis=2)
    flips = (predicted[:, 1:] != predicted[:, :-1]).sum(axis=1, keepdims=True)
    parts = [top[:, :, 1], top[:, :, 1] - top[:, :, 0], predicted, flips]
    return np.concatenate(parts, axis=1).astype(np.float32)


def cost(pool: int, labeled: int, classes: int, batch: int) -> float:
    """Return seconds: two forests of limited size that each judge half of the pool."""
    return 0.4 + 2.5e-4 * min(labeled + pool, 2 * _MOST) + 1.5e-5 * pool


HISTORY_FOREST = scored(
    name="history forest",
    sentence="Images that the model learned unlike labeled ones, as random forests tell.",
    paper="training history and a random forest; cf. Gissin & Shalev-Shwartz 2019",
    needs=frozenset({"history"}),
    score=score,
    reasons=reasons,
    cost=cost,
)
