"""Owns what the members of an ensemble say together: dropout passes, heads, checkpoints.

Members (P, K, C) float16 or float32: probabilities of P images by K members, C classes; entropies
in nats. Members are gone through one by one, so that no second table of their size is made.
"""

from __future__ import annotations

import numpy as np

from alcore import acquisition


def consensus(members: np.ndarray) -> np.ndarray:
    """Return the mean of the members (P, C) float32."""
    return members.mean(axis=1, dtype=np.float32)


def disagreement(members: np.ndarray) -> np.ndarray:
    """Return H(mean p) − mean H(p) (P,), which is the mean of KL(p ‖ mean p); never below 0."""
    together = acquisition.entropy(consensus(members))
    count = members.shape[1]
    alone = sum(acquisition.entropy(members[:, k].astype(np.float32)) for k in range(count))
    return np.maximum(together - alone / count, 0)


def votes(members: np.ndarray) -> np.ndarray:
    """Return how many members (P, C) int64 find each class the likeliest."""
    images, count, classes = members.shape
    counts = np.zeros((images, classes), np.int64)
    for k in range(count):
        counts[np.arange(images), members[:, k].argmax(axis=1)] += 1
    return counts
