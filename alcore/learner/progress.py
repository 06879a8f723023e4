"""Owns how a computation tells how far it is; torch stays away."""

from __future__ import annotations

from collections.abc import Callable

OnProgress = Callable[[float], None]
"""Is told the share done, 0–1; may raise to stop."""


def part(on_progress: OnProgress, low: float, high: float) -> OnProgress:
    """Return what the part of a work from `low` to `high` calls with its own share 0–1.

    >>> shares = []
    >>> part(shares.append, 0.5, 1.0)(0.5)
    >>> shares
    [0.75]
    """
    return lambda share: on_progress(low + share * (high - low))
