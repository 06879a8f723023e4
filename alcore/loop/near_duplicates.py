"""Owns a project's fingerprints, kept beside its pixels, and the search for near-duplicates.

Row r is the image at position r, (16, 16, 3) uint8. The file is made of the pixels, and made again
where it is missing. One process writes: the one that brings images in.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from alcore import disk
from alcore.config import ProjectSettings
from alcore.datasets.pixels import PixelCache
from alcore.loop import features
from alcore.near_duplicates import SIDE, NearIndex, components, fingerprints

_FILE = "fingerprints.u8"
_ROW = SIDE * SIDE * 3


def compare_all(folder: Path, settings: ProjectSettings, n: int) -> np.ndarray:
    """Find the near-duplicates among a project's first n images, all of them anew.

    Returns groups (n,) int64 as `alcore.near_duplicates.components` does. Features are asked where
    there are some.
    """
    (folder / _FILE).unlink(missing_ok=True)
    known = features.current(folder, n)
    prints = _prints(folder, settings, n)
    if not n:
        return np.zeros(0, np.int64)
    index = NearIndex(prints, None if known is None else known.points)
    return components(index.pairs(), n)


def _prints(folder: Path, settings: ProjectSettings, n: int) -> np.ndarray:
    """Return the fingerprints (n, 16, 16, 3) of the first n images; those that lack are made."""
    path, cache = folder / _FILE, PixelCache.of(folder, settings)
    try:
        with path.open("ab") as file:
            rows = min(n, file.tell() // _ROW)
            file.truncate(rows * _ROW)  # what a crash left counts for nothing
            for block in cache.blocks(n, first=rows):
                file.write(fingerprints(block).tobytes())
            disk.sync(file)
    except OSError as error:
        raise disk.unusable(path, error) from error
    return np.fromfile(path, np.uint8, n * _ROW).reshape(n, SIDE, SIDE, 3)


class Newcomers:
    """Compares images that come into a project later with all that are there."""

    def __init__(self, folder: Path, settings: ProjectSettings, n: int) -> None:
        """n: how many images are there."""
        self._folder, self._settings = folder, settings
        self._index = NearIndex(_prints(folder, settings, n)) if n else None
        self._n = n

    def pairs(self, n: int) -> np.ndarray:
        """Take in the images up to position n; return near-duplicates (P, 2) of those by position.

        At least one of each pair is new; the earlier one comes first.
        """
        before, self._n = self._n, n
        prints = _prints(self._folder, self._settings, n)
        if self._index is None:
            self._index = NearIndex(prints)
        else:
            self._index.add(prints[before:])
        return self._index.pairs(before)
