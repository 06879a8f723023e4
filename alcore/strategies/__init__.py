"""Owns the registry of query strategies: one file per strategy, one line here.

Choose with `get`, ask `needed` which signals to compute, then call `select`.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

import numpy as np

from alcore.errors import InvalidSettings, UnknownStrategy
from alcore.records import Selection
from alcore.strategies.cold_start import cold_start
from alcore.strategies.contract import (
    Context,
    Need,
    Option,
    Signals,
    Strategy,
    check_count,
)
from alcore.strategies.entropy import ENTROPY
from alcore.strategies.k_center import K_CENTER
from alcore.strategies.least_confidence import LEAST_CONFIDENCE
from alcore.strategies.margin import MARGIN
from alcore.strategies.mixed import MIXED
from alcore.strategies.random_choice import RANDOM

__all__ = [
    "Context",
    "Need",
    "Option",
    "Signals",
    "Strategy",
    "all",
    "cold_start",
    "get",
    "needed",
    "select",
    "settle",
]

_REGISTRY: Mapping[str, Strategy] = {
    strategy.name: strategy
    for strategy in (
        MARGIN,
        LEAST_CONFIDENCE,
        ENTROPY,
        K_CENTER,
        MIXED,
        RANDOM,
    )
}


def all() -> tuple[Strategy, ...]:
    """Return every strategy, the default first."""
    return tuple(_REGISTRY.values())


def get(name: str) -> Strategy:
    """Return the strategy of this name; UnknownStrategy offers the names there are."""
    if name in _REGISTRY:
        return _REGISTRY[name]
    close = difflib.get_close_matches(str(name), _REGISTRY, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    raise UnknownStrategy(
        f"no strategy called {name!r}; {hint}choose from {', '.join(sorted(_REGISTRY))}"
    )


def settle(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a strategy, checked, with defaults for those not given.

    Raises InvalidSettings for an option it does not have or a value that cannot be.
    """
    strategy = get(name)
    known = {option.name: option for option in strategy.options}
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise InvalidSettings(
            f"strategy {name!r} has no option {', '.join(unknown)}; "
            f"it has {', '.join(known) or 'none'}"
        )
    settled = {**strategy.defaults, **options}
    for key, option in known.items():
        option.check(settled[key])
        if option.kind == "strategy" and any(
            o.kind == "strategy" for o in get(settled[key]).options
        ):
            raise InvalidSettings(
                f"{key} is {settled[key]!r}, which itself is made of strategies; "
                f"choose a simple one, such as 'margin'"
            )
    return settled


def needed(name: str, options: Mapping[str, Any]) -> frozenset[Need]:
    """Return the signals that a strategy, and those named in its options, need."""
    strategy, settled = get(name), settle(name, options)
    inner = (get(settled[o.name]).needs for o in strategy.options if o.kind == "strategy")
    return strategy.needs.union(*inner)


def select(
    name: str,
    signals: Signals,
    candidates: np.ndarray,
    k: int,
    rng: np.random.Generator,
    options: Mapping[str, Any],
    context: Context,
) -> Selection:
    """Pick k of the candidates (P,) int64; the first j are what it would pick for j.

    Raises PoolExhausted, with both numbers, for more than there are candidates.
    """
    strategy, settled = get(name), settle(name, options)
    check_count(k, candidates)
    parts = {o.name: get(settled[o.name]) for o in strategy.options if o.kind == "strategy"}
    return strategy.select(signals, candidates, k, rng, {**settled, **parts}, context)
