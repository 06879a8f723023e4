"""Owns what a model that knew other classes answers about the classes of today.

A model keeps the columns that it was made with. Where two of its classes were merged since, their
probabilities add up; where one was deleted, what is left is scaled to add up to 1, as if it had
never been possible; a class that it never knew has none. N images, M columns of the model, C
classes of today. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from alcore.records import Project, RoundSummary

_LEAST = 1e-9
"""Probability that a column is given when what one label says is divided among several."""


@dataclass(frozen=True)
class Folding:
    """Where each column of a model stands among the classes of today."""

    places: np.ndarray
    """(M,) int64 positions, -1 for a class that was deleted."""
    classes: int
    """C."""

    @property
    def is_same(self) -> bool:
        """The model's classes are those of today, in their order."""
        return len(self.places) == self.classes and bool(
            (self.places == np.arange(self.classes)).all()
        )

    def fold(self, probabilities: np.ndarray) -> np.ndarray:
        """Turn probabilities (N, M) of the model into those (N, C) of today's classes.

        Where nothing is left, as all went to deleted classes, those that it knew are as likely.
        """
        if self.is_same:
            return probabilities
        folded = np.zeros((len(probabilities), self.classes), probabilities.dtype)
        for column, place in enumerate(self.places.tolist()):
            if place >= 0:
                folded[:, place] += probabilities[:, column]
        if (self.places < 0).any():
            total = folded.sum(axis=1, keepdims=True)
            folded /= np.where(total > 0, total, 1)
            folded[total[:, 0] == 0] = self._even
        return folded

    @property
    def known(self) -> np.ndarray:
        """(K,) int64 positions of today's classes that the model can answer, ascending."""
        return np.unique(self.places[self.places >= 0])

    def only_known(self) -> Folding:
        """Return the folding onto the K classes alone that the model can answer."""
        place = {int(position): i for i, position in enumerate(self.known)}
        places = [place.get(position, -1) for position in self.places.tolist()]
        return Folding(np.array(places, np.int64), len(place))

    def spread(self, labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
        """Say of labels (L,), positions of today, which columns they mean: (L, M), rows sum to 1.

        A label of a merged class is divided among its columns as the model, with probabilities
        (L, M), divides them; so it teaches nothing about which of them it was.
        """
        means = (self.places[None, :] == labels[:, None]).astype(probabilities.dtype)
        if self.is_same:
            return means
        weighed = means * (probabilities + _LEAST)
        shares: np.ndarray = weighed / weighed.sum(axis=1, keepdims=True)
        return shares

    @property
    def _even(self) -> np.ndarray:
        known = np.isin(np.arange(self.classes), self.places)
        share = known / known.sum() if known.any() else np.full(self.classes, 1 / self.classes)
        return np.asarray(share)


def class_ids_of(project: Project, summary: RoundSummary) -> tuple[int, ...]:
    """Return the ids of the classes that a round's model knows, by column.

    Rounds from before these were recorded knew the oldest classes, in order of age.
    """
    if summary.class_ids:
        return summary.class_ids
    everything = sorted([*(c.id for c in project.classes), *(c.id for c in project.former)])
    return tuple(everything[: len(summary.labels_per_class)])


def folding(project: Project, class_ids: Sequence[int]) -> Folding:
    """Tell where columns of these classes stand among those that the project has today."""
    place = {c.id: c.position for c in project.classes}
    place |= {c.id: place.get(c.merged_into or 0, -1) for c in project.former}
    places = np.array([place.get(class_id, -1) for class_id in class_ids], np.int64)
    return Folding(places, len(project.classes))


def fold_of(project: Project, summary: RoundSummary) -> Folding:
    """Tell what a round's model says about the classes of today."""
    return folding(project, class_ids_of(project, summary))


def columns_of(project: Project, summary: RoundSummary) -> tuple[int, ...]:
    """Return the ids of a round's classes, then those of today that nothing of them counts as.

    A head that is widened by as many columns can say every class of today.
    """
    known = class_ids_of(project, summary)
    places = set(folding(project, known).places.tolist())
    return (*known, *(c.id for c in project.classes if c.position not in places))


def names_then(project: Project, summary: RoundSummary) -> list[str]:
    """Name the classes that a round was measured with; those that are gone say so."""
    names = {c.id: c.name for c in project.classes}
    for c in project.former:
        names[c.id] = f"{c.name} (deleted)"
        if c.merged_into in names:
            names[c.id] = f"{c.name} (now {names[c.merged_into]})"
    return [names.get(class_id, "?") for class_id in class_ids_of(project, summary)]


def ids_by_name(project: Project) -> dict[str, int]:
    """Return the class that counts for each name: also for those that were merged into another."""
    merged = {c.name: c.merged_into for c in project.former if c.merged_into is not None}
    return merged | {c.name: c.id for c in project.classes}


def since_the_start(project: Project) -> str:
    """Say which classes were merged or deleted, the same text for the same; empty for none.

    How many, then which: ids of the former classes and of what counts in their place.
    """
    if not project.former:
        return ""
    merged = sum(c.merged_into is not None for c in project.former)
    counts = [(merged, "merged"), (len(project.former) - merged, "deleted")]
    words = ", ".join(f"{n} {what}" for n, what in counts if n)
    which = " ".join(f"{c.id}>{c.merged_into or 'none'}" for c in project.former)
    return f"{words} ({which})"
