"""Owns the generators of a project: one for each purpose, from its one seed."""

from __future__ import annotations

import zlib

import numpy as np

from alcore.config import ProjectSettings


def rng(settings: ProjectSettings, *purpose: int | str) -> np.random.Generator:
    """Derive a generator from the project's seed and a purpose."""
    words = [zlib.crc32(word.encode()) if isinstance(word, str) else word for word in purpose]
    return np.random.default_rng([settings.seed, *words])
