"""Owns how the parts of a design are named and set: unknown names get the nearest right one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from alcore.errors import InvalidSettings


def nearest(what: str, name: object, known: Iterable[str]) -> str:
    """Return the sentence for a name that does not exist, with the nearest one that does."""
    names = list(known)
    close = difflib.get_close_matches(str(name), names, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return f"no {what} called {name!r}; {hint}choose from {', '.join(names) or 'none'}"


def unknown(what: str, name: object, known: Iterable[str]) -> InvalidSettings:
    """Return the error for a name that does not exist."""
    return InvalidSettings(nearest(what, name, known))


def with_defaults(
    what: str, values: Mapping[str, Any], defaults: Mapping[str, Any]
) -> dict[str, Any]:
    """Return options with defaults for those not given.

    Raises InvalidSettings for an option that is not known or is of another kind than its
    default; where the default is None, any value is left to whoever uses it.
    """
    for key, value in values.items():
        if key not in defaults:
            raise unknown(f"setting of {what}", key, defaults)
        default = defaults[key]
        kind = (int, float) if isinstance(default, float) else type(default)
        wrong = not isinstance(value, kind) or isinstance(value, bool) != isinstance(default, bool)
        if default is not None and wrong:
            raise InvalidSettings(f"{what}: {key} is {value!r}; must be of the kind of {default!r}")
    return {**defaults, **values}


def between(what: str, value: float, low: float, high: float) -> None:
    """Raise InvalidSettings for a number out of its range, or not a number."""
    if not low <= value <= high:
        raise InvalidSettings(f"{what} is {value}; must be from {low:g} to {high:g}")
