"""Owns what several opinions on the same images say together: passes, members, checkpoints.

Opinions (P, K, C) float16 or float32 probabilities of P images, K opinions, C classes; entropies
in nats. Opinions are gone through one by one, so that no second table of their size is made.
"""

from __future__ import annotations

import numpy as np

from alcore import acquisition


def consensus(opinions: np.ndarray) -> np.ndarray:
    """Return the mean opinion (P, C) float32."""
    return opinions.mean(axis=1, dtype=np.float32)


def disagreement(opinions: np.ndarray) -> np.ndarray:
    """Return H(mean p) − mean H(p) (P,), which is the mean of KL(p ‖ mean p); never below 0."""
    together = acquisition.entropy(consensus(opinions))
    count = opinions.shape[1]
    alone = sum(acquisition.entropy(opinions[:, k].astype(np.float32)) for k in range(count))
    return np.maximum(together - alone / count, 0)


def votes(opinions: np.ndarray) -> np.ndarray:
    """Return how many opinions (P, C) int64 find each class the likeliest."""
    items, count, classes = opinions.shape
    found = np.zeros((items, classes), np.int64)
    for k in range(count):
        found[np.arange(items), opinions[:, k].argmax(axis=1)] += 1
    return found
