"""Owns the head that is fitted while somebody watches: logistic regression by torch alone.

It is the regression of `feature_heads`, without the library whose import takes as long as torch's.
L points, K directions, C classes. A head is (K + 1, C): weights, then the bias row.
"""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional

INVERSE_RIDGE = 7.0
"""Of points of length 1."""
_STEPS = 60


def fit(points: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """Return the head (K + 1, C) float32 that fits points (L, K) and labels (L,) int64.

    Minimises the summed cross-entropy plus |weights|² / (2 · INVERSE_RIDGE), the bias left free.
    """
    x, y = torch.from_numpy(points.astype(np.float32)), torch.from_numpy(labels)
    weights = torch.zeros(points.shape[1], classes, requires_grad=True)
    bias = torch.zeros(classes, requires_grad=True)
    optimizer = torch.optim.LBFGS([weights, bias], max_iter=_STEPS, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        misfit = functional.cross_entropy(x @ weights + bias, y, reduction="sum")
        value: torch.Tensor = misfit + weights.square().sum() / (2 * INVERSE_RIDGE)
        value.backward()
        return value

    optimizer.step(loss)
    return torch.cat([weights, bias[None]]).detach().numpy()
