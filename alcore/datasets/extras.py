"""Owns what is said where a kind of file needs a library that is not installed."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from alcore.errors import UnreadableImage


def library(module: str, extra: str, what: str) -> ModuleType:
    """Load a library that comes with an extra, to read what is called so.

    Raises UnreadableImage with the command that adds it.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise UnreadableImage(needs(what, extra)) from error


def needs(what: str, extra: str) -> str:
    """Say which command lets a kind of file be read.

    >>> needs("a HEIC image", "heif")
    "a HEIC image, for which a library is missing; add it with: pip install 'alcore[heif]'"
    """
    return f"{what}, for which a library is missing; add it with: pip install 'alcore[{extra}]'"
