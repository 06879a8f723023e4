"""Owns what models say of labels that they were not trained on, and the temperature this gives.

L labels, Q items that no model is trained on, C classes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from alcore.learner import calibration, device, inference
from alcore.learner.calibration import FOLDS
from alcore.records import Calibration
from alcore.rounds import recipes
from alcore.rounds.progress import Progress
from alcore.rounds.values import RoundInput, Rows, generator, number

PHASE = "asking models about labels"


@dataclass(frozen=True)
class CrossValidation:
    """What was found."""

    probabilities: np.ndarray
    """(L + Q, C) float32, as they come from the networks: no temperature is applied."""
    calibration: Calibration | None
    """The temperature under which those of the L labels fit them best; None where too few can
    be asked about. It serves the rounds of the same recipe."""


def cross_validate(
    round_input: RoundInput,
    progress: Progress,
    answered: Mapping[int, np.ndarray] | None = None,
    keep: Callable[[int, np.ndarray], None] = lambda fold, said: None,
) -> CrossValidation:
    """Ask about each label a model that was trained on the others.

    One network per fold of the labels is trained on the other folds, by the round's recipe; heads
    on the embeddings of the round's network would be cheaper, but that one has seen all labels,
    wrong ones too. What all networks say on average stands for the items in `question_ids`, and
    for the only label of a class, which nobody could learn without it. `keep` is given what each
    network says, (L + Q, C), as soon as it is known; what an earlier call on the same input had
    kept is `answered` and not computed again. Raises as `run_round`.
    """
    given, rows = round_input, Rows(round_input.item_ids)
    fold = calibration.folds(given.labels, generator(given.seed, given.round_number, "second look"))
    asked = rows(np.concatenate([given.labeled_ids, given.question_ids]))
    mean = np.zeros((len(asked), len(given.class_names)), np.float32)
    found = np.zeros_like(mean)
    with device.computing(number(given, "second look"), given.threads, given.precision):
        recipe = recipes.make(given, rows)
        for k in range(FOLDS):
            kept = fold != k
            said = (answered or {}).get(k)
            if said is None:
                model = recipes.without(
                    given,
                    rows,
                    recipe,
                    kept,
                    number(given, f"second look {k}"),
                    lambda done, k=k: progress(PHASE, (k + 0.9 * done) / FOLDS),
                )
                said = inference.predict(
                    model,
                    given.pixels,
                    asked,
                    False,
                    False,
                    lambda done, k=k: progress(PHASE, (k + 0.9 + 0.1 * done) / FOLDS),
                ).probabilities
                keep(k, said)
            mean += said / FOLDS
            unseen = np.flatnonzero(~kept)
            found[unseen] = said[unseen]
    seen_by_all = np.concatenate([fold == -1, np.ones(len(given.question_ids), bool)])
    found[seen_by_all] = mean[seen_by_all]
    fitted = calibration.from_answers(found[: len(fold)], given.labels, fold)
    return CrossValidation(
        found, fitted and Calibration(fitted.temperature, fitted.labels, recipe.name, time.time())
    )
