"""Owns the files that a round reads and writes: a project's pixels, its predictions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from alcore import disk
from alcore.config import ProjectSettings
from alcore.datasets.pixels import PixelCache
from alcore.errors import TrainingImpossible


def pixels_of(folder: Path, settings: ProjectSettings, n: int) -> np.ndarray:
    """Map a project's n images at its resolution: (n, H, W, 3) uint8.

    Raises TrainingImpossible while they are being fitted to another resolution.
    """
    pixels = PixelCache.of(folder, settings).array()
    if len(pixels) < n:
        raise TrainingImpossible(
            f"the images are not fitted to {settings.resolution} pixels yet; "
            "train again when that is done"
        )
    return pixels[:n]


def round_arrays(folder: Path, number: int) -> Path:
    """Name the file with a round's predictions."""
    return folder / "rounds" / f"{number:04d}.npz"


def head_of(folder: Path, number: int) -> np.ndarray | None:
    """Read the head (D + 1, C) that a round has left; None where it left none."""
    path = round_arrays(folder, number)
    if not path.exists():
        return None
    with np.load(path, allow_pickle=False) as arrays:
        return arrays.get("head")


@dataclass(frozen=True)
class RoundLesson:
    """What a round learned from."""

    item_ids: np.ndarray
    """(L,) int64."""
    labels: np.ndarray
    """(L,) int64 class positions of the items."""
    unlabeled_ids: np.ndarray
    """(U,) int64 items without labels that it could learn from; empty in rounds before they did."""


def lesson_of(folder: Path, number: int) -> RoundLesson | None:
    """Read what a round learned from; None where it left no list, as the first versions did."""
    path = round_arrays(folder, number)
    if not path.exists():
        return None
    with np.load(path, allow_pickle=False) as arrays:
        if "labeled_ids" not in arrays:
            return None
        unlabeled = arrays["candidate_ids"][:0]
        if "question_ids" in arrays:
            free = ~np.isin(arrays["candidate_ids"], arrays["question_ids"])
            unlabeled = arrays["candidate_ids"][free]
        return RoundLesson(arrays["labeled_ids"], arrays["labels"], unlabeled)


def make_room(folder: Path) -> None:
    """Make the folder of rounds, without what attempts that died have left there."""
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.glob("unpublished-*"):
        left.unlink(missing_ok=True)


def save_arrays(path: Path, **arrays: np.ndarray) -> None:
    """Write arrays of a round to disk, durably. Raises WorkspaceUnusable."""
    try:
        with path.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)
            disk.sync(file)
    except OSError as error:
        raise disk.unusable(path, error) from error
