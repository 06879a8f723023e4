"""Owns a model as PyTorch's exported program: what `torch.export.load` runs, without alcore.

N images of R pixels a side, C classes, D embedding width; in and out as in `onnx_export`.
"""

from __future__ import annotations

import io
import logging
import warnings

import numpy as np
import torch

from alcore.learner.onnx_export import Graph

_AT_ONCE = 256


def write(graph: Graph, side: int) -> bytes:
    """Return what takes pixels (N, side, side, 3) uint8 as an exported program."""
    graph = graph.cpu().eval().requires_grad_(False)  # what it says is asked for, not learned
    example = torch.zeros(2, side, side, 3, dtype=torch.uint8)
    quiet = logging.getLogger("torch.export").level
    logging.getLogger("torch.export").setLevel(logging.ERROR)
    out = io.BytesIO()
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            n = torch.export.Dim("n", min=1)
            program = torch.export.export(graph, (example,), dynamic_shapes=({0: n},))
            torch.export.save(program, out)
    finally:
        logging.getLogger("torch.export").setLevel(quiet)
    return out.getvalue()


def predict(program: bytes, pixels: np.ndarray) -> np.ndarray:
    """Ask an exported program about pixels (N, R, R, 3) uint8: probabilities (N, C)."""
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        ask = torch.export.load(io.BytesIO(program)).module()
        parts = [
            ask(torch.from_numpy(pixels[start : start + _AT_ONCE]))[0].numpy()
            for start in range(0, len(pixels), _AT_ONCE)
        ]
    return np.concatenate(parts)
