"""Owns the files of a project's maps: where each image lies, by what, and the model's opinions.

A layout has a basis: a model's embeddings, by its number ("0012"), the features of the images, or
their pixels; and a method: "pca" or "umap". N images by position.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from zipfile import BadZipFile

import numpy as np

from alcore import disk, layouts, linear_head
from alcore.datasets.pixels import PixelCache
from alcore.loop import embeddings
from alcore.loop import features as feature_files
from alcore.loop.round_files import head_of
from alcore.records import Project, RoundSummary

METHODS = ("pca", "umap")
FEATURES, PIXELS = "features", "pixels"
MOST_BYTES = 256_000_000
"""Of all layouts of a project: the oldest models' are deleted first."""
_SIDE = 16
"""Pixels a side to which images are reduced where pixels are all there is."""
_NAME = re.compile(r"(\d{4,}|features|pixels)\.(pca|umap)\.npz")


@dataclass(frozen=True)
class Layout:
    """Where images lie, and what the model whose embeddings these are said of them."""

    basis: str
    method: str
    steps: np.ndarray
    """(N, 2) uint16."""
    span: float
    predicted: np.ndarray | None = None
    """(N,) int16 class positions; None where no model is the basis."""
    unsure: np.ndarray | None = None
    """(N,) uint8, 255 (1 − margin)."""
    made_of: float = 0.0
    """When features were computed that are the basis, in seconds since 1970."""

    @property
    def points(self) -> np.ndarray:
        """(N, 2) float32."""
        return layouts.unpacked(self.steps, self.span)


def umap_is_installed() -> bool:
    """Tell whether the extra that lays out neighbours is there, without loading it."""
    return importlib.util.find_spec("umap") is not None


def basis_of(folder: Path, latest: RoundSummary | None, images: int) -> str:
    """Name the best basis that a project has for a map of its images."""
    if latest is not None and embeddings.mapped(folder, latest.number) is not None:
        return f"{latest.number:04d}"
    return PIXELS if feature_files.current(folder, images) is None else FEATURES


def values_of(folder: Path, project: Project, basis: str, images: int) -> np.ndarray | None:
    """Return what images are laid out by, (N, D), maybe a memmap; None where it is gone."""
    if basis == FEATURES:
        table = feature_files.current(folder, images)
        return None if table is None else table.points
    if basis == PIXELS:
        return _reduced(PixelCache.of(folder, project.settings).array()[:images])
    return embeddings.mapped(folder, int(basis))


def model_layout(
    number: int, values: np.ndarray, head: np.ndarray | None, before: Layout | None
) -> Layout:
    """Lay images out by a model's embeddings (N, D), lined up with the layout before.

    head: (D + 1, C), from which comes what the model says of each.
    """
    predicted = unsure = None
    if head is not None:
        predicted, unsure = _opinions(values, head)
    steps, span = layouts.packed(_lined_up(layouts.principal(values), before))
    return Layout(f"{number:04d}", "pca", steps, span, predicted, unsure)


def lay_out(folder: Path, project: Project, basis: str, images: int) -> Layout | None:
    """Lay images out by principal components of a basis; None where the basis is gone."""
    values = values_of(folder, project, basis, images)
    if values is None:
        return None
    before = newest(folder, "pca")
    if basis.isdecimal():
        return model_layout(int(basis), values, head_of(folder, int(basis)), before)
    steps, span = layouts.packed(_lined_up(layouts.principal(values), before))
    return Layout(basis, "pca", steps, span, made_of=made_of(folder, basis))


def made_of(folder: Path, basis: str) -> float:
    """Return when the features were computed that are a basis; 0 for other bases."""
    features = feature_files.status(folder) if basis == FEATURES else None
    return 0.0 if features is None else features.created_at


def fits(layout: Layout | None, folder: Path, images: int) -> bool:
    """Tell whether a layout shows its basis as it is now."""
    if layout is None:
        return False
    if layout.basis.isdecimal():
        return True
    return len(layout.steps) == images and layout.made_of == made_of(folder, layout.basis)


def path(folder: Path, basis: str, method: str) -> Path:
    """Name the file of a layout in its project's folder."""
    return folder / "maps" / f"{basis}.{method}.npz"


def write(file: IO[bytes], layout: Layout) -> None:
    """Write a layout into an open file."""
    arrays = {"steps": layout.steps, "span": np.array(layout.span)}
    arrays["made_of"] = np.array(layout.made_of)
    if layout.predicted is not None and layout.unsure is not None:
        arrays |= {"predicted": layout.predicted, "unsure": layout.unsure}
    np.savez(file, allow_pickle=False, **arrays)


def put(folder: Path, layout: Layout) -> None:
    """Save a layout in its place, whole or not at all, and forget the oldest beyond what is kept.

    Raises ExportFailed where there is no room.
    """
    place = path(folder, layout.basis, layout.method)
    place.parent.mkdir(parents=True, exist_ok=True)
    with disk.whole_file(place) as file:
        write(file, layout)
    forget_oldest(folder)


def read(folder: Path, basis: str, method: str) -> Layout | None:
    """Read a layout; None where there is none, or not one that can be read."""
    try:
        with np.load(path(folder, basis, method), allow_pickle=False) as arrays:
            return Layout(
                basis,
                method,
                arrays["steps"],
                float(arrays["span"]),
                arrays.get("predicted"),
                arrays.get("unsure"),
                float(arrays["made_of"]),
            )
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return None


def newest(folder: Path, method: str) -> Layout | None:
    """Read the layout by one method that was written last."""
    files = [(_status(name)[0], basis) for name, basis, how in _files(folder) if how == method]
    return read(folder, max(files)[1], method) if files else None


def bases(folder: Path, method: str) -> list[str]:
    """List the bases of which there are layouts by a method, in the order of models."""
    return sorted(basis for _, basis, how in _files(folder) if how == method)


def forget_oldest(folder: Path) -> None:
    """Delete the layouts written first, until the rest takes no more than is kept."""
    files = sorted((_status(name) for name, _, _ in _files(folder)), reverse=True)
    room = MOST_BYTES
    for place, (_, size, name) in enumerate(files):
        room -= size
        if room < 0 and place:
            with suppress(OSError):
                Path(name).unlink(missing_ok=True)


def _status(name: Path) -> tuple[int, int, str]:
    about = name.stat()
    return about.st_mtime_ns, about.st_size, str(name)


def _files(folder: Path) -> Iterator[tuple[Path, str, str]]:
    for name in (folder / "maps").glob("*.npz"):
        match = _NAME.fullmatch(name.name)
        if match:
            yield name, match[1], match[2]


def _lined_up(points: np.ndarray, before: Layout | None) -> np.ndarray:
    return points if before is None else layouts.aligned(points, before.points)


def _opinions(values: np.ndarray, head: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return predicted positions (N,) int16 and 1 − margin (N,) uint8, block by block."""
    predicted = np.empty(len(values), np.int16)
    unsure = np.empty(len(values), np.uint8)
    for start in range(0, len(values), 8_192):
        block = linear_head.probabilities(np.asarray(values[start : start + 8_192]), head)
        end = start + len(block)
        predicted[start:end] = block.argmax(axis=1)
        two = np.partition(block, -2, axis=1)[:, -2:] if block.shape[1] > 1 else None
        margin = 1.0 if two is None else two[:, 1] - two[:, 0]
        unsure[start:end] = np.round(255 * (1 - np.clip(margin, 0, 1)))
    return predicted, unsure


def _reduced(pixels: np.ndarray) -> np.ndarray:
    """Return images (N, H, W, 3) as (N, D) float32 of few grey pixels."""
    if not len(pixels):
        return np.zeros((0, 1), np.float32)
    step = max(1, pixels.shape[1] // _SIDE)
    side = pixels.shape[1] // step * step
    result = []
    for start in range(0, len(pixels), 2_048):
        block = np.asarray(pixels[start : start + 2_048, :side, :side])
        grey = block.reshape(len(block), side, side, -1).mean(axis=-1, dtype=np.float32)
        cells = grey.reshape(len(block), side // step, step, side // step, step)
        result.append(cells.mean(axis=(2, 4)).reshape(len(block), -1))
    return np.concatenate(result)
