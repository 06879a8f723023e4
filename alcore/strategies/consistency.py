"""Owns augmentation consistency: images whose class depends on how one looks at them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from alcore.strategies.contract import Context, Signals, scored


def score(
    signals: Signals, rng: np.random.Generator, options: Mapping[str, Any], context: Context
) -> np.ndarray:
    """Return Σ over classes of the variance (P,) of p over the image and its views."""
    views = [signals.probabilities, *np.moveaxis(signals.augmented, 1, 0)]
    mean = sum(view.astype(np.float32) for view in views) / len(views)
    return sum(np.square(view - mean).sum(axis=1) for view in views) / len(views)


def reasons(signals: Signals, rows: np.ndarray, scores: np.ndarray, context: Context) -> list[str]:
    """Name the classes that views were predicted as."""
    plain = signals.probabilities[rows].argmax(axis=1)[:, None]
    views = np.concatenate([plain, signals.augmented[rows].argmax(axis=2)], axis=1).tolist()
    sentences = []
    for guesses, score in zip(views, scores.tolist(), strict=True):
        names = [context.class_names[guess] for guess in dict.fromkeys(guesses)]
        alternatives = " or ".join(names[:3]) if len(names) > 1 else f"{names[0]}, not always sure"
        sentences.append(f"moved or relit it is {alternatives} (variance {score:.2f})")
    return sentences


CONSISTENCY = scored(
    name="augmentation consistency",
    sentence="Images whose prediction changes when they are moved, mirrored or lit otherwise.",
    paper="Gao et al. 2020 (consistency-based semi-supervised active learning)",
    needs=frozenset({"probabilities", "augmented"}),
    score=score,
    reasons=reasons,
)
