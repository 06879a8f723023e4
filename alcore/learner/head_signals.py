"""Owns the signals that a head on embeddings can tell, without any network behind it.

P candidates, L labeled items, M holdout items, D embedding width, C classes, K members.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from alcore.learner import heads
from alcore.learner.predictions import Predictions
from alcore.strategies import Need, Signals


@dataclass(frozen=True)
class HeadMaterial:
    """What the signals are computed from; all predictions hold embeddings."""

    head: np.ndarray
    """(D + 1, C) float32."""
    pool: Predictions
    """Of the candidates."""
    held: Predictions
    """Of the holdout."""
    labeled: Predictions
    labeled_ids: np.ndarray
    labels: np.ndarray
    """(L,) int64 class positions."""
    seed: Callable[[str], int]
    """Gives each signal a seed of its own."""


def gather(needs: frozenset[Need], material: HeadMaterial) -> Signals:
    """Compute all the signals that are needed and that a head can tell."""
    arrays = {"probabilities": material.pool.probabilities, "labeled_ids": material.labeled_ids}
    labeled = material.labeled.embedded()
    if "embeddings" in needs:
        arrays["embeddings"] = material.pool.embedded()
        arrays["labeled_embeddings"] = labeled
    if "labeled_probabilities" in needs:
        arrays["labeled_probabilities"] = material.labeled.probabilities
    if "logits" in needs:
        arrays["logits"] = _logits(material.head, material.pool)
    if "holdout_logits" in needs:
        arrays["holdout_logits"] = _logits(material.head, material.held)
    if "dropout" in needs:
        arrays["dropout"] = heads.dropout(
            _layer(material.head),
            material.pool.embedded(),
            labeled,
            material.labels,
            torch.Generator().manual_seed(material.seed("dropout")),
        )
    if "committee" in needs:
        arrays["committee"] = heads.committee(
            material.pool.embedded(),
            labeled,
            material.labels,
            material.head.shape[1],
            torch.Generator().manual_seed(material.seed("committee")),
        )
    return Signals(**arrays)


def _logits(head: np.ndarray, predictions: Predictions) -> np.ndarray:
    logits: np.ndarray = predictions.embedded() @ head[:-1] + head[-1]
    return logits


def _layer(head: np.ndarray) -> nn.Linear:
    layer = nn.Linear(len(head) - 1, head.shape[1])
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(head[:-1].T.copy()))
        layer.bias.copy_(torch.from_numpy(head[-1]))
    return layer
