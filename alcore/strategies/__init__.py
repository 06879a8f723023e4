"""Owns the registry of query strategies: one file per strategy, one line here.

Choose with `get`, ask `needed` which signals to compute, then call `select`.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

import numpy as np

from alcore import acquisition
from alcore.errors import InvalidSettings, UnknownStrategy
from alcore.records import Selection
from alcore.strategies import plugins, scikit_activeml
from alcore.strategies.adversarial import ADVERSARIAL
from alcore.strategies.badge import BADGE
from alcore.strategies.bald import BALD
from alcore.strategies.class_balanced import CLASS_BALANCED
from alcore.strategies.class_rare import CLASS_RARE
from alcore.strategies.cluster_margin import CLUSTER_MARGIN
from alcore.strategies.cold_start import cold_start
from alcore.strategies.consensus_entropy import CONSENSUS_ENTROPY
from alcore.strategies.consistency import CONSISTENCY
from alcore.strategies.contract import (
    Context,
    Need,
    Option,
    Signals,
    Strategy,
    check_count,
    scored,
    selection,
)
from alcore.strategies.discriminative import DISCRIMINATIVE
from alcore.strategies.dispersion import DISPERSION
from alcore.strategies.diversified import DIVERSIFIED
from alcore.strategies.drop_query import DROP_QUERY
from alcore.strategies.entropy import ENTROPY
from alcore.strategies.herding import HERDING
from alcore.strategies.history_forest import HISTORY_FOREST
from alcore.strategies.inner_history_forest import INNER_HISTORY_FOREST
from alcore.strategies.k_center import K_CENTER
from alcore.strategies.k_means import K_MEANS
from alcore.strategies.k_means_plus_plus import K_MEANS_PLUS_PLUS
from alcore.strategies.label_or_relabel import LABEL_OR_RELABEL
from alcore.strategies.learning_loss import LEARNING_LOSS
from alcore.strategies.least_confidence import LEAST_CONFIDENCE
from alcore.strategies.margin import MARGIN
from alcore.strategies.mean_kl import MEAN_KL
from alcore.strategies.mixed import MIXED
from alcore.strategies.no_near_duplicates import NO_NEAR_DUPLICATES
from alcore.strategies.outlier import OUTLIER
from alcore.strategies.probcover import PROBCOVER
from alcore.strategies.random_choice import RANDOM
from alcore.strategies.ratio import RATIO
from alcore.strategies.reconstruction import RECONSTRUCTION
from alcore.strategies.representative import REPRESENTATIVE
from alcore.strategies.schedule import DEFAULT_POLICY, SCHEDULE
from alcore.strategies.stochastic import STOCHASTIC
from alcore.strategies.subsample import SUBSAMPLE
from alcore.strategies.typiclust import TYPICLUST
from alcore.strategies.vote_entropy import VOTE_ENTROPY

__all__ = [
    "OTHERS",
    "Context",
    "Need",
    "Option",
    "Signals",
    "Strategy",
    "broken",
    "choices",
    "cold_start",
    "complete_options",
    "families",
    "get",
    "needed",
    "registered",
    "scored",
    "select",
]

_FAMILIES: Mapping[str, tuple[Strategy, ...]] = {
    "recommended": (DEFAULT_POLICY,),
    "what the model is unsure of": (MARGIN, LEAST_CONFIDENCE, RATIO, ENTROPY, ADVERSARIAL),
    "what is unlike the labels so far": (
        REPRESENTATIVE,
        K_CENTER,
        K_MEANS,
        K_MEANS_PLUS_PLUS,
        TYPICLUST,
        PROBCOVER,
        OUTLIER,
        DISCRIMINATIVE,
        RECONSTRUCTION,
    ),
    "unsure and unlike at once": (BADGE, CLUSTER_MARGIN, DROP_QUERY, HERDING),
    "what versions of the model disagree on": (
        BALD,
        VOTE_ENTROPY,
        CONSENSUS_ENTROPY,
        MEAN_KL,
        CONSISTENCY,
    ),
    "what was hard to learn": (LEARNING_LOSS, HISTORY_FOREST, INNER_HISTORY_FOREST, DISPERSION),
    "rare classes and wrong labels": (CLASS_RARE, LABEL_OR_RELABEL),
    "made of other strategies": (
        MIXED,
        DIVERSIFIED,
        STOCHASTIC,
        CLASS_BALANCED,
        NO_NEAR_DUPLICATES,
        SUBSAMPLE,
        SCHEDULE,
    ),
    "chance, to compare with": (RANDOM,),
}
OTHERS = "from other packages"


def families() -> dict[str, tuple[Strategy, ...]]:
    """Return every strategy by what it looks for, the recommended one first."""
    own = {strategy.name for group in _FAMILIES.values() for strategy in group}
    others = plugins.load()[0]
    foreign = tuple(others[name] for name in others if name not in own)
    return {**_FAMILIES, **({OTHERS: foreign} if foreign else {})}


def registered() -> tuple[Strategy, ...]:
    """Return every strategy, the default first; those of other packages last."""
    return tuple(strategy for group in families().values() for strategy in group)


def broken() -> dict[str, str]:
    """Return why strategies of other packages cannot be used, by the name of their entry."""
    return plugins.load()[1]


def get(name: str) -> Strategy:
    """Return the strategy of this name; UnknownStrategy offers the names there are."""
    if str(name).startswith(scikit_activeml.PREFIX):
        return scikit_activeml.strategy(name)
    by_name = {strategy.name: strategy for strategy in registered()}
    if name in by_name:
        return by_name[name]
    if name in broken():
        raise UnknownStrategy(f"strategy {name!r} cannot be used: {broken()[name]}")
    close = difflib.get_close_matches(str(name), by_name, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    raise UnknownStrategy(
        f"no strategy called {name!r}; {hint}choose from {', '.join(sorted(by_name))}"
    )


def choices(option: Option) -> list[str]:
    """Return what may be chosen for an option: names of simple strategies, or its own list.

    A simple strategy is not made of others; an option that is `scored` takes only those with a
    score.
    """
    if option.kind != "strategy":
        return list(option.choices)
    return [strategy.name for strategy in registered() if not _unfit(option, strategy)]


def _unfit(option: Option, strategy: Strategy) -> str:
    """Return why a strategy cannot be the value of an option; empty where it can."""
    if any(o.kind == "strategy" for o in strategy.options):
        return "itself is made of strategies"
    if strategy.asks_again:
        return "asks about labeled images too"
    return "has no score of its own" if option.scored and strategy.score is None else ""


def complete_options(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a strategy, checked, with defaults for those not given.

    Raises InvalidSettings for an option it does not have or a value that cannot be.
    """
    strategy = get(name)
    by_name = {option.name: option for option in strategy.options}
    unknown = sorted(set(options) - set(by_name))
    if unknown:
        raise InvalidSettings(
            f"strategy {name!r} has no option {', '.join(unknown)}; "
            f"it has {', '.join(by_name) or 'none'}"
        )
    values = {**strategy.defaults, **options}
    for key, option in by_name.items():
        option.check(values[key])
        if option.kind == "strategy" and (why := _unfit(option, get(values[key]))):
            raise InvalidSettings(
                f"{key} is {values[key]!r}, which {why}; choose a simple one, such as 'margin'"
            )
    return values


def needed(name: str, options: Mapping[str, Any]) -> frozenset[Need]:
    """Return the signals that a strategy, and those named in its options, need."""
    strategy, values = get(name), complete_options(name, options)
    return strategy.needs.union(*(part.needs for part in _parts(strategy, values).values()))


def select(
    name: str,
    signals: Signals,
    candidates: np.ndarray,
    k: int,
    rng: np.random.Generator,
    options: Mapping[str, Any],
    context: Context,
    batch: int | None = None,
) -> Selection:
    """Pick k of the candidates (P,) int64; the first `batch` of them (all k by default) matter.

    A strategy that asks again may pick labeled items instead of some of them.

    Where the strategy has the prefix property, the first j picks are its picks for j. Where not,
    it picks `batch`, and the rest of the queue, asked only while the next model is late, comes
    by smallest margin, or at random where there are no probabilities. Before there is a model,
    all k are spread out over the embeddings, or random without any, and their reasons say so.
    Raises PoolExhausted, with both numbers, for more than there are candidates, InvalidSettings
    for a round that computed probabilities but not all else that the strategy needs.
    """
    strategy, values = get(name), complete_options(name, options)
    check_count(k, candidates)
    parts = _parts(strategy, values)
    needs = sorted(strategy.needs.union(*(part.needs for part in parts.values())))
    missing = [need for need in needs if not hasattr(signals, need)]
    if missing and not hasattr(signals, "probabilities"):
        return _without_model(signals, candidates, k, rng)
    if missing:
        raise InvalidSettings(
            f"strategy {name!r} needs {', '.join(missing)}, which this round has not computed"
        )
    whole = strategy.prefix and not any(not part.prefix for part in parts.values())
    first = k if whole or batch is None else min(batch, k)
    picks = strategy.select(signals, candidates, first, rng, {**values, **parts}, context)
    return picks if first == k else _with_tail(picks, signals, candidates, k, rng, context)


def _parts(strategy: Strategy, values: Mapping[str, Any]) -> dict[str, Strategy]:
    """Return the strategies that are named in the options, by option."""
    return {o.name: get(values[o.name]) for o in strategy.options if o.kind == "strategy"}


def _with_tail(
    picks: Selection,
    signals: Signals,
    candidates: np.ndarray,
    k: int,
    rng: np.random.Generator,
    context: Context,
) -> Selection:
    """Go on after a batch, up to k items, with those of smallest margin, or at random."""
    rows = np.flatnonzero(~np.isin(candidates, picks.item_ids))
    count = k - len(picks.item_ids)
    if not hasattr(signals, "probabilities"):
        rest = RANDOM.select(signals, candidates[rows], count, rng, {}, context)
    else:
        rest = MARGIN.select(signals.take(rows), candidates[rows], count, rng, {}, context)
    return Selection(
        np.concatenate([picks.item_ids, rest.item_ids]),
        np.concatenate([picks.scores, rest.scores]),
        picks.reasons + tuple(f"after the batch: {reason}" for reason in rest.reasons),
        picks.origins + rest.origins,
    )


def _without_model(
    signals: Signals, candidates: np.ndarray, k: int, rng: np.random.Generator
) -> Selection:
    """Pick k candidates while there is no model to ask."""
    if not hasattr(signals, "embeddings"):
        rows, how = rng.permutation(len(candidates))[:k], "random"
    else:
        rows, how = acquisition.d2_sampling((signals.embeddings,), k, rng)[0], "unlike the others"
    return selection(candidates, rows, np.zeros(k), [f"no model yet: {how}"] * k, "cold start")
