"""Owns the file with a round's embeddings: written by the training, mapped by the web process.

Row r is the item at position r; (N, D) float32. Only the newest round's file is kept.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import numpy as np

from alcore import disk


def path(folder: Path, number: int) -> Path:
    """Name the file of a round in its project's folder."""
    return folder / "rounds" / f"{number:04d}.embeddings.npy"


def save(to: Path, embeddings: np.ndarray) -> None:
    """Write embeddings (N, D) so that they survive a power cut. Raises WorkspaceUnusable."""
    try:
        with to.open("wb") as file:
            np.save(file, embeddings, allow_pickle=False)
            disk.sync(file)
    except OSError as error:
        raise disk.unusable(to, error) from error


def mapped(folder: Path, number: int) -> np.ndarray | None:
    """Map a round's embeddings (N, D) float32; None where there are none."""
    try:
        return np.load(path(folder, number), mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError):  # absent, or not what it should be
        return None


def forget_others(folder: Path, number: int) -> None:
    """Delete the files of other rounds than this one."""
    for old in (folder / "rounds").glob("*.embeddings.npy"):
        if old != path(folder, number):
            with suppress(OSError):  # Windows keeps a file that is mapped; the next round tries
                old.unlink(missing_ok=True)
