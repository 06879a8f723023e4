"""Owns what a check of the workspace yields: something amiss, and how it is mended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """Something that is amiss."""

    what: str
    remedy: str
    mend: Callable[[], None] | None = None
    """Does what the remedy says; None where people have to."""
