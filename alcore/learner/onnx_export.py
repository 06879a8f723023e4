"""Owns a model as ONNX: from pixels to calibrated probabilities, without torch.

N images of R pixels a side, C classes, D embedding width. The graph takes (N, R, R, 3) uint8 and
gives probabilities (N, C) and embeddings (N, D) float32: colours, normalisation, temperature and
softmax are in it; making an image square and R pixels wide is not.
"""

from __future__ import annotations

import importlib.util
import logging
import warnings
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from alcore.errors import ExportFailed
from alcore.folding import Folding
from alcore.learner import inference
from alcore.learner.checkpoints import Model

INPUT, PROBABILITIES, EMBEDDINGS = "pixels", "probabilities", "embeddings"
NEEDED = ("onnx", "onnxscript", "onnxruntime")
_AT_ONCE = 256
Graph = nn.Module
"""Takes pixels (N, R, R, 3) uint8; gives probabilities (N, C) and embeddings (N, D) float32."""


class NetworkGraph(nn.Module):
    """A network alone, from pixels to calibrated probabilities."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.network = inference.fused(model.network).float()
        self.channels = model.architecture.channels
        self.temperature = model.temperature

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        images = pixels[..., : self.channels].permute(0, 3, 1, 2).float()
        embedding = self.network.features(images)
        logits = self.network.head(embedding) / self.temperature
        return logits.softmax(dim=1), embedding


class Folded(nn.Module):
    """A model's answers about the classes of today, where these are others than its own."""

    matrix: Tensor

    def __init__(self, graph: Graph, fold: Folding) -> None:
        super().__init__()
        self.whole = graph  # a module called graph is not exported
        matrix = torch.zeros(len(fold.places), fold.classes)
        for column, place in enumerate(fold.places.tolist()):
            if place >= 0:
                matrix[column, place] = 1
        self.register_buffer("matrix", matrix)

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        probabilities, embedding = self.whole(pixels)
        folded = probabilities @ self.matrix
        return folded / folded.sum(dim=1, keepdim=True).clamp_min(1e-30), embedding


def check_installed() -> None:
    """Raise ExportFailed, with the command that helps, where a package is missing."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise ExportFailed(
            f"ONNX needs {', '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not "
            "installed; add them with: pip install 'alcore[onnx]'"
        )


def write(graph: Graph, side: int, path: Path) -> None:
    """Write what takes pixels (N, side, side, 3) as ONNX: a NetworkGraph or a mixture's `Whole`.

    Raises ExportFailed where a package is missing.
    """
    check_installed()
    graph = graph.cpu().eval()
    example = torch.zeros(2, side, side, 3, dtype=torch.uint8)
    quiet = logging.getLogger("torch.onnx").level
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), torch.inference_mode():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                graph,
                (example,),
                str(path),
                input_names=[INPUT],
                output_names=[PROBABILITIES, EMBEDDINGS],
                dynamic_shapes=({0: torch.export.Dim("n", min=1)},),
                dynamo=True,
                external_data=False,
                verbose=False,
            )
    finally:
        logging.getLogger("torch.onnx").setLevel(quiet)


def predict(path: Path, pixels: np.ndarray, threads: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Ask a model in ONNX about pixels (N, R, R, 3) uint8: probabilities (N, C), embeddings."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    parts = [
        session.run([PROBABILITIES, EMBEDDINGS], {INPUT: pixels[start : start + _AT_ONCE]})
        for start in range(0, len(pixels), _AT_ONCE)
    ]
    return np.concatenate([p for p, _ in parts]), np.concatenate([e for _, e in parts])
