"""Owns the images that the learner is measured on: digits, shapes, CIFAR-10, photographs' parts.

N images (N, H, W, 3) uint8.
"""

from __future__ import annotations

import importlib.util
import io
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent.parent))

from alcore.datasets.shapes import ShapesSource


@dataclass(frozen=True)
class Data:
    """Pool images first, then test images."""

    name: str
    pixels: np.ndarray
    true: np.ndarray
    pool: int
    class_names: tuple[str, ...]
    channels: int
    augmentation: str


def digits() -> Data:
    """Scikit-learn's digits, 300 of them for testing."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    order = np.random.default_rng(0).permutation(len(bunch.target))
    grey = (bunch.images[order] * 255 / 16).round().astype(np.uint8)
    pixels = np.repeat(grey[..., None], 3, axis=-1)
    names = tuple(str(d) for d in range(10))
    return Data("digits", pixels, bunch.target[order], len(order) - 300, names, 1, "shift")


def shapes() -> Data:
    """Generated shapes of ten classes: 5,000 imbalanced ones, then 2,000 balanced for testing."""
    pool = ShapesSource(size=5000, classes=10, imbalance=50, seed=1)
    test = ShapesSource(size=2000, classes=10, seed=2)
    names = tuple(sorted({entry.class_name for entry in test.entries()}))
    pixels, labels = [], []
    for source in (pool, test):
        for entry in source.entries():
            with Image.open(io.BytesIO(source.read(entry))) as image:
                pixels.append(np.asarray(image.convert("RGB")))
            labels.append(names.index(entry.class_name))
    return Data("shapes", np.stack(pixels), np.array(labels), 5000, names, 3, "flip")


PHOTOGRAPHS = (
    "astronaut.png", "brick.png", "camera.png", "chelsea.png", "coffee.png", "coins.png",
    "grass.png", "gravel.png", "hubble_deep_field.jpg", "ihc.png", "moon.png",
    "motorcycle_left.png", "retina.jpg", "rocket.jpg",
)  # fmt: skip
"""Which scikit-image brings; scikit-learn brings two more."""


def photographs() -> Data:
    """Parts of 16 photographs, 40 to 120 pixels wide, scaled to 64: which is each taken from?

    Those of the pool (125 of each) lie in the left two thirds, those for testing (40) in the rest,
    so that no pixel is in both. Needs scikit-image's files, though not to import it.
    """
    from sklearn.datasets import load_sample_images

    found = importlib.util.find_spec("skimage")
    if found is None or found.origin is None:
        raise SystemExit("photographs are those of scikit-image: pip install scikit-image")
    folder, bunch = Path(found.origin).parent / "data", load_sample_images()
    images = [Image.open(folder / name).convert("RGB") for name in PHOTOGRAPHS]
    images += [Image.fromarray(image) for image in bunch.images]
    names = tuple(Path(name).stem for name in (*PHOTOGRAPHS, *bunch.filenames))
    rng, pixels, labels = np.random.default_rng(0), [], []
    for count, (left, right) in ((125, (0, 2 / 3)), (40, (2 / 3, 1))):
        for place in range(len(images) * count):
            image = images[place % len(images)]
            start, end = int(left * image.width), int(right * image.width)
            side = int(rng.integers(40, min(120, end - start, image.height) + 1))
            x, y = rng.integers(start, end - side + 1), rng.integers(0, image.height - side + 1)
            part = image.crop((int(x), int(y), int(x) + side, int(y) + side))
            pixels.append(np.asarray(part.resize((64, 64), Image.Resampling.LANCZOS)))
            labels.append(place % len(images))
    return Data(
        "photographs", np.stack(pixels), np.array(labels), 125 * len(images), names, 3, "flip"
    )


def cifar10(path: Path) -> Data:
    """CIFAR-10 decoded from the archive as it lies."""
    pixels, labels = [], []
    with zipfile.ZipFile(path) as archive:
        files = sorted(n for n in archive.namelist() if "/train/" in n and n.endswith(".jpg"))
        pool = len(files)
        files += sorted(n for n in archive.namelist() if "/test/" in n and n.endswith(".jpg"))
        names = tuple(sorted({name.split("/")[-2] for name in files}))
        for name in files:
            with Image.open(io.BytesIO(archive.read(name))) as image:
                pixels.append(np.asarray(image.convert("RGB")))
            labels.append(names.index(name.split("/")[-2]))
    return Data("CIFAR-10", np.stack(pixels), np.array(labels), pool, names, 3, "flip")
