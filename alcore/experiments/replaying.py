"""Owns the comparison of a round with its record: what differs, in words; time may."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from alcore.experiments.results import Done

_FIGURES = ("number", "labels", "answers", "minutes", "accuracy")
_TIMES = "phases"
_VERSIONS = "versions"
_ARITHMETIC = "arithmetic"


def differences(record: Done, again: Done) -> list[str]:
    """Return what a round computed again has otherwise, bit for bit; empty where in nothing."""
    one, other = (r.summary.get(_VERSIONS, {}).get(_ARITHMETIC) for r in (record, again))
    if one and other and one != other:
        return [f"{_ARITHMETIC}, {one} and now {other}: such rounds are never the same"]
    sentences = [
        f"{name} {getattr(record, name)!r}, again {getattr(again, name)!r}"
        for name in _FIGURES
        if repr(getattr(record, name)) != repr(getattr(again, name))
    ]
    for name in sorted({*record.arrays, *again.arrays}):
        one, other = record.arrays.get(name), again.arrays.get(name)
        if one is None or other is None:
            sentences.append(f"{name} is only in the {'record' if other is None else 'repetition'}")
        elif (one.dtype, one.shape) != (other.dtype, other.shape):
            sentences.append(f"{name} {one.dtype}{one.shape}, again {other.dtype}{other.shape}")
        elif one.tobytes() != other.tobytes():
            count = int(np.count_nonzero(one != other))
            sentences.append(f"{name} differs in {count:,} of {one.size:,} values")
    for name in sorted({*record.summary, *again.summary} - {_TIMES, _VERSIONS}):
        if _text(record.summary, name) != _text(again.summary, name):
            sentences.append(f"{name} differs")
    return sentences


def other_versions(record: Done, again: Done) -> list[str]:
    """Return what computed the record in another version than there is now."""
    before, now = (one.summary.get(_VERSIONS, {}) for one in (record, again))
    return [
        f"{name} {before.get(name, 'unknown')}, now {now.get(name, 'unknown')}"
        for name in sorted({*before, *now})
        if before.get(name) != now.get(name)
    ]


def _text(summary: Mapping[str, Any], name: str) -> str:
    return json.dumps(summary.get(name), sort_keys=True)
