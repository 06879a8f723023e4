"""Owns which labels are probably wrong, told from models that have not seen them.

L labels, C classes; probabilities (L, C) are out-of-fold: of each label by a model that was
trained without it.
"""

from __future__ import annotations

import numpy as np

GROWTH = 1.1
LEAST = 20


def error_score(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return by how much (L,) the likeliest other class beats the label, -1 to 1.

    >>> error_score(np.array([[0.9, 0.1], [0.3, 0.7]]), np.array([0, 0])).round(1).tolist()
    [-0.8, 0.4]
    """
    others = probabilities.astype(np.float64)
    rows = np.arange(len(labels))
    of_label = others[rows, labels].copy()
    others[rows, labels] = -np.inf
    return others.max(axis=1, initial=-1.0) - of_label


def probably_wrong(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Tell (L,) bool which labels are probably wrong. Northcutt, Jiang & Chuang 2021.

    A model counts as sure of a class from the mean probability on that it gives to images
    labeled so; a label is probably wrong where the likeliest of such classes is another one.
    Classes are thereby judged by how sure models usually are of them.
    """
    count = np.bincount(labels, minlength=probabilities.shape[1])
    total = np.zeros(probabilities.shape[1])
    np.add.at(total, labels, probabilities[np.arange(len(labels)), labels])
    usual = np.where(count > 0, total / np.maximum(count, 1), np.inf)
    sure = np.where(probabilities >= usual, probabilities, -np.inf)
    best = sure.argmax(axis=1)
    return (
        (best != labels) & np.isfinite(sure.max(axis=1)) & (error_score(probabilities, labels) > 0)
    )


def check_is_due(labels: int, at_last_check: int) -> bool:
    """Tell whether models shall be asked about the labels by themselves: it costs trainings.

    >>> check_is_due(10, 0), check_is_due(20, 0), check_is_due(105, 100), check_is_due(110, 100)
    (False, True, False, True)
    """
    return labels >= max(LEAST, round(GROWTH * at_last_check))
