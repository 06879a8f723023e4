"""Owns support vector machines that are calibrated. n samples, C classes, D features.

scikit-learn calibrates by folds that need several labels of each class, of which a project has one
at first; here the temperature is found as that of the networks is.
"""

from __future__ import annotations

from typing import Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.multiclass import OneVsRestClassifier
from sklearn.svm import SVC

from alcore.learner import calibration


class SupportVectors(ClassifierMixin, BaseEstimator):
    """SVC with a Gaussian kernel; probabilities are softmax(decisions / temperature).

    One machine per class, since its distance from the border tells how sure it is; the votes of
    pairs of classes would not.
    """

    def __init__(self, C: float = 10.0, gamma: str | float = "scale", random_state: int = 0):
        self.C = C
        self.gamma = gamma
        self.random_state = random_state

    def fit(self, X: np.ndarray, y: np.ndarray) -> Self:
        """Fit to features X (n, D) and classes y (n,); the temperature by cross-fitting."""
        self.classes_, places = np.unique(np.asarray(y), return_inverse=True)
        self.machine_ = self._machine().fit(X, places)
        dealt = calibration.folds(places, np.random.default_rng(self.random_state))
        scores = np.zeros((len(places), len(self.classes_)))
        for k in np.unique(dealt[dealt >= 0]).tolist():
            kept, asked = dealt != k, dealt == k
            scores[asked] = self._said(self._machine().fit(X[kept], places[kept]), X[asked])
        answers = calibration.from_answers(scores, places, dealt)
        self.temperature_ = 1.0 if answers is None else answers.temperature
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Return probabilities (n, C) in the order of `classes_`."""
        return calibration.temper(self._said(self.machine_, X), self.temperature_)

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Return the likeliest class of each sample, (n,)."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    def _machine(self) -> OneVsRestClassifier:
        return OneVsRestClassifier(SVC(C=self.C, gamma=self.gamma))

    def _said(self, machine: OneVsRestClassifier, X: np.ndarray) -> np.ndarray:
        """Return softmax(decisions) (n, C)."""
        decisions = machine.decision_function(X)
        if decisions.ndim == 1:
            decisions = np.stack([-decisions, decisions], axis=1)
        shares = np.exp(decisions - decisions.max(axis=1, keepdims=True))
        return shares / shares.sum(axis=1, keepdims=True)
