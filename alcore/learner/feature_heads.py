"""Owns the head that is fitted to points of features: logistic regression, then self-training.

L labels, U images without, K directions, C classes. A head is (K + 1, C): weights, then the bias
row.
"""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.linear_model import LogisticRegression

from alcore import linear_head
from alcore.learner import estimators

INVERSE_RIDGE = 7.0
"""Of points of length 1. On CIFAR-10, 10 is better below 100 labels and 4 from 250 on, by half a
point."""
_STEPS = 200
UNLABELED = 4_000
"""Images without labels that teach a head at most: twice as many are worth nothing more."""
_ROUNDS, _SELF_STEPS = 5, 10
_SHARPNESS = 2.0
_BALANCING = 20


def fit(
    points: np.ndarray, labels: np.ndarray, classes: int, unlabeled: np.ndarray | None = None
) -> np.ndarray:
    """Return the head (K + 1, C) float32 that fits points (L, K) and labels (L,) int64.

    Points (U, K) without labels, if there are any, teach it too: "self-training", worth most where
    labels are few. Together they count as much as all labels, none more than a label. At least two
    classes must have labels.
    """
    head = _regression(points, labels, classes)
    if unlabeled is None or not len(unlabeled):
        return head
    return _self_trained(head, points, labels, unlabeled)


def some(unlabeled: np.ndarray) -> np.ndarray:
    """Return those of the ids (U,) that teach a head, evenly taken: always the same of the same."""
    return unlabeled[:: 1 + (len(unlabeled) - 1) // UNLABELED] if len(unlabeled) else unlabeled


def _self_trained(
    head: np.ndarray, points: np.ndarray, labels: np.ndarray, unlabeled: np.ndarray
) -> np.ndarray:
    """Return a head that is fitted again and again to labels and to what the last one predicts.

    Predictions are sharpened, so that classes part where there are few images, and balanced, so
    that each class keeps the share that the first head gave it (distribution alignment, Berthelot
    et al. 2020): without that, frequent classes swallow the others. The shares are not those of the
    labels, for a query strategy asks for rare classes more often than they are there.
    """
    classes = head.shape[1]
    shares = linear_head.probabilities(unlabeled, head).mean(axis=0)
    known = np.eye(classes, dtype=np.float32)[labels]
    inputs = np.concatenate([unlabeled, points]).astype(np.float32)
    weights = np.ones(len(inputs), np.float32)
    weights[: len(unlabeled)] = min(1.0, len(points) / len(unlabeled))
    nothing, spread = np.zeros_like(head), np.ones(len(head) - 1, np.float32)
    hold = 1 / (INVERSE_RIDGE * len(head))
    for _ in range(_ROUNDS):
        predictions = linear_head.probabilities(unlabeled, head) ** np.float32(_SHARPNESS)
        targets = np.concatenate([_balanced(predictions, shares), known])
        head = linear_head.refit(inputs, targets, nothing, head, spread, _SELF_STEPS, hold, weights)
    return head


def _balanced(predictions: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Return probabilities (U, C) whose means are the shares (C,), or nearly (Sinkhorn)."""
    for _ in range(_BALANCING):
        predictions = predictions / predictions.sum(axis=1, keepdims=True)
        predictions = predictions * (shares / np.maximum(predictions.mean(axis=0), 1e-12))
    return predictions / predictions.sum(axis=1, keepdims=True)


def _regression(points: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """Return the head that fits the labels alone.

    A class without any is as likely everywhere as one label among them would make it.
    """
    model = LogisticRegression(C=INVERSE_RIDGE, max_iter=_STEPS)
    with warnings.catch_warnings():
        # Near enough, always; and of few labels it asks whether these are classes.
        warnings.simplefilter("ignore", UserWarning)
        model.fit(points, labels)
    weights, bias = model.coef_.T, model.intercept_
    if weights.shape[1] == 1:  # of two classes scikit-learn keeps the difference
        weights, bias = np.hstack([-weights, weights]) / 2, np.append(-bias, bias) / 2
    head = np.zeros((points.shape[1] + 1, classes), np.float32)
    head[:-1] = weights.mean(axis=1, keepdims=True)
    head[-1] = bias.mean() - np.log1p(len(labels))
    head[:-1, model.classes_] = weights
    head[-1, model.classes_] = bias
    return head


def versions() -> dict[str, str]:
    """Return what computes here, for the record of a round."""
    return estimators.versions()
