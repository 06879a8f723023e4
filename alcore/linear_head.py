"""Owns a linear head on frozen embeddings: refitted after every label, asked about every image.

N images, L labeled items, D embedding width, C classes. A head is (D + 1, C): weights, then the
bias row. Pure NumPy, since the web process has no torch.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

MOST_LABELS = 20_000
"""A refit looks at the newest labels only; what older ones taught is in the prior."""
STEPS = 20
HOLD = 0.08
"""How strongly a head is held to the network's own, for each feature that there is: the more
features, the farther one label moves the logits."""
_VALUES_AT_ONCE = 2**20
"""Logits of a block: they stay in a processor's cache from product to softmax."""


def refit(
    embeddings: np.ndarray,
    targets: np.ndarray,
    prior: np.ndarray,
    start: np.ndarray,
    spread: np.ndarray,
    steps: int = STEPS,
    hold: float = HOLD,
    weights: np.ndarray | None = None,
) -> np.ndarray:
    """Return the head (D + 1, C) float32 that fits the targets without leaving the prior far.

    embeddings (L, D), targets (L, C) probabilities, prior and start (D + 1, C), spread (D,)
    the variance of each feature over all images, weights (L,) float32 of the rows, all 1 where not
    given. Minimises the summed cross-entropy plus a ridge on the difference to the prior, in units
    of the spread, `hold` · (D + 1) strong. Steps use the fixed bound XᵀX / 2 on the curvature
    (Böhning 1992) with Nesterov's momentum: no line search and no rate. `start`, the head of one
    label ago, makes few enough.

    For a label that the network has learnt, the target is what its head says of it: a network
    fits its own labels much better than others, and 0 or 1 there makes the head overconfident
    everywhere (at 200 labels of CIFAR-10 the loss on other images rose from 1.92 to 2.2 nats).
    """
    embeddings, targets = embeddings[-MOST_LABELS:], targets[-MOST_LABELS:]
    inputs = np.ones((len(targets), len(prior)), np.float32)
    inputs[:, :-1] = embeddings
    weighted = inputs if weights is None else weights[-MOST_LABELS:, None] * inputs
    # A feature that never moves may not run away.
    floor = 1e-3 * float(spread.mean()) + 1e-12
    holds = hold * len(prior) * np.append(spread.astype(np.float64) + floor, 1.0)
    bound = 0.5 * (inputs.T @ weighted).astype(np.float64) + np.diag(holds)
    inverse = np.linalg.inv(bound).astype(np.float32)
    pull = holds.astype(np.float32)[:, None]
    head = start.astype(np.float32)
    ahead, speed = head, 1.0
    for _ in range(steps):
        logits = inputs @ ahead
        slope = weighted.T @ (softmax(logits) - targets) + pull * (ahead - prior)
        moved = ahead - inverse @ slope
        following = (1 + (1 + 4 * speed**2) ** 0.5) / 2
        ahead = moved + ((speed - 1) / following) * (moved - head)
        head, speed = moved, following
    return head


def probabilities(embeddings: np.ndarray, head: np.ndarray) -> np.ndarray:
    """Return (N, C) float32 of embeddings (N, D), maybe a memmap, block by block."""
    result = np.empty((len(embeddings), head.shape[1]), np.float32)
    for block in _blocks(len(embeddings), head.shape[1]):
        np.matmul(embeddings[block], head[:-1], out=result[block])
        result[block] += head[-1]
        softmax(result[block])
    return result


def softmax(logits: np.ndarray) -> np.ndarray:
    """Turn logits (n, C) into probabilities in place; return them."""
    logits -= logits.max(axis=1, keepdims=True)
    np.exp(logits, out=logits)
    logits /= logits.sum(axis=1, keepdims=True)
    return logits


def widened(head: np.ndarray, classes: int) -> np.ndarray:
    """Return a head for more classes: new ones know nothing yet and are as rare as the rarest."""
    new = np.zeros((len(head), classes - head.shape[1]), head.dtype)
    new[:-1] = head[:-1].mean(axis=1, keepdims=True)
    new[-1] = head[-1].min() - 1
    return np.concatenate([head, new], axis=1)


def _blocks(n: int, width: int) -> Iterator[slice]:
    size = max(1, _VALUES_AT_ONCE // max(1, width))
    for start in range(0, n, size):
        yield slice(start, min(n, start + size))
