"""Owns predictions of image files that no project has: read ahead, asked about in blocks.

However many files there are, a few blocks are in memory. C classes, D embedding width.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from alcore import names
from alcore.datasets.archives import ArchiveSource
from alcore.datasets.decoding import decode_pixels
from alcore.datasets.depth import Scale
from alcore.datasets.entries import is_hidden, is_image_name
from alcore.datasets.folders import pages_under, read_image
from alcore.errors import ImportRefused, UnreadableImage
from alcore.feature_space import PACKAGED, ExtractorWeights
from alcore.learner import device
from alcore.prediction_formats import PredictedBlock
from alcore.rounds.stored_models import ModelOfFile

_PIXELS = 256 * 224 * 224
"""Of a block."""
_MOST = 2_048
_LIMIT_MB = 1_000_000.0


@dataclass(frozen=True)
class PictureFile:
    """An image that can be read when it is its turn."""

    name: str
    read: Callable[[], bytes]
    """May raise UnreadableImage."""


def pictures_in(path: Path) -> Iterator[PictureFile]:
    """Name the images of a folder, a zip archive or one file; a folder is walked as one goes.

    Raises ImportRefused where there is none of them.
    """
    if path.is_dir():
        yield from _walk(path)
    elif path.suffix.lower() == ".zip":
        archive = ArchiveSource(path, path.name, _LIMIT_MB)
        for entry in archive.listing().entries:
            yield PictureFile(entry.name, lambda entry=entry: archive.read(entry))  # type: ignore[misc]
    elif path.is_file():
        yield from _pages(path.parent, path.name)
    else:
        raise ImportRefused(f"{path} does not exist; name an image, a folder of them or a .zip")


def _walk(root: Path) -> Iterator[PictureFile]:
    for folder, below, files in os.walk(root):
        below[:] = sorted(name for name in below if not is_hidden(name))
        for name in sorted(files):
            if is_image_name(name) and not is_hidden(name):
                path = Path(folder, name).relative_to(root).as_posix()
                yield from _pages(root, path)


def _pages(root: Path, path: str) -> Iterator[PictureFile]:
    """Name an image file, or each of its pages."""
    try:
        count = pages_under(root, path)
    except UnreadableImage:
        count = 1  # reading it says why
    pages = [path] if count == 1 else [names.of_page(path, n) for n in range(1, count + 1)]
    for page in pages:
        yield PictureFile(names.of_file(page), lambda page=page: read_image(root, page))  # type: ignore[misc]


def predict_files(
    checkpoint: Path,
    pictures: Iterable[PictureFile],
    scale: Scale | None,
    embeddings: bool,
    threads: int,
    weights: ExtractorWeights = PACKAGED,
) -> Iterator[PredictedBlock]:
    """Ask a model about images, block by block; while one is asked about, the next is read.

    scale: for values deeper than 8 bits. Probabilities are of the image itself, calibrated.
    Raises CheckpointMismatch; what cannot be read is among a block's problems.
    """
    with device.computing(0, threads), ThreadPoolExecutor(max(2, threads)) as executor:
        model = ModelOfFile.load(checkpoint, weights)
        side = model.resolution
        size = max(1, min(_MOST, _PIXELS // side**2))
        everything = iter(pictures)

        def ahead() -> list[tuple[str, Future[np.ndarray]]]:
            return [
                (picture.name, executor.submit(_pixels, picture, side, scale))
                for picture in islice(everything, size)
            ]

        reading = ahead()
        while reading:
            good, pixels, problems = [], [], []
            for name, future in reading:
                try:
                    pixels.append(future.result())
                    good.append(name)
                except UnreadableImage as error:
                    problems.append((name, str(error)))
            reading = ahead()
            stacked = np.stack(pixels) if pixels else np.zeros((0, side, side, 3), np.uint8)
            said = model.predict(stacked, embeddings)
            yield PredictedBlock(tuple(good), said.probabilities, said.embeddings, tuple(problems))


def _pixels(picture: PictureFile, side: int, scale: Scale | None) -> np.ndarray:
    try:
        return decode_pixels(picture.read(), side, scale).pixels
    except MemoryError as error:
        raise UnreadableImage("decoding it takes more memory than there is") from error
