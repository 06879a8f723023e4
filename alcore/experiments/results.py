"""Owns what experiments leave behind: frozen records, no behaviour.

n items asked about, V answers to each, S stop items. Times in seconds unless said otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

Arrays = Mapping[str, np.ndarray]
"""What a round leaves for the next: asked_ids (n,), asked_times (n,), asked_classes,
asked_annotators and asked_seconds (n, V): what was asked since the round before; selected_ids and
selected_scores: the order for the next; stop_predicted (S,); of a mixture also mixing,
once it is known: temperature, labels asked, labels there were, and the shares."""


@dataclass(frozen=True)
class Done:
    """A finished round: all that is stored of it and all that the next one needs."""

    number: int
    """1, 2, 3 … within the run."""
    labels: int
    """Labels given so far; a second look counts."""
    answers: int
    """Answers of single annotators so far, also those that were no answer."""
    minutes: float
    """Human time so far."""
    accuracy: float
    seconds: float
    """Computing time of the round."""
    summary: Mapping[str, Any]
    """Measures, seeds, versions: plain JSON."""
    arrays: Arrays


@dataclass(frozen=True)
class Experiment:
    """An experiment as stored."""

    id: int
    name: str
    design: Mapping[str, Any]
    paused: bool
    driver: str | None
    """Who runs it, if anybody."""
    beat_at: float | None
    created_at: float
    error: str | None


@dataclass(frozen=True)
class StoredRun:
    """A run and how far it is."""

    id: int
    cell: str
    trial: int
    spec: Mapping[str, Any]
    planned: int
    """Rounds; fewer than were planned at first where the pool ran out."""
    finished: int
    error: str | None


@dataclass(frozen=True)
class Point:
    """The figures of one finished round."""

    run_id: int
    cell: str
    trial: int
    number: int
    labels: int
    answers: int
    minutes: float
    accuracy: float
    seconds: float
