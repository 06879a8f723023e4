"""Owns which labels carry an answer: those without which the model would say something else.

It is computed by fitting again without one label, so that what is said is exact, and only where
that is quick: for a head on features and for estimators. L labels, C classes, K directions.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from alcore import linear_head
from alcore.errors import ExplanationImpossible, TrainingImpossible
from alcore.explanations.models import Loaded, Subject
from alcore.learner import calibration, feature_heads, inference
from alcore.learner.mixtures import Stored
from alcore.loop import features
from alcore.loop.round_files import RoundLesson, lesson_of
from alcore.rounds.estimators import EstimatorModel

TIME = 4.0
"""Seconds that fitting again may take altogether."""
SHOWN = 5
_SAME = 0.02
"""Largest difference of probabilities between the model and the same one fitted again."""

Fit = Callable[[np.ndarray], np.ndarray]
"""Gives what a model says (C,) of the image that learned from some labels, (L,) bool, alone."""


def of(subject: Subject, loaded: Loaded, threads: int) -> dict[str, Any]:
    """Name the labels whose removal changes the probability of the answer most.

    {"answer": a class by id, "labels": [{"item", "change", "answer"}], "tried", "of", "held": what
    of the model was not fitted again}. Raises ExplanationImpossible where it cannot be exact.
    """
    columns = subject.columns
    lesson = lesson_of(subject.folder, subject.newest.number)
    if lesson is None:
        raise ExplanationImpossible(
            f"model {subject.newest.number} left no list of what it learned from; the next does"
        )
    item_ids, labels = lesson.item_ids, lesson.labels
    if loaded.estimator is not None:
        fit, order, held = _of_estimator(subject, loaded.estimator, threads)
    else:
        fit, order, held = _of_head(subject, loaded, lesson)
    order = order[item_ids[order] != subject.item.id]
    everything = np.ones(len(labels), bool)
    before = fit(everything)
    answer = int(before.argmax())
    changes: list[tuple[int, float, int]] = []
    end = time.monotonic() + TIME
    for label in order.tolist():
        if time.monotonic() > end:
            break
        without = everything.copy()
        without[label] = False
        try:
            after = fit(without)
        except TrainingImpossible:
            continue  # it is all that one class has
        changes.append((label, float(before[answer] - after[answer]), int(after.argmax())))
    changes.sort(key=lambda change: -abs(change[1]))
    return {
        "answer": columns[answer],
        "probability": round(float(before[answer]), 4),
        "labels": [
            {"item": int(item_ids[i]), "change": change, "answer": columns[now]}
            for i, change, now in changes[:SHOWN]
        ],
        "tried": len(changes),
        "of": len(labels),
        "held": held,
    }


def _of_head(subject: Subject, loaded: Loaded, lesson: RoundLesson) -> tuple[Fit, np.ndarray, str]:
    stored = None if loaded.from_file is None else loaded.from_file.stored
    if not isinstance(stored, Stored):
        raise ExplanationImpossible(
            "a network is trained as a whole, and every label has moved all of it: what it would "
            "say without one only another training could tell. The nearest labels are above"
        )
    table = features.of_model(subject.folder, len(subject.item_ids), stored.space)
    if table is None:
        raise ExplanationImpossible(
            f"features were computed anew since model {subject.newest.number}, so its head cannot "
            "be fitted again as it was; the next model can be asked"
        )
    order, labels = np.argsort(subject.item_ids), lesson.labels
    points, unlabeled = (
        table.points[order[np.searchsorted(subject.item_ids, ids, sorter=order)]]
        for ids in (lesson.item_ids, feature_heads.some(lesson.unlabeled_ids))
    )
    point = np.asarray(table.points[subject.item.position], np.float32)[None]
    classes = len(stored.class_names)
    parts: list[np.ndarray] = []
    if stored.network is not None:
        pixels = subject.pixels(stored.network.architecture.resolution)[None]
        parts.append(
            inference.predict(
                stored.network, pixels, np.zeros(1, int), False, False, lambda share: None
            ).probabilities
        )

    def answer(head: np.ndarray) -> np.ndarray:
        answers = np.stack([linear_head.probabilities(point, head), *parts])
        return calibration.temper(calibration.mix(answers, stored.shares), stored.temperature)[0]

    def fit(kept: np.ndarray) -> np.ndarray:
        if len(np.unique(labels[kept])) < 2:
            raise TrainingImpossible("one class is left")
        return answer(feature_heads.fit(points[kept], labels[kept], classes, unlabeled))

    if np.abs(fit(np.ones(len(labels), bool)) - answer(stored.head)).max() > _SAME:
        raise ExplanationImpossible(
            f"the head of model {subject.newest.number} cannot be fitted again as it was; the "
            "next model can be asked"
        )
    held = "the project's network, which is mixed with the head, is left as it is" if parts else ""
    return fit, _most_promising(points, labels, point[0], stored.head), held


def _most_promising(
    points: np.ndarray, labels: np.ndarray, point: np.ndarray, head: np.ndarray
) -> np.ndarray:
    """Order labels (L,) by a first estimate of what each changes: the product of the gradients.

    TracIn with one checkpoint (Pruthi et al. 2020), here only to decide what is tried first.
    """
    residuals = linear_head.probabilities(points, head)
    residuals[np.arange(len(labels)), labels] -= 1
    own = linear_head.probabilities(point[None], head)[0]
    own[own.argmax()] -= 1
    return np.argsort(-np.abs((points @ point + 1) * (residuals @ own)), kind="stable")


def _of_estimator(
    subject: Subject, model: EstimatorModel, threads: int
) -> tuple[Fit, np.ndarray, str]:
    lesson, learner = model.lesson, model.learner
    own = learner.features_of(lesson, np.array([subject.item.id]))
    seen = learner.features_of(lesson, lesson.labeled_ids)

    def fit(kept: np.ndarray) -> np.ndarray:
        other = learner.fit(
            lesson.without(~kept), lesson.number("weights"), lambda share: None
        ).tempered(model.temperature)
        return other.predict(np.array([subject.item.id]), lambda share: None).probabilities[0]

    return fit, np.argsort(((seen - own) ** 2).sum(axis=1), kind="stable"), ""
