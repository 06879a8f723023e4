"""Measures predictions of files: images per second and memory, and ONNX beside PyTorch.

    python benchmarks/predicting.py [--json] [--files 10000] [--side 256] [--threads 2]

JPEG files of noise, `side` pixels a side, are told by a small CNN of 32×32 that was trained on
nothing: what it says does not matter here. Memory in MB is what the process has in use after a
tenth of the files, and at its peak after all of them, each beyond what it had before the first.
The last lines compare the exported model with the original, on the pixels of the same files.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from driven import report
from PIL import Image

from alcore.learner import inference, networks, onnx_export
from alcore.learner.architecture import Architecture
from alcore.learner.checkpoints import Model
from alcore.rounds.predicting import pictures_in, predict_files

DIFFERENT = 200
"""Files of different content; the others are copies of them under other names."""


def pictures(folder: Path, files: int, side: int) -> None:
    rng = np.random.default_rng(0)
    for number in range(files):
        path = folder / f"{number // 1000:03}" / f"{number:06}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        if number < DIFFERENT:
            noise = rng.integers(0, 256, (side // 8, side // 8, 3), np.uint8)
            Image.fromarray(noise).resize((side, side)).save(path)
        else:
            twin = number % DIFFERENT
            path.hardlink_to(folder / f"{twin // 1000:03}" / f"{twin:06}.jpg")


def megabytes(what: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(what)) / 1024


def measure(files: int, side: int, threads: int) -> dict[str, dict[str, float]]:
    torch.manual_seed(0)
    architecture = Architecture("small CNN", 3, 32, 10)
    names = tuple(f"class {n}" for n in range(10))
    model = Model(networks.build(architecture).eval(), architecture, names, False, 0, 0.0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pictures(folder / "in", files, side)
        model.save(folder / "model.safetensors")
        before, start, work = megabytes("VmRSS"), time.perf_counter(), time.process_time()
        told, tenth = 0, 0.0
        for block in predict_files(
            folder / "model.safetensors", pictures_in(folder / "in"), None, True, threads
        ):
            told += len(block)
            if not tenth and told >= files / 10:
                tenth = megabytes("VmRSS") - before
        wall, work = time.perf_counter() - start, time.process_time() - work
        assert told == files
        found = {
            "files": {
                "files": files,
                "seconds": wall,
                "seconds of a processor": work,
                "images per second": files / wall,
                "images per second of a processor": files / work,
                "MB after a tenth": tenth,
                "MB after all": megabytes("VmRSS") - before,
            }
        }
        found["ONNX"] = beside(model, folder / "model.onnx")
    return found


def beside(model: Model, path: Path) -> dict[str, float]:
    """Compare both on one thread, on 2,000 images of noise."""
    torch.set_num_threads(1)
    onnx_export.write(onnx_export.NetworkGraph(model), 32, path)
    pixels = np.random.default_rng(1).integers(0, 256, (2_000, 32, 32, 3), np.uint8)
    rows = np.arange(len(pixels))
    start = time.process_time()
    original = inference.predict(model, pixels, rows, False, False, lambda share: None)
    middle = time.process_time()
    probabilities, _ = onnx_export.predict(path, pixels)
    end = time.process_time()
    return {
        "largest difference, 1e-6": 1e6
        * float(np.abs(probabilities - original.probabilities).max()),
        "PyTorch, seconds of a processor": middle - start,
        "ONNX, seconds of a processor": end - middle,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print JSON only")
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--threads", type=int, default=2)
    chosen = parser.parse_args()
    report(measure(chosen.files, chosen.side, chosen.threads), chosen.json)


if __name__ == "__main__":
    main()
