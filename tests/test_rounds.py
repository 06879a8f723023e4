"""Owns the proof that one round is right: the same in, the same out, and never a labeled item."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from alcore import rounds, strategies
from alcore.errors import JobCancelled, TrainingImpossible, UnknownItem, UnknownStrategy
from alcore.rounds import RoundInput

CLASSES = tuple(str(d) for d in range(10))


def quiet(phase: str, share: float) -> None:
    """Listen to progress and do nothing."""


def digits() -> tuple[np.ndarray, np.ndarray]:
    """Digits as the pixel cache holds them: (1797, 8, 8, 3) uint8 and positions."""
    bunch = load_digits()
    grey = (bunch.images * 255 / 16).round().astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=-1), bunch.target.astype(np.int64)


PIXELS, TRUE = digits()
IDS = np.arange(len(TRUE), dtype=np.int64) * 3 + 1000
ORDER = np.random.default_rng(0).permutation(len(TRUE))
HOLDOUT, POOL = ORDER[:300], ORDER[300:]


def an_input(labels: int = 60, **changes: object) -> RoundInput:
    """A round on digits with so many random labels."""
    labeled, rest = POOL[:labels], POOL[labels:]
    values = {
        "pixels": PIXELS,
        "item_ids": IDS,
        "labeled_ids": IDS[labeled],
        "labels": TRUE[labeled],
        "holdout_ids": IDS[HOLDOUT],
        "holdout_labels": TRUE[HOLDOUT],
        "candidate_ids": IDS[rest],
        "class_names": CLASSES,
        "channels": 1,
        "strategy": "margin",
        "strategy_options": {},
        "batch_size": 10,
        "queue_size": 30,
        "augmentation": "shift",
        "seed": 0,
        "round_number": 1,
        "stop_ids": IDS[rest[:200]],
        "previous_stop": None,
        "threads": 1,
    }
    return RoundInput(**{**values, **changes})


def test_a_round_measures_scores_and_selects() -> None:
    given = an_input()
    seen: list[tuple[str, float]] = []
    result = rounds.run_round(given, lambda phase, share: seen.append((phase, share)))
    assert result.evaluation.n == 300
    assert result.evaluation.accuracy > 0.75
    assert len(result.selection.item_ids) == 30
    assert set(result.selection.item_ids) <= set(given.candidate_ids)
    assert sum(result.uncertainty) == len(given.candidate_ids) == len(result.scores)
    assert sum(result.batch_per_class) == 10
    assert result.suggestions.shape == (30, 10)
    np.testing.assert_allclose(result.suggestions.sum(axis=1), 1, atol=1e-5)
    assert result.holdout_predicted.shape == result.holdout_confidence.shape == (300,)
    assert set(result.seconds) == {"train", "evaluate", "score", "select"}
    shares = [share for _, share in seen]
    assert shares == sorted(shares) and shares[0] == 0 and shares[-1] == 1
    assert list(dict.fromkeys(phase for phase, _ in seen)) == list(result.seconds)
