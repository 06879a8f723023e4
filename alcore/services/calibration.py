"""Owns what the dashboard may ask about probabilities: do they mean what they say.

Rows are made for a chart and a CSV alike. Shares are 0–1, likelihoods in nats.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from alcore.config import CALIBRATED_FROM
from alcore.loop.round_files import round_arrays
from alcore.metrics import reliability_of
from alcore.records import RoundSummary
from alcore.segments import segments
from alcore.store import Store

Row = dict[str, Any]
BINS = 10
LABELS = CALIBRATED_FROM


def reliability(store: Store, project_id: int, number: int) -> list[Row]:
    """Tabulate how often a model was right on the holdout where it said so, in equal bins.

    Bins without images are left out; a round that kept no predictions gives no rows.
    """
    path = round_arrays(store.folder(project_id), number)
    if not path.is_file():
        return []
    with np.load(path, allow_pickle=False) as arrays:
        right = arrays["holdout_predicted"] == arrays["holdout_true"]
        diagram = reliability_of(arrays["holdout_confidence"], right, BINS)
    return [
        {
            "from": float(diagram.edges[i]),
            "to": float(diagram.edges[i + 1]),
            "images": int(diagram.counts[i]),
            "confidence": float(diagram.confidence[i]),
            "accuracy": float(diagram.accuracy[i]),
        }
        for i in range(BINS)
        if diagram.counts[i]
    ]


def over_rounds(history: Sequence[RoundSummary]) -> list[Row]:
    """Tabulate how well calibrated each model was, and what it was before its temperature.

    A model without one has both figures alike, and no temperature. Models of one segment come
    from one learner; its first says how that differs from the one before.
    """
    return [
        {
            "model": r.number,
            "labels": r.labels,
            "segment": number,
            "learner changed": part.sign if r is part.rounds[0] else "",
            "ECE": r.evaluation.ece,
            "NLL": r.evaluation.nll,
            "macro-F1": r.evaluation.macro_f1,
            "ECE before": r.calibration.ece if r.calibration else r.evaluation.ece,
            "NLL before": r.calibration.nll if r.calibration else r.evaluation.nll,
            "temperature": r.calibration and r.calibration.temperature,
            "labels asked": r.calibration and r.calibration.labels,
            "temperature found": r.calibration and r.calibration.created_at,
        }
        for number, part in enumerate(segments(history), start=1)
        for r in part.rounds
        if r.evaluation.n
    ]
