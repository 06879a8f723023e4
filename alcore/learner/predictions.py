"""Owns what a model says about images, whatever model it is. N images, C classes, D features."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Predictions:
    """Row r belongs to the r-th image asked about."""

    probabilities: np.ndarray
    """(N, C) float32."""
    embeddings: np.ndarray | None
    """(N, D) float32, what the head sees, if asked for; None without."""

    def embedded(self) -> np.ndarray:
        """Return the embeddings, where they were asked for; raises ValueError elsewhere."""
        if self.embeddings is None:
            raise ValueError("these predictions hold no embeddings; ask with embeddings=True")
        return self.embeddings

    def at(self, rows: np.ndarray) -> Predictions:
        """Return those of some rows."""
        embeddings = None if self.embeddings is None else self.embeddings[rows]
        return Predictions(self.probabilities[rows], embeddings)
