"""Owns a model as files: weights, ONNX, configuration, card and script, checked and zipped.

N images of R pixels a side, C classes.
"""

from __future__ import annotations

import tempfile
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from alcore import disk, metrics, model_card
from alcore.feature_space import ExtractorWeights
from alcore.folding import Folding
from alcore.learner import device, onnx_export, program_export, tuning
from alcore.learner.progress import OnProgress
from alcore.model_card import Check, ModelFacts
from alcore.records import RoundSummary
from alcore.rounds.stored_models import ModelOfFile
from alcore.slices import accuracy_by


@dataclass(frozen=True)
class Material:
    """What a package is made of."""

    project: str
    classes: tuple[str, ...]
    """Those of today that the model can answer."""
    fold: Folding
    """From the model's own classes to these."""
    summary: RoundSummary
    checkpoint: Path
    scale: tuple[float, ...] | None
    weights: ExtractorWeights
    """Of the network whose features it uses, if it does."""
    read: Callable[[np.ndarray, int], np.ndarray]
    """Gives the images of rows (n,) at a resolution R: (n, R, R, 3) uint8."""
    holdout_rows: np.ndarray
    """(H,) int64, of the round's holdout."""
    holdout_true: np.ndarray
    """(H,) int64 positions of the true classes."""
    divisions: tuple[tuple[str, np.ndarray, tuple[str, ...]], ...]
    """Columns that divide the holdout: a name, the slice (H,) of each image, and their names."""
    grouping: str
    """How groups of images lie in holdout and pool; empty where there are none."""
    other_rows: np.ndarray
    """Further images to check the exported model on."""
    threads: int


def pack(material: Material, to: Path, on_progress: OnProgress) -> Check:
    """Write a zip of a model; return what the exported one was found to be.

    Raises ExportFailed where a package or room on the disk is missing, CheckpointMismatch.
    """
    onnx_export.check_installed()
    with tempfile.TemporaryDirectory() as folder, device.computing(0, 1):
        model = ModelOfFile.load(material.checkpoint, material.weights)
        on_progress(0.05)
        graph = Path(folder, "model.onnx")
        whole = model.graph
        if not material.fold.is_same:
            whole = onnx_export.Folded(whole, material.fold)
        onnx_export.write(whole, model.resolution, graph)
        on_progress(0.4)
        program = program_export.write(whole, model.resolution)
        on_progress(0.5)
        check = _check(model, material, graph, program)
        on_progress(0.95)
        facts = ModelFacts(
            project=material.project,
            classes=material.classes,
            summary=material.summary,
            resolution=model.resolution,
            channels=model.channels,
            temperature=model.temperature,
            mirror=model.mirror,
            scale=material.scale,
            check=check,
            grouping=material.grouping,
            features=model.features,
        )
        with disk.whole_file(to) as out, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.write(material.checkpoint, "model.safetensors")
            if model.tuned and material.weights.tuned is not None:
                weights = tuning.path_of(material.weights.tuned, model.tuned)
                archive.write(weights, weights.name)
            archive.write(graph, "model.onnx")
            archive.writestr("model.pt2", program)
            archive.writestr("model.json", model_card.configuration(facts))
            archive.writestr("README.md", model_card.card(facts))
            archive.writestr("predict.py", model_card.SCRIPT)
    return check


def _check(model: ModelOfFile, material: Material, graph: Path, program: bytes) -> Check:
    """Ask the models about real images, and measure the exported one on the holdout."""
    rows = np.concatenate([material.holdout_rows, material.other_rows])
    pixels = material.read(rows, model.resolution)
    start = time.perf_counter()
    original = model.predict(pixels)
    middle = time.perf_counter()
    probabilities, _ = onnx_export.predict(graph, pixels)
    end = time.perf_counter()
    held = len(material.holdout_rows)
    correct = probabilities[:held].argmax(axis=1) == material.holdout_true
    expected = material.fold.fold(original.probabilities)
    of_program = program_export.predict(program, pixels) if len(rows) else probabilities
    return Check(
        images=len(rows),
        difference=float(np.abs(probabilities - expected).max(initial=0.0)),
        program_difference=float(np.abs(of_program - expected).max(initial=0.0)),
        evaluation=metrics.evaluate(
            probabilities[:held], material.holdout_true, len(material.classes)
        ),
        seconds=end - middle,
        original_seconds=middle - start,
        slicings=tuple(
            accuracy_by(column, places, names, correct)
            for column, places, names in material.divisions
        ),
    )
