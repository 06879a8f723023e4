"""Owns how features of images become points: like scales, one length, the main directions.

N images, D features, K directions. A point's products with others tell how alike images are.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from alcore.records import Features

DIRECTIONS = 256
_LOOKED_AT = 20_000
"""Images, evenly taken, from which a space is told."""
_BLOCK = 1_024


@dataclass(frozen=True)
class FeatureSpace:
    """Where points live: what is taken from features, and the directions that are kept."""

    mean: np.ndarray
    """(D,) float32."""
    deviation: np.ndarray
    """(D,) float32, never 0."""
    directions: np.ndarray
    """(D, K) float32, orthonormal; the first vary most."""

    @classmethod
    def of(cls, features: np.ndarray, rows: np.ndarray) -> Self:
        """Fit a space to some rows (n,) of features (N, D), maybe a memmap.

        K is at most DIRECTIONS, D and n.
        """
        rows = rows[:: 1 + len(rows) // _LOOKED_AT]
        sample = np.asarray(features[rows], np.float32)
        mean, deviation = sample.mean(axis=0), sample.std(axis=0)
        deviation = np.maximum(deviation, 1e-3 * max(float(deviation.mean()), 1e-6))
        sample = unit((sample - mean) / deviation)
        _, vectors = np.linalg.eigh(sample.T @ sample)
        count = min(DIRECTIONS, *sample.shape)
        directions = np.ascontiguousarray(vectors[:, ::-1][:, :count], np.float32)
        return cls(mean.astype(np.float32), deviation.astype(np.float32), directions)

    def points(self, features: np.ndarray) -> np.ndarray:
        """Return points (n, K) float32 of features (n, D), block by block."""
        result = np.empty((len(features), self.directions.shape[1]), np.float32)
        for start in range(0, len(features), _BLOCK):
            block = np.asarray(features[start : start + _BLOCK], np.float32)
            block = unit((block - self.mean) / self.deviation)
            np.matmul(block, self.directions, out=result[start : start + len(block)])
        return result


@dataclass(frozen=True)
class FeaturePoints:
    """What learners and strategies see of a project's features."""

    features: Features
    points: np.ndarray
    """(N, K) float32 by position, maybe a memmap."""
    space: FeatureSpace


@dataclass(frozen=True)
class ExtractorWeights:
    """Where the weights of a feature extractor are, besides those that come with alcore."""

    file: str = ""
    downloads: Path | None = None
    tuned: Path | None = None
    """Folder of those that learned from a project's labels."""


PACKAGED = ExtractorWeights()


def unit(values: np.ndarray) -> np.ndarray:
    """Return rows (n, D) scaled to length 1, those of length 0 as they are."""
    lengths = np.sqrt(np.einsum("nd,nd->n", values, values))[:, None]
    return values / np.where(lengths > 0, lengths, 1)
