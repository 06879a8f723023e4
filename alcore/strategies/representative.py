"""Owns representative sampling: like the unlabeled images, unlike the labeled ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from alcore.strategies.contract import Context, Signals, scored


def score(
    signals: Signals, rng: np.random.Generator, options: Mapping[str, Any], context: Context
) -> np.ndarray:
    """Return cos(x, centre of the unlabeled) − cos(x, centre of the labeled) (P,)."""
    points, labeled = signals.embeddings, signals.labeled_embeddings
    scores = _cosine(points, points.mean(axis=0)) if len(points) else np.empty(0)
    if len(labeled):
        scores = scores - _cosine(points, labeled.mean(axis=0))
    return scores


def reasons(signals: Signals, rows: np.ndarray, scores: np.ndarray, context: Context) -> list[str]:
    """Say how much closer each is to the one than to the other."""
    return [
        f"typical of the unlabeled, not of the labeled images ({score:+.2f})"
        for score in scores.tolist()
    ]


def _cosine(points: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """Return the cosine (P,) of the angle to a centre (D,); 0 for a zero vector."""
    norms = np.sqrt(np.einsum("pd,pd->p", points, points)) * np.linalg.norm(centre)
    return (points @ centre) / np.where(norms > 0, norms, 1)


REPRESENTATIVE = scored(
    name="representative",
    sentence="Images that look like the unlabeled ones and unlike those labeled so far.",
    paper="Munro 2021 (representative sampling)",
    needs=frozenset({"embeddings"}),
    score=score,
    reasons=reasons,
)
