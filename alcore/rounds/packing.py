"""Owns a model as files: weights, ONNX, configuration, card and script, checked and zipped.

N images of R pixels a side, C classes.
"""

from __future__ import annotations

import tempfile
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from alcore import disk, metrics, model_card
from alcore.learner import checkpoints, device, inference, onnx_export
from alcore.learner.progress import OnProgress
from alcore.model_card import Check, ModelFacts
from alcore.records import RoundSummary


@dataclass(frozen=True)
class Material:
    """What a package is made of."""

    project: str
    classes: tuple[str, ...]
    summary: RoundSummary
    checkpoint: Path
    scale: tuple[float, float] | None
    pixels: np.ndarray
    """(M, R, R, 3) uint8, maybe a memmap."""
    holdout_rows: np.ndarray
    """(H,) int64 into pixels, of the round's holdout."""
    holdout_true: np.ndarray
    """(H,) int64 positions of the true classes."""
    other_rows: np.ndarray
    """Further images to check the exported model on."""
    threads: int


def pack(material: Material, to: Path, on_progress: OnProgress) -> Check:
    """Write a zip of a model; return what the exported one was found to be.

    Raises ExportFailed where a package or room on the disk is missing, CheckpointMismatch.
    """
    onnx_export.check_installed()
    with tempfile.TemporaryDirectory() as folder, device.computing(0, 1):
        model = checkpoints.load(material.checkpoint)
        on_progress(0.05)
        graph = Path(folder, "model.onnx")
        onnx_export.write(model, graph)
        on_progress(0.5)
        check = _check(model, material, graph)
        on_progress(0.95)
        facts = ModelFacts(
            project=material.project,
            classes=material.classes,
            summary=material.summary,
            resolution=model.architecture.resolution,
            channels=model.architecture.channels,
            temperature=model.temperature,
            mirror=model.mirror,
            scale=material.scale,
            check=check,
        )
        with disk.whole_file(to) as out, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.write(material.checkpoint, "model.safetensors")
            archive.write(graph, "model.onnx")
            archive.writestr("model.json", model_card.configuration(facts))
            archive.writestr("README.md", model_card.card(facts))
            archive.writestr("predict.py", model_card.SCRIPT)
    return check


def _check(model: checkpoints.Model, material: Material, graph: Path) -> Check:
    """Ask both models about real images, and measure the exported one on the holdout."""
    rows = np.concatenate([material.holdout_rows, material.other_rows])
    start = time.perf_counter()
    original = inference.predict(model, material.pixels, rows, False, False, lambda share: None)
    middle = time.perf_counter()
    probabilities, _ = onnx_export.predict(graph, np.asarray(material.pixels[rows]))
    end = time.perf_counter()
    held = len(material.holdout_rows)
    return Check(
        images=len(rows),
        difference=float(np.abs(probabilities - original.probabilities).max(initial=0.0)),
        evaluation=metrics.evaluate(
            probabilities[:held], material.holdout_true, len(material.classes)
        ),
        seconds=end - middle,
        original_seconds=middle - start,
    )
