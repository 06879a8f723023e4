"""Owns what each model of a project says of one image: those that are kept in files.

What a model says is of today's classes, by position.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from alcore import linear_head
from alcore.config import Precision
from alcore.errors import CheckpointMismatch, WeightsUnavailable
from alcore.explanations.models import Subject
from alcore.folding import fold_of
from alcore.learner import calibration, device, extractors, inference, mixtures, tuning
from alcore.learner.checkpoints import Model
from alcore.learner.mixtures import Stored
from alcore.records import RoundSummary

MOST_ROUNDS = 60
"""Models that are asked; of more, evenly many, the newest among them."""


def of(subject: Subject) -> dict[str, Any]:
    """Ask the models one after the other, oldest first.

    {"models": [{"model", "labels", "probabilities" or "none": why not}], "of": how many there are}
    """
    count = len(subject.rounds)
    places = np.unique(np.linspace(0, count - 1, min(count, MOST_ROUNDS)).round().astype(int))
    past = Past(subject)
    return {"of": count, "models": [past.entry(subject.rounds[i]) for i in places]}


class Past:
    """Asks old models about one image; what an extractor sees of it is computed once."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self._features: dict[tuple[str, str, str, int, int], np.ndarray] = {}

    def entry(self, summary: RoundSummary) -> dict[str, Any]:
        """Return what a round's model says, or why it says nothing."""
        entry: dict[str, Any] = {"model": summary.number, "labels": summary.labels}
        path = self.subject.file_of(summary)
        if path is None:
            gone = "its file is gone" if summary.checkpoint else "it was kept in no file"
            return entry | {"none": f"{summary.recipe.network}: {gone}"}
        try:
            stored = mixtures.load(path, device.choose())
            answer = self._ask(stored)
        except (CheckpointMismatch, WeightsUnavailable) as error:
            return entry | {"none": str(error)}
        (probabilities,) = fold_of(self.subject.project, summary).fold(answer[None])
        return entry | {"probabilities": [round(float(p), 4) for p in probabilities]}

    def _ask(self, stored: Stored | Model) -> np.ndarray:
        if isinstance(stored, Model):
            return self._network(stored)
        points = stored.space.points(self._seen(stored))
        answers = [linear_head.probabilities(points, stored.head)[0]]
        if stored.network is not None:
            answers.append(self._network(stored.network))
        mixture = calibration.mix(np.stack(answers)[:, None], stored.shares)
        return calibration.temper(mixture, stored.temperature)[0]

    def _network(self, model: Model) -> np.ndarray:
        pixels = self.subject.pixels(model.architecture.resolution)[None]
        rows = np.zeros(1, int)
        return inference.predict(
            model, pixels, rows, False, False, lambda share: None
        ).probabilities[0]

    def _seen(self, stored: Stored) -> np.ndarray:
        """Return the features (1, D) of the image."""
        about = stored.features
        key = (about.extractor, about.layers, about.tuned, about.side, about.resolution)
        if key not in self._features:
            extractor = tuning.extractor_of(about, self.subject.weights())
            image = self.subject.pixels(about.resolution)[None]
            arithmetic: Precision = "bfloat16" if about.arithmetic == "bfloat16" else "float32"
            with device.precision_of_trainings(arithmetic):
                self._features[key] = extractors.extract(extractor, image, about.side)
        return self._features[key]
