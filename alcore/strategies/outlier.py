"""Owns outlier sampling: images that stir the model less than those of the holdout do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from alcore.strategies.contract import Context, Signals, scored


def score(
    signals: Signals, rng: np.random.Generator, options: Mapping[str, Any], context: Context
) -> np.ndarray:
    """Return 1 − mean over classes of the rank 0–1 (P,) of the logit among holdout logits."""
    holdout = np.sort(signals.holdout_logits, axis=0)
    if len(holdout) == 0:
        return np.zeros(len(signals.logits))
    ranks = np.zeros(len(signals.logits))
    for familiar, logits in zip(holdout.T, signals.logits.T, strict=True):
        # Half of the equals count, so that the order of equals plays no part.
        ranks += np.searchsorted(familiar, logits, "left") + np.searchsorted(
            familiar, logits, "right"
        )
    return 1 - ranks / (2 * holdout.size)


def reasons(signals: Signals, rows: np.ndarray, scores: np.ndarray, context: Context) -> list[str]:
    """Say how low the ranks are."""
    if len(signals.holdout_logits) == 0:
        return ["random: there is no holdout to compare with"] * len(rows)
    return [
        f"unlike what the model knows: mean rank {1 - score:.2f} among holdout images"
        for score in scores.tolist()
    ]


OUTLIER = scored(
    name="outlier",
    sentence="Images that speak to the model less, for all classes, than the holdout does.",
    paper="Munro 2021 (model-based outliers)",
    needs=frozenset({"logits", "holdout_logits"}),
    score=score,
    reasons=reasons,
)
