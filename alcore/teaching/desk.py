"""Owns what the process that is taught can be asked: to learn on, and what a picture shows.

Every answer says what it was made from, so that a page can tell an old one from a new one.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from alcore.config import PACKAGED_EXTRACTOR
from alcore.datasets.decoding import decode_pixels
from alcore.learner import device, extractors
from alcore.learner.extractors import Extractor
from alcore.store import Store
from alcore.teaching.lessons import SIDE, Lesson, Sight, read

PATIENCE = 0.25
"""Seconds of a question that go into looking at pictures that are new."""
MOST_LESSONS = 4
"""Projects whose pictures are kept in memory."""


class Desk:
    """Answers questions, and keeps what it knows of the projects that were asked about last."""

    def __init__(self, store: Store, patience: float = PATIENCE) -> None:
        self._store, self._patience = store, patience
        self._extractor: Extractor | None = None
        self._lessons: dict[int, Lesson] = {}

    def answer(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """Learn on for a moment, and answer about a project.

        question: "project", and "frame", an image file in base64 or None. Returns "learned",
        pictures by class id; "kept", pictures that the model is measured by, and "right", of how
        many of them it is right; "left", pictures that it does not know yet; "version", which
        changes with the model; and for a frame "probabilities" by class id, None before there are
        two classes to tell apart. Raises UnreadableImage, UnknownProject, WeightsUnavailable.
        """
        with device.computing(0, 1):  # several threads wait for each other on a busy computer
            lesson = self._lesson(question["project"])
            until = time.monotonic() + self._patience
            while (picture := lesson.next_unseen()) is not None:
                lesson.see(picture, self._sight(read(self._store, lesson.project, picture)))
                if time.monotonic() > until:
                    break
            model = lesson.model()
            reply = lesson.report()
            if question["frame"] is not None:
                frame = decode_pixels(base64.b64decode(question["frame"]), SIDE).pixels
                reply["probabilities"] = None if model is None else model.of(self._sight(frame))
        return reply

    def _lesson(self, project_id: int) -> Lesson:
        """Return what is known of a project, brought up to date."""
        lesson = self._lessons.pop(project_id, None) or Lesson()
        lesson.follow(self._store, project_id)
        self._lessons[project_id] = lesson
        while len(self._lessons) > MOST_LESSONS:
            del self._lessons[next(iter(self._lessons))]
        return lesson

    def _sight(self, pixels: np.ndarray | None) -> Sight | None:
        if pixels is None:
            return None
        self._extractor = self._extractor or extractors.build(PACKAGED_EXTRACTOR, layers="")
        sight: Sight = extractors.extract(self._extractor, np.array(pixels)[None], SIDE)[0]
        return sight
