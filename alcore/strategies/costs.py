"""Owns what a strategy costs: estimates for the set-up page and the command line, in seconds.

Measured on two CPU cores at 2 to 3 GHz with the default network; other machines differ by a
factor, not by an order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from alcore import strategies
from alcore.strategies.contract import Need

EXTRA: Mapping[Need, tuple[float, int, float]] = MappingProxyType(
    {
        "history": (6.0, 0, 0.05),
        "inner_history": (6.0, 0, 0.05),
        "augmented": (4.0, 0, 0.0),
        "predicted_loss": (1.0, 0, 0.03),
        "reconstruction_loss": (2.0, 15_000, 0.2),
        "flip_distance": (0.0, 5_000, 0.1),
        "dropout": (0.0, 0, 0.1),
        "committee": (0.0, 0, 0.15),
        "crossfit": (3.0, 120_000, 0.0),
    }
)
"""What signals cost: passes of the network over the items that they look at, images passed
besides, whatever the pool, and seconds besides."""
SUBSET = 10_000
"""Signals with passes of their own look at no more candidates than this. Yoo & Kweon 2019 take the
top of a random subset of this size because the top of a whole pool is full of near-duplicates."""
PIXEL = 4e-7
"""Seconds of one pass per pixel of an image's area."""


@dataclass(frozen=True)
class RoundSize:
    """How large a round is, in items where nothing else is said."""

    pool: int
    labeled: int
    classes: int
    picks: int
    side: int
    """Pixels."""


def seconds(name: str, options: Mapping[str, Any], size: RoundSize) -> float:
    """Estimate how long a round scores and selects; its training is not counted.

    Raises as `strategies.complete_options` does.
    """
    values = strategies.complete_options(name, options)
    made_of = [strategies.get(name)]
    made_of += [strategies.get(values[o.name]) for o in made_of[0].options if o.kind == "strategy"]
    needs = strategies.needed(name, options)
    extra = [EXTRA[need] for need in needs if need in EXTRA]
    looked_at = min(size.pool, SUBSET)
    images = size.pool + sum(passes * looked_at + more for passes, more, _ in extra)
    of_strategy = (size.pool, size.labeled, size.classes, size.picks)
    return (
        images * PIXEL * size.side**2
        + sum(besides for _, _, besides in extra)
        + sum(strategy.cost(*of_strategy) for strategy in made_of)
    )
