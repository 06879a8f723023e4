"""Owns reconstruction loss: images that an autoencoder cannot rebuild."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from alcore.strategies import wording
from alcore.strategies.contract import Context, Signals, scored


def score(
    signals: Signals, rng: np.random.Generator, options: Mapping[str, Any], context: Context
) -> np.ndarray:
    """Return ‖x − AE(x)‖² per value (P,)."""
    return signals.reconstruction_loss


def reasons(signals: Signals, rows: np.ndarray, scores: np.ndarray, context: Context) -> list[str]:
    """Say where each stands among the others."""
    shares = wording.shares_above(signals.reconstruction_loss, scores)
    return [
        f"among the {share:.1%} of images that are hardest to rebuild (error {score:.3f})"
        for share, score in zip(shares, scores.tolist(), strict=True)
    ]


RECONSTRUCTION = scored(
    name="reconstruction loss",
    sentence="Images that an autoencoder of the pool rebuilds badly, because few are like them.",
    paper="autoencoders as novelty detectors: Japkowicz, Myers & Gluck 1995",
    needs=frozenset({"reconstruction_loss"}),
    score=score,
    reasons=reasons,
)
