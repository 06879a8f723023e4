"""Owns the files of a project's features: written by one job, mapped by whoever needs them.

In the folder `features`: what the extractor said of each image, by position, append-only and
float16; the points made of it; and which of both count. In the folder `tuned` the same, by an
extractor whose last stages have learned from labels, and the weights of these for all models that
have used some. N images, D features, K directions.
"""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from alcore import disk
from alcore.feature_space import ExtractorWeights, FeaturePoints, FeatureSpace
from alcore.records import Features, Project
from alcore.store import Store

FEATURES, TUNED = "features", "tuned"
"""Folders."""
_ABOUT = "about.json"


class FeatureFile:
    """The features (N, D) of one extractor at one size of images; one process writes."""

    def __init__(self, folder: Path, key: str, width: int, which: str = FEATURES) -> None:
        self.folder = folder / which
        self.path = self.folder / f"{key}.f16"
        self.width = width

    def __len__(self) -> int:
        """Count the complete rows on disk."""
        return self.path.stat().st_size // (2 * self.width) if self.path.exists() else 0

    def begin(self) -> int:
        """Cut off what an attempt that died wrote of its last row; return how many rows there are.

        Features of other extractors and sizes are deleted.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            for other in self.folder.glob("*.f16"):
                if other != self.path:
                    other.unlink()
            rows = len(self)
            with self.path.open("ab") as file:
                file.truncate(2 * self.width * rows)
            return rows
        except OSError as error:
            raise disk.unusable(self.path, error) from error

    def append(self, features: np.ndarray) -> None:
        """Add rows (n, D), so that they survive a power cut. Raises WorkspaceUnusable."""
        try:
            with self.path.open("ab") as file:
                file.write(features.astype(np.float16).tobytes())
                disk.sync(file)
        except OSError as error:
            raise disk.unusable(self.path, error) from error

    def array(self) -> np.ndarray:
        """Map all rows: (N, D) float16, read-only."""
        shape = (len(self), self.width)
        return np.memmap(self.path, np.float16, "r", shape=shape) if shape[0] else np.zeros(shape)

    def save(self, space: FeatureSpace, points: np.ndarray, about: Features) -> Path:
        """Write points (N, K) and what they are beside those that count; `put` lets them count."""
        name = f"points-{time.time_ns()}"
        try:
            with (self.folder / f"{name}.npy").open("wb") as file:
                np.save(file, points, allow_pickle=False)
                disk.sync(file)
            with (self.folder / f"{name}.npz").open("wb") as file:
                np.savez(file, allow_pickle=False, **vars(space))
                disk.sync(file)
            part = self.folder / f"{_ABOUT}.{os.getpid()}.part"
            with part.open("wb") as file:
                file.write(json.dumps({"points": name, **asdict(about)}).encode())
                disk.sync(file)
        except OSError as error:
            raise disk.unusable(self.folder, error) from error
        return part


def put(part: Path) -> None:
    """Let saved points count, in place of those before."""
    part.replace(part.with_name(_ABOUT))
    disk.sync_names(part.parent)


def forget_others(folder: Path, which: str = FEATURES) -> None:
    """Delete points that do not count any more, and what attempts that died have left."""
    content = _about(folder / which)
    for old in (folder / which).glob("points-*"):
        if content is not None and old.stem != content["points"]:
            with suppress(OSError):  # Windows keeps a file that is mapped; the next job tries
                old.unlink(missing_ok=True)
    for left in (folder / which).glob("*.part"):
        left.unlink(missing_ok=True)


def forget_tuned(folder: Path) -> None:
    """Let a project's tuned points count no more; weights stay, for models that have used them."""
    (folder / TUNED / _ABOUT).unlink(missing_ok=True)
    forget_others(folder, TUNED)


def status(folder: Path, which: str = FEATURES) -> Features | None:
    """Read which features of a project count; None while there are none."""
    content = _about(folder / which)
    if content is None:
        return None
    content.pop("points")
    return Features(**content)


def tuned_status(folder: Path, project: Project, plain: Features, images: int) -> Features | None:
    """Read which tuned features models of a project learn from, in place of the plain ones.

    None where it wants none, or there are none of all its images and of the same extractor.
    """
    tuned = status(folder, TUNED) if project.settings.learner.tunes else None
    if tuned is None or tuned.base != plain.base or tuned.images < images:
        return None
    return tuned


def current(folder: Path, images: int, which: str = FEATURES) -> FeaturePoints | None:
    """Map the points of a project's N images; None while there are none of that many."""
    content = _about(folder / which)
    if content is None or content["images"] < images:
        return None
    path = folder / which / content.pop("points")
    try:
        points = np.load(path.with_suffix(".npy"), mmap_mode="r", allow_pickle=False)
        with np.load(path.with_suffix(".npz"), allow_pickle=False) as arrays:
            space = FeatureSpace(**arrays)
    except (OSError, ValueError, TypeError):  # deleted meanwhile, or not what it should be
        return None
    return FeaturePoints(Features(**content), points[:images], space)


def of_model(folder: Path, images: int, space: FeatureSpace) -> FeaturePoints | None:
    """Map the points of N images in the space that a model has; None where they count no more."""
    for which in (TUNED, FEATURES):
        table = current(folder, images, which)
        if table is not None and np.array_equal(table.space.directions, space.directions):
            return table
    return None


def extractor_weights(store: Store, project: Project) -> ExtractorWeights:
    """Say where the weights of a project's extractor are."""
    file = project.settings.learner.extractor_file
    return ExtractorWeights(file, store.workspace.downloads, store.folder(project.id) / TUNED)


def _about(folder: Path) -> dict[str, Any] | None:
    try:
        content = json.loads((folder / _ABOUT).read_bytes())
        return content if isinstance(content, dict) and "points" in content else None
    except (OSError, ValueError):
        return None
