"""Owns what of a trained model is kept for processes without torch: embeddings and the head.

N images, D embedding width, C classes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from alcore.learner import inference
from alcore.learner.checkpoints import Model
from alcore.learner.predictions import Predictions


def of_all(
    model: Model, pixels: np.ndarray, n: int, predictions: Sequence[tuple[np.ndarray, Predictions]]
) -> np.ndarray:
    """Return the embeddings (n, D) float32 of the first n rows of pixels.

    predictions: rows with predictions of them that hold embeddings; only the others are computed.
    """
    embeddings = np.empty((n, model.network.head.in_features), np.float32)
    uncomputed = np.ones(n, bool)
    for rows, prediction in predictions:
        embeddings[rows] = prediction.embedded()
        uncomputed[rows] = False
    rest = np.flatnonzero(uncomputed)
    if len(rest):
        computed = inference.predict(model, pixels, rest, True, False, lambda share: None)
        embeddings[rest] = computed.embedded()
    return embeddings


def head(model: Model) -> np.ndarray:
    """Return the last layer as (D + 1, C) float32: weights, then the bias row; calibrated."""
    layer = model.network.head
    weight, bias = (p.detach().float().cpu().numpy() for p in (layer.weight, layer.bias))
    return np.concatenate([weight.T, bias[None]]) / np.float32(model.temperature)
