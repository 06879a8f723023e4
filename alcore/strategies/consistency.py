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


def reason(signals: Signals, row: int, score: float, context: Context) -> str:
    """Name the classes that views were predicted as."""
    views = np.concatenate([signals.probabilities[row][None], signals.augmented[row]])
    seen = dict.fromkeys(context.class_names[i] for i in views.argmax(axis=1))
    said = " or ".join(list(seen)[:3]) if len(seen) > 1 else f"{next(iter(seen))}, not always sure"
    return f"moved or relit it is {said} (variance {score:.2f})"


CONSISTENCY = scored(
    name="augmentation consistency",
    sentence="Images whose prediction changes when they are moved, mirrored or lit otherwise.",
    paper="Gao et al. 2020 (consistency-based semi-supervised active learning)",
    needs=frozenset({"probabilities", "augmented"}),
    score=score,
    reason=reason,
)
