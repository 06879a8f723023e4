"""Owns slices: how good a model is on images of one value of a column, with its interval.

M images of the holdout. Text columns have a slice per value, numbers four of about as many images,
dates one per day, month or year.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np

from alcore import metrics
from alcore.metadata import Value, ValueKind
from alcore.records import Slice, Slicing

FEW = 30
"""Images below which a slice is said to be small."""
MOST = 20
"""Slices of a column; further values are together."""
_BINS = 4
_DAY = 86_400.0
UNKNOWN, OTHERS = "not known", "all other values"


def divide(kind: ValueKind, values: Sequence[Value | None]) -> tuple[np.ndarray, list[str]]:
    """Return which slice each of M values belongs to, (M,) int64, and the slices' names.

    >>> places, names = divide("text", ["a", "b", None, "a"])
    >>> places.tolist(), names
    ([0, 1, 2, 0], ['a', 'b', 'not known'])
    """
    known = [value for value in values if value is not None]
    if kind == "text":
        name_of, order = _by_value([str(value) for value in known])
    else:
        numbers = np.array([float(value) for value in known])
        name_of, order = _by_date(numbers) if kind == "date" else _by_size(numbers)
    place = {name: i for i, name in enumerate(order)}
    names, at = list(order), iter(name_of)
    places = np.full(len(values), len(names), np.int64)
    for i, value in enumerate(values):
        if value is not None:
            places[i] = place[next(at)]
    if len(known) < len(values):
        names.append(UNKNOWN)
    return places, names


def accuracy_by(
    column: str, places: np.ndarray, names: Sequence[str], correct: np.ndarray
) -> Slicing:
    """Measure each slice. places: (M,) int64; correct: (M,) bool. Intervals are Wilson's, 95 %."""
    slices = []
    for place, name in enumerate(names):
        mine = correct[places == place]
        if not len(mine):
            continue
        right = int(mine.sum())
        low, high = metrics.wilson(right, len(mine))
        slices.append(Slice(name, len(mine), right / len(mine), low, high, len(mine) < FEW))
    return Slicing(column, tuple(slices))


def _by_value(texts: Sequence[str]) -> tuple[list[str], list[str]]:
    order = [text for text, _ in Counter(texts).most_common(MOST)]
    kept = set(order)
    name_of = [text if text in kept else OTHERS for text in texts]
    return name_of, [*order, OTHERS] if len(set(texts)) > MOST else order


def _by_size(numbers: np.ndarray) -> tuple[list[str], list[str]]:
    """Cut numbers into quarters; few different ones are a slice each."""
    distinct = np.unique(numbers)
    if len(distinct) <= _BINS:
        return [f"{value:g}" for value in numbers], [f"{value:g}" for value in distinct]
    edges = np.unique(np.quantile(numbers, np.arange(1, _BINS) / _BINS, method="higher"))
    part = np.searchsorted(edges, numbers, side="right")
    names = {}
    for i in np.unique(part):
        mine = numbers[part == i]
        low, high = mine.min(), mine.max()
        names[int(i)] = f"{low:g}" if low == high else f"{low:g} to {high:g}"
    return [names[int(i)] for i in part], list(names.values())


def _by_date(moments: np.ndarray) -> tuple[list[str], list[str]]:
    span = moments.max() - moments.min() if len(moments) else 0.0
    form = "%Y-%m-%d" if span <= MOST * _DAY else "%Y-%m" if span <= 600 * _DAY else "%Y"
    name_of = [datetime.fromtimestamp(moment, UTC).strftime(form) for moment in moments.tolist()]
    return name_of, sorted(set(name_of))
