"""Owns what the process that is taught has learned of one project, picture by picture.

D features of a picture, L pictures, C classes that have pictures.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from alcore import linear_head
from alcore.datasets.decoding import decode_pixels
from alcore.errors import UnreadableImage
from alcore.learner import quick_heads
from alcore.loop.contributions import FOLDER
from alcore.loop.image_reading import image_reader
from alcore.records import Project
from alcore.store import Store, contributions, items, labels, projects

SIDE = 160
"""Pixels a side of what the extractor sees: at 224 it takes twice as long."""
MOST = 5_000
"""Pictures that are learned from, the newest."""
Sight: TypeAlias = np.ndarray
"""(D,) float32 features of one picture."""


@dataclass(frozen=True)
class Picture:
    """A picture whose class is known."""

    content_hash: str
    class_id: int
    kept: bool
    """Whether it is in the holdout: it measures, and is not learned from."""
    item_id: int | None
    """None while it waits."""
    file: str = ""
    """As it is called where it waits."""


@dataclass(frozen=True)
class Model:
    """A head on features, of the classes that have pictures."""

    class_ids: tuple[int, ...]
    middle: np.ndarray
    """(D,) mean of what it was fitted to."""
    head: np.ndarray
    """(D + 1, C)."""

    @classmethod
    def fit(cls, sights: np.ndarray, class_ids: np.ndarray) -> Model:
        """Fit it to features (L, D) of pictures with these classes (L,), at least two different."""
        columns, places = np.unique(class_ids, return_inverse=True)
        # Of as many pictures of each class: a long burst must not move the middle.
        middle = np.mean([sights[places == i].mean(axis=0) for i in range(len(columns))], axis=0)
        head = quick_heads.fit(_points(sights, middle), places, len(columns))
        return cls(tuple(int(c) for c in columns), middle, head)

    def of(self, sight: Sight | None) -> dict[int, float] | None:
        """Return the probabilities of a picture by class id."""
        if sight is None:
            return None
        (row,) = linear_head.probabilities(_points(sight[None], self.middle), self.head)
        return {c: float(p) for c, p in zip(self.class_ids, row, strict=True)}


@dataclass
class Lesson:
    """The pictures of one project, what the extractor saw in them, and the model of that."""

    project: Project = field(init=False)
    _state: object = None
    _pictures: list[Picture] = field(default_factory=list)
    _sights: dict[str, Sight | None] = field(default_factory=dict)
    """By content; None for one that cannot be read."""
    _model: Model | None = None
    _version: int = 0
    _fitted: object = None
    """What the model was fitted to."""

    def follow(self, store: Store, project_id: int) -> None:
        """Read which pictures there are, if that may have changed. Raises UnknownProject."""
        with store.read() as connection:
            self.project = projects.get(connection, project_id)
            waiting = contributions.waiting(connection, project_id)
            state = (
                labels.last_event(connection, project_id),
                tuple(c.id for c in self.project.classes),
                tuple(one.key for one in waiting),
            )
            if state == self._state:
                return
            known = contributions.labeled(connection, project_id, MOST)
        offered = {c.id for c in self.project.classes}
        pictures = {
            one.content_hash: Picture(
                one.content_hash, one.class_id, one.split == "holdout", one.item_id
            )
            for one in known
        }
        for one in waiting:  # what was said last counts
            pictures[one.content_hash] = Picture(
                one.content_hash, one.class_id, False, None, one.file
            )
        self._pictures = [p for p in pictures.values() if p.class_id in offered]
        # What could not be read may have been on its way from the folder into the project.
        self._sights = {h: s for h, s in self._sights.items() if h in pictures and s is not None}
        self._state = state

    def next_unseen(self) -> Picture | None:
        """Return a picture that the extractor has not looked at, None where there is none."""
        return next((p for p in self._pictures if p.content_hash not in self._sights), None)

    def see(self, picture: Picture, sight: Sight | None) -> None:
        """Keep what the extractor saw in a picture."""
        self._sights[picture.content_hash] = sight

    def model(self) -> Model | None:
        """Return the model of all that was seen, None before there are two classes."""
        learned = self._seen(kept=False)
        content = [(p.content_hash, p.class_id) for p in learned]
        if content != self._fitted:
            class_ids = np.array([p.class_id for p in learned], np.int64)
            several = len(np.unique(class_ids)) > 1
            self._model = Model.fit(self._stacked(learned), class_ids) if several else None
            self._fitted, self._version = content, self._version + 1
        return self._model

    def report(self) -> dict[str, Any]:
        """Say what the model was made from, and how good it is on pictures that were kept aside."""
        learned: dict[int, int] = {}
        for picture in self._seen(kept=False):
            learned[picture.class_id] = learned.get(picture.class_id, 0) + 1
        kept, model = self._seen(kept=True), self._model
        right = 0
        if kept and model is not None:
            points = _points(self._stacked(kept), model.middle)
            best = linear_head.probabilities(points, model.head).argmax(axis=1)
            right = sum(
                model.class_ids[int(i)] == p.class_id for i, p in zip(best, kept, strict=True)
            )
        return {
            "learned": learned,
            "kept": len(kept),
            "right": right,
            "left": sum(p.content_hash not in self._sights for p in self._pictures),
            "version": self._version,
        }

    def _seen(self, kept: bool) -> list[Picture]:
        return [
            p
            for p in self._pictures
            if p.kept == kept and self._sights.get(p.content_hash) is not None
        ]

    def _stacked(self, pictures: list[Picture]) -> np.ndarray:
        return np.stack(
            [sight for p in pictures if (sight := self._sights[p.content_hash]) is not None]
        )


def read(store: Store, project: Project, picture: Picture) -> np.ndarray | None:
    """Read a picture as (SIDE, SIDE, 3) uint8; None where it cannot be read now."""
    folder = store.folder(project.id)
    try:
        if picture.item_id is None:
            return decode_pixels((folder / FOLDER / picture.file).read_bytes(), SIDE).pixels
        with store.read() as connection:
            item = items.get(connection, project.id, picture.item_id)
            spec, _ = projects.source(connection, project.id)
        return image_reader(folder, project.settings, spec, SIDE)(item)
    except (UnreadableImage, OSError):  # came in, or was taken back, since it was listed
        return None


def _points(sights: np.ndarray, middle: np.ndarray) -> np.ndarray:
    """Return points of length 1, seen from the middle."""
    points = sights - middle
    return points / np.maximum(np.linalg.norm(points, axis=1, keepdims=True), 1e-6)
