"""Owns what a model may label by itself: which images, and how precise a random check says it is.

N images, C classes. Confidences, precisions and shares are 0–1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import lgamma

import numpy as np

MISSES = 0.05
"""The share of intervals that may miss the true precision."""


@dataclass(frozen=True)
class Precision:
    """What a check of some images says of the rest of them."""

    checked: int
    right: int
    rest: int
    """Images that were not checked."""
    low: float
    high: float
    """95 % interval of the share of the rest that is right."""

    @property
    def estimate(self) -> float | None:
        """The share of the checked images that was right; None where none was checked."""
        return self.right / self.checked if self.checked else None


def surest(confidence: np.ndarray, precision: float) -> np.ndarray:
    """Return the rows of the most images whose mean confidence (N,) is the precision or more.

    They are the most confident ones, the most confident first. The mean of calibrated confidences
    is the precision that the model expects of itself; whether it has it, a check says.

    >>> surest(np.array([0.9, 0.5, 0.99, 0.7]), 0.9).tolist()
    [2, 0]
    """
    order = np.argsort(-confidence, kind="stable")
    means = np.cumsum(confidence[order], dtype=np.float64) / np.arange(1, len(order) + 1)
    return order[: int(np.searchsorted(-means, -precision + 1e-12, side="right"))]


def precision_of_rest(right: int, checked: int, images: int) -> Precision:
    """Say how precise the rest of some images is, from a random sample of them that was checked.

    images: how many there are, the checked ones included. The interval is exact: it inverts the
    hypergeometric distribution of how many wrong ones a sample without replacement holds, as
    Clopper and Pearson 1934 did for the binomial; Buonaccorsi 1987, "A note on confidence
    intervals for proportions in finite populations". It holds the truth in at least 95 of 100
    samples, whatever the model says of its confidence.

    >>> p = precision_of_rest(100, 100, 10_000)
    >>> round(p.low, 4), p.high
    (0.9636, 1.0)
    """
    if not 0 <= right <= checked <= images:
        raise ValueError(f"{right} right of {checked} checked of {images} images cannot be")
    rest, wrong = images - checked, checked - right
    least, most = wrong, images - right
    if checked == 0 or rest == 0:
        return Precision(checked, right, rest, 0.0 if rest else 1.0, 1.0)
    # The tails fall and rise with the number of wrong images, so each end is found by halving.
    low = _first(least, most, lambda k: _at_most(right, images - k, checked, images) > MISSES / 2)
    high = _last(least, most, lambda k: _at_most(wrong, k, checked, images) > MISSES / 2)
    return Precision(
        checked, right, rest, low=1 - (high - wrong) / rest, high=1 - (low - wrong) / rest
    )


def _first(low: int, high: int, holds: Callable[[int], bool]) -> int:
    """Return the first number for which what is false at first and true later holds."""
    while low < high:
        middle = (low + high) // 2
        if holds(middle):
            high = middle
        else:
            low = middle + 1
    return low


def _last(low: int, high: int, holds: Callable[[int], bool]) -> int:
    """Return the last number for which what is true at first and false later holds."""
    while low < high:
        middle = (low + high + 1) // 2
        if holds(middle):
            low = middle
        else:
            high = middle - 1
    return low


def _at_most(hits: int, marked: int, drawn: int, images: int) -> float:
    """Return how likely a sample holds `hits` marked images or fewer."""
    first = max(0, drawn - (images - marked))
    numbers = np.arange(first, min(hits, marked, drawn) + 1)
    if not len(numbers):
        return 0.0
    logs = [
        _log_choose(marked, k) + _log_choose(images - marked, drawn - k) for k in numbers.tolist()
    ]
    return float(np.exp(np.array(logs) - _log_choose(images, drawn)).sum())


def _log_choose(n: int, k: int) -> float:
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)
