"""Owns Learning Loss: the loss that the model expects of itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from alcore.strategies import wording
from alcore.strategies.contract import Context, Signals, scored


def score(
    signals: Signals, rng: np.random.Generator, options: Mapping[str, Any], context: Context
) -> np.ndarray:
    """Return the predicted loss (P,); only its order means something."""
    return signals.predicted_loss


def reasons(signals: Signals, rows: np.ndarray, scores: np.ndarray, context: Context) -> list[str]:
    """Say where each stands among the others."""
    return [
        f"among the {share:.1%} of images on which the model expects to err most"
        for share in wording.shares_above(signals.predicted_loss, scores)
    ]


LEARNING_LOSS = scored(
    name="learning loss",
    sentence="Images on which a module trained beside the model predicts a large loss.",
    paper="Yoo & Kweon 2019 (Learning Loss)",
    needs=frozenset({"predicted_loss"}),
    score=score,
    reasons=reasons,
)
