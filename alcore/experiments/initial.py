"""Owns initial sets: what is asked about before there is a model, the same for all strategies.

Items are rows of a trial's images. Where a strategy chooses, its embeddings are principal
components of the reduced pixels, so that the set does not depend on the learner either.
"""

from __future__ import annotations

import numpy as np

from alcore import strategies
from alcore.experiments import trials
from alcore.experiments.trials import TrialData
from alcore.strategies import Context, Signals
from alcore.strategies.cold_start import components

RANDOM, BALANCED, COLD_START = "random", "balanced", "cold start"


def ways() -> list[str]:
    """List how a set may be chosen: by chance, by class, as live projects do, or by a strategy.

    Of strategies those that need no more than embeddings.
    """
    fitting = [
        s.name
        for s in strategies.registered()
        if s.needs == {"embeddings"} and all(o.kind != "strategy" for o in s.options)
    ]
    return [RANDOM, BALANCED, COLD_START, *fitting]


def order(how: str, size: int, trial: TrialData) -> np.ndarray:
    """Return all pool items in the order in which they are asked until `size` have a label."""
    generator = trials.rng(trial.seed, "initial")
    chance = generator.permutation(trial.pool)
    truth = trial.truth[chance]
    if how == BALANCED:
        turn = np.empty(len(chance), np.int64)
        for c in range(len(trial.class_names)):
            turn[truth == c] = np.arange((truth == c).sum())
        return chance[np.argsort(turn, kind="stable")]
    if how != RANDOM:
        first = _chosen(how, min(size, len(chance)), trial, generator)
        chance = np.concatenate([first, chance[~np.isin(chance, first)]])
        truth = trial.truth[chance]
    # A model needs two classes: where there is one only, the first of another comes early.
    if (truth[:size] == truth[0]).all():
        other = int(np.flatnonzero(truth != truth[0])[0])
        chance[[size - 1, other]] = chance[[other, size - 1]]
    return chance


def _chosen(how: str, size: int, trial: TrialData, drawn: np.random.Generator) -> np.ndarray:
    pixels = trial.pixels[trial.pool]
    if how == COLD_START:
        return strategies.cold_start(pixels, trial.pool, size, drawn).item_ids
    embeddings = components(pixels, np.arange(len(pixels)))
    none = np.empty(0, np.int64)
    signals = Signals(embeddings=embeddings, labeled_embeddings=embeddings[:0], labeled_ids=none)
    context = Context(trial.class_names, none, 0)
    return strategies.select(how, signals, trial.pool, size, drawn, {}, context).item_ids
