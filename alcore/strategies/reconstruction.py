"""Owns reconstruction loss: images that an autoencoder cannot rebuild."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from alcore.strategies.contract import Context, Signals, scored


def score(
    signals: Signals, rng: np.random.Generator, options: Mapping[str, Any], context: Context
) -> np.ndarray:
    """Return ‖x − AE(x)‖² per value (P,)."""
    return signals.reconstruction_loss


def reason(signals: Signals, row: int, score: float, context: Context) -> str:
    """Say where it stands among the others."""
    share = float(np.mean(signals.reconstruction_loss >= score))
    return f"among the {share:.1%} of images that are hardest to rebuild (error {score:.3f})"


RECONSTRUCTION = scored(
    name="reconstruction loss",
    sentence="Images that an autoencoder of the pool rebuilds badly, because few are like them.",
    paper="autoencoders as novelty detectors: Japkowicz, Myers & Gluck 1995",
    needs=frozenset({"reconstruction_loss"}),
    score=score,
    reason=reason,
)
