"""Owns strategies of others: what installed packages register under `alcore.strategies`.

An entry point names a `Strategy`. They are loaded once, when the registry is first asked for.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points

from alcore.strategies.contract import Strategy

GROUP = "alcore.strategies"


@cache
def load() -> tuple[dict[str, Strategy], dict[str, str]]:
    """Return the strategies found, by name, and why the others could not be loaded, by entry."""
    strategies: dict[str, Strategy] = {}
    broken: dict[str, str] = {}
    for entry in sorted(entry_points(group=GROUP), key=lambda e: e.name):
        try:
            strategy = entry.load()
        except Exception as error:  # others' code may fail in any way; it must not stop the app
            broken[entry.name] = f"{entry.value} fails to load: {type(error).__name__}: {error}"
            continue
        if isinstance(strategy, Strategy):
            strategies[strategy.name] = strategy
        else:
            kind = type(strategy).__name__
            broken[entry.name] = f"{entry.value} is {kind}, not an alcore.strategies.Strategy"
    return strategies, broken
