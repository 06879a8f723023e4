"""Measures the search for near-duplicates: what it finds, what it takes wrongly, and seconds.

    python benchmarks/duplicates.py [--json] [--cifar10 cifar10.zip] [--images 60000] [--copies 500]
        [--features 1000]

Digits, generated shapes (3,000, none a copy) and the first --images of CIFAR-10: groups that are
found in them as they are. In digits and shapes every one is false; CIFAR-10 has near-duplicates of
its own, so there only groups of several classes are surely false. Then copies of --copies images
are changed in one way at a time and mixed among all digits, all shapes and 6,000 of CIFAR-10:
the share of copies that are found, and how many pairs are found that are no copies. With
--features N the same for N images of CIFAR-10 whose features are known. Seconds of the search
alone, and processor seconds.
"""

from __future__ import annotations

import argparse
import io
import json
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from driven import machine
from PIL import Image, ImageEnhance

from alcore.config import PACKAGED_EXTRACTOR
from alcore.datasets.decoding import to_pixels
from alcore.datasets.sources import open_source
from alcore.feature_space import FeatureSpace
from alcore.near_duplicates import NearIndex, components, fingerprints
from alcore.terminal import print_rows

Picture = Image.Image
AMONG = 6_000
BLOCK = 64
FEATURES_SIDE = 96


def resized(share: float) -> Callable[[Picture], Picture]:
    """Return what changes an image's size."""
    return lambda image: image.resize(
        (round(image.width * share), round(image.height * share)), Image.Resampling.BICUBIC
    )


def recompressed(quality: int) -> Callable[[Picture], Picture]:
    """Return what writes an image as a JPEG and reads it again."""

    def change(image: Picture) -> Picture:
        out = io.BytesIO()
        image.save(out, "JPEG", quality=quality)
        return Image.open(io.BytesIO(out.getvalue())).convert("RGB")

    return change


def cropped(image: Picture) -> Picture:
    """Cut a thirtieth of the side off every edge."""
    edge = max(1, round(image.width / 30))
    return image.crop((edge, edge, image.width - edge, image.height - edge))


def cropped_at_a_corner(image: Picture) -> Picture:
    """Cut a sixteenth of the side off two edges."""
    edge = max(1, round(image.width / 16))
    return image.crop((0, 0, image.width - edge, image.height - edge))


CHANGES: dict[str, Callable[[Picture], Picture]] = {
    "half the size": resized(0.5),
    "three quarters of the size": resized(0.75),
    "twice the size": resized(2),
    "JPEG, quality 75": recompressed(75),
    "JPEG, quality 40": recompressed(40),
    "cropped at all edges, 3 %": cropped,
    "cropped at a corner, 6 %": cropped_at_a_corner,
    "lighter by 20 %": lambda image: ImageEnhance.Brightness(image).enhance(1.2),
    "darker by 20 %": lambda image: ImageEnhance.Brightness(image).enhance(0.8),
    "less contrast, 20 %": lambda image: ImageEnhance.Contrast(image).enhance(0.8),
}


def pictures(name: str, path: Path, images: int) -> tuple[list[Picture], list[str]]:
    """Read the images of a data set, and their classes."""
    if name == "CIFAR-10":
        with zipfile.ZipFile(path) as archive:
            files = [n for n in archive.namelist() if n.endswith(".jpg")][:images]
            read = [Image.open(io.BytesIO(archive.read(n))).convert("RGB") for n in files]
        return read, [n.split("/")[-2] for n in files]
    spec = {"kind": "digits"} if name == "digits" else {"kind": "shapes", "size": 3_000}
    source = open_source(spec)
    entries = source.entries()
    read = [Image.open(io.BytesIO(source.read(e))).convert("RGB") for e in entries]
    return read, [str(e.class_name) for e in entries]


def pixels_of(images: list[Picture], side: int) -> np.ndarray:
    return np.stack([to_pixels(image, side) for image in images])


def as_they_are(name: str, prints: np.ndarray, classes: list[str]) -> dict[str, Any]:
    """Count what is found in a data set to which nothing was added."""
    began, worked = time.perf_counter(), time.process_time()
    groups = components(NearIndex(prints).pairs(), len(prints))
    seconds, processor = time.perf_counter() - began, time.process_time() - worked
    of = [np.flatnonzero(groups == g) for g in np.unique(groups[groups >= 0])]
    return {
        "images": f"{name}, {len(prints):,}",
        "groups": len(of),
        "images in them": int((groups >= 0).sum()),
        "largest": max(map(len, of), default=0),
        "of several classes": sum(len({classes[i] for i in group}) > 1 for group in of),
        "seconds": round(seconds, 1),
        "processor seconds": round(processor, 1),
    }


def changed(
    name: str, images: list[Picture], side: int, copies: int, see: Callable[..., Any] | None = None
) -> list[dict[str, Any]]:
    """Mix changed copies among images, one kind at a time; see: what computes features."""
    own = pixels_of(images, side)
    before = len(NearIndex(fingerprints(own)).pairs())
    rows = []
    for change, act in CHANGES.items():
        pixels = np.concatenate([own, pixels_of([act(i) for i in images[:copies]], side)])
        index = NearIndex(fingerprints(pixels), None if see is None else see(pixels))
        pairs = index.pairs()
        right = pairs[:, 1] == len(own) + pairs[:, 0]
        of = np.where(pairs < len(own), pairs, pairs - len(own))
        others = len(np.unique(np.sort(of[of[:, 0] != of[:, 1]], axis=1), axis=0))
        found = f"{right.sum() / min(copies, len(images)):.1%}"
        rows.append({"among": name, "copies": change, "found": found, "other pairs": others})
    rows.append({"among": name, "copies": "none", "found": "", "other pairs": before})
    return rows


def seen(pixels: np.ndarray) -> np.ndarray:
    """Return the points (N, K) of what the packaged extractor sees in images."""
    from alcore.learner import device, extractors

    extractor = extractors.build(PACKAGED_EXTRACTOR)
    with device.computing(0, 2):
        blocks = [
            extractors.extract(extractor, pixels[start : start + BLOCK], FEATURES_SIDE)
            for start in range(0, len(pixels), BLOCK)
        ]
    features = np.concatenate(blocks).astype(np.float16)
    return FeatureSpace.of(features, np.arange(len(features))).points(features)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--cifar10", type=Path, default=Path("cifar10.zip"))
    parser.add_argument("--images", type=int, default=60_000)
    parser.add_argument("--copies", type=int, default=500)
    parser.add_argument("--features", type=int, default=0)
    options = parser.parse_args()
    sets = {"digits": 8, "shapes": 32}
    if options.cifar10.exists():
        sets["CIFAR-10"] = 32
    there, copies = [], []
    for name, side in sets.items():
        images, classes = pictures(name, options.cifar10, options.images)
        there.append(as_they_are(name, fingerprints(pixels_of(images, side)), classes))
        copies += changed(name, images[:AMONG], side, options.copies)
        if name == "CIFAR-10" and options.features:
            some = images[: options.features]
            half = options.features // 4
            copies += changed(f"{name}, {options.features:,}", some, side, half)
            copies += changed(f"{name}, {options.features:,}, features", some, side, half, seen)
    found = {"as they are": there, "copies": copies}
    if options.json:
        print(json.dumps({"machine": machine(), **found}, indent=2))
        return
    print(machine())
    for rows in found.values():
        print_rows(rows, as_json=False)


if __name__ == "__main__":
    main()
