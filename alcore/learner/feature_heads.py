"""Owns the head that is fitted to points of features: logistic regression, and its file.

L labels, K directions, C classes. A head is (K + 1, C): weights, then the bias row.
"""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from alcore.learner import estimators

INVERSE_RIDGE = 7.0
"""Of points of length 1. On CIFAR-10, 10 is better below 100 labels and 4 from 250 on, by half a
point."""
_STEPS = 200


def fit(points: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """Return the head (K + 1, C) float32 that fits points (L, K) and labels (L,) int64.

    At least two classes must have labels. A class without any is as likely everywhere as one
    label among them would make it.
    """
    regression = LogisticRegression(C=INVERSE_RIDGE, max_iter=_STEPS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # near enough, always
        regression.fit(points, labels)
    weights, bias = regression.coef_.T, regression.intercept_
    if weights.shape[1] == 1:  # of two classes scikit-learn keeps the difference
        weights, bias = np.hstack([-weights, weights]) / 2, np.append(-bias, bias) / 2
    head = np.zeros((points.shape[1] + 1, classes), np.float32)
    head[:-1] = weights.mean(axis=1, keepdims=True)
    head[-1] = bias.mean() - np.log1p(len(labels))
    head[:-1, regression.classes_] = weights
    head[-1, regression.classes_] = bias
    return head


def versions() -> dict[str, str]:
    """Return what computes here, for the record of a round."""
    return estimators.versions()
