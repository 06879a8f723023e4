"""Owns label-or-relabel: new images and labels in doubt on one scale, lowest quality first.

P candidates, L labeled items, C classes, J annotators.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from alcore import acquisition
from alcore.consensus import Trust, trust
from alcore.records import Origin, Selection
from alcore.strategies import wording
from alcore.strategies.contract import Context, Signals, Strategy, check_count


def unlabeled_quality(probabilities: np.ndarray, weights: Trust) -> np.ndarray:
    """Return the quality (P,) of what the model says of new images, from (P, C)."""
    mean = weights.annotators.mean() if len(weights.annotators) else 1.0
    confidence, even = probabilities.max(axis=1), 1 / probabilities.shape[1]
    return (weights.model * confidence + mean * even) / (weights.model + mean)


def labeled_quality(
    probabilities: np.ndarray, labels: np.ndarray, votes: np.ndarray, weights: Trust
) -> np.ndarray:
    """Return the quality (L,) of labels in force; probabilities (L, C), votes (L, J).

    A vote says of the label how likely it is: Q where it agrees, (1 − Q) / (C − 1) else. Until
    annotators can be compared, a lone vote says no more than the model, and Q is 1 of others.
    """
    classes = probabilities.shape[1]
    model = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    agreement = 1.0 if weights.agreement is None else weights.agreement
    likelihoods = np.where(votes == labels[:, None], agreement, (1 - agreement) / (classes - 1))
    if weights.agreement is None:
        likelihoods = np.where(
            (votes >= 0).sum(axis=1, keepdims=True) > 1, likelihoods, model[:, None]
        )
    vote_weights = (votes >= 0) * weights.annotators
    mean = weights.annotators.mean() if len(weights.annotators) else 1.0
    total = weights.model * model + mean / classes + (vote_weights * likelihoods).sum(axis=1)
    return total / (weights.model + mean + vote_weights.sum(axis=1))


def select(
    signals: Signals,
    candidates: np.ndarray,
    k: int,
    rng: np.random.Generator,
    options: Mapping[str, Any],
    context: Context,
) -> Selection:
    """Pick k of candidates and labeled items; score = 1 − quality, ties by rng.

    A label in force is the consensus. Without votes, each label is the vote of
    one annotator. A label is not asked about where it is the only one of its class: no model could
    have learned it elsewhere. Goh & Mueller 2023 (ActiveLab), without its temperature scaling.
    """
    check_count(k, candidates)
    labels, crossfit = context.labels, signals.labeled_crossfit
    votes = labels[:, None] if context.votes is None else context.votes
    weights = trust(votes, labels, crossfit.argmax(axis=1))
    new = 1 - unlabeled_quality(signals.crossfit, weights)
    learnable = np.flatnonzero(context.labels_per_class[labels] > 1)
    quality = labeled_quality(crossfit[learnable], labels[learnable], votes[learnable], weights)
    scores = np.concatenate([new, 1 - quality])
    ids = np.concatenate([candidates, signals.labeled_ids[learnable]]).astype(np.int64)
    rows = acquisition.top_k(scores, k, rng)
    again = rows >= len(candidates)
    places = learnable[rows[again] - len(candidates)]
    new_reasons = iter(_new(signals.crossfit[rows[~again]], context))
    old_reasons = iter(_again(crossfit[places], labels[places], context))
    reasons = [next(old_reasons if labeled else new_reasons) for labeled in again.tolist()]
    origins: tuple[Origin, ...] = tuple("relabel" if labeled else "query" for labeled in again)
    return Selection(ids[rows], scores[rows].astype(np.float64), tuple(reasons), origins)


def _new(probabilities: np.ndarray, context: Context) -> list[str]:
    """Say what each new image (n, C) may be."""
    ((guesses,), (confidences,)) = wording.likeliest(probabilities, 1)
    return [
        f"new, perhaps {context.class_names[guess][:40]} ({p:.2f})"
        for guess, p in zip(guesses, confidences, strict=True)
    ]


def _again(probabilities: np.ndarray, labels: np.ndarray, context: Context) -> list[str]:
    """Say why each label (n,) is in doubt, by what the model says (n, C)."""
    ((guesses,), (confidences,)) = wording.likeliest(probabilities, 1)
    names = [name[:20] for name in context.class_names]
    return [
        f"labeled {names[label]}, and the model is not sure ({p:.2f})"
        if guess == label
        else f"labeled {names[label]}, but the model says {names[guess]} ({p:.2f})"
        for guess, p, label in zip(guesses, confidences, labels.tolist(), strict=True)
    ]


LABEL_OR_RELABEL = Strategy(
    name="label or relabel",
    sentence="New images and labels that look wrong, whichever an answer would help more.",
    paper="Goh & Mueller 2023 (ActiveLab)",
    needs=frozenset({"crossfit"}),
    select=select,
    asks_again=True,
)
