"""Owns models that are read back from files, of whatever kind: asked by pixels alone.

n images of R pixels a side, C classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np

from alcore.config import BACKBONES
from alcore.feature_space import PACKAGED, ExtractorWeights
from alcore.learner import device, inference, mixtures, tuning
from alcore.learner.checkpoints import Model
from alcore.learner.mixtures import Stored, Whole
from alcore.learner.onnx_export import Graph, NetworkGraph
from alcore.learner.predictions import Predictions

if TYPE_CHECKING:
    from alcore.learner.attribution import Explainable


@dataclass(frozen=True)
class ModelOfFile:
    """A model that a round has left: a network, a head on features, or both mixed."""

    stored: Stored | Model
    graph: Graph
    """Takes pixels (n, R, R, 3) uint8; gives probabilities and embeddings."""

    @classmethod
    def load(cls, path: Path, weights: ExtractorWeights = PACKAGED) -> Self:
        """Read a model. Raises CheckpointMismatch, and WeightsUnavailable for its extractor's."""
        stored = mixtures.load(path, device.choose())
        if isinstance(stored, Model):
            return cls(stored, NetworkGraph(stored))
        return cls(stored, Whole(stored, tuning.extractor_of(stored.features, weights)).eval())

    @property
    def resolution(self) -> int:
        """R."""
        one = self.stored
        return one.architecture.resolution if isinstance(one, Model) else one.resolution

    @property
    def channels(self) -> int:
        network = self.stored if isinstance(self.stored, Model) else self.stored.network
        return network.architecture.channels if network else 3

    @property
    def temperature(self) -> float:
        return self.stored.temperature

    @property
    def mirror(self) -> bool:
        """Whether its round asked about mirror images too."""
        network = self.stored if isinstance(self.stored, Model) else self.stored.network
        return network is not None and network.mirror

    @property
    def features(self) -> str:
        """Whose features it uses, for people; empty where it uses none."""
        if isinstance(self.stored, Model):
            return ""
        features = self.stored.features
        return f"{features.name} (licence of its weights: {features.license})"

    @property
    def tuned(self) -> str:
        """Digest of the tuned weights of its extractor; empty where it has none."""
        return "" if isinstance(self.stored, Model) else self.stored.features.tuned

    @property
    def explainable(self) -> Explainable:
        """The model as far as heat maps need it."""
        from alcore.learner import attribution  # brings captum

        if isinstance(self.graph, Whole):
            return attribution.of_whole(self.graph)
        assert isinstance(self.graph, NetworkGraph) and isinstance(self.stored, Model)
        is_slow = self.stored.architecture.network in BACKBONES
        return attribution.of_network(self.graph.eval(), self.resolution, is_slow)

    def predict(self, pixels: np.ndarray, embeddings: bool = True) -> Predictions:
        """Ask about images (n, R, R, 3) uint8, not about their mirror images."""
        if isinstance(self.stored, Model):
            rows = np.arange(len(pixels))
            return inference.predict(
                self.stored, pixels, rows, embeddings, False, lambda share: None
            )
        assert isinstance(self.graph, Whole)
        predictions = mixtures.predict(self.graph, pixels)
        return predictions if embeddings else Predictions(predictions.probabilities, None)
