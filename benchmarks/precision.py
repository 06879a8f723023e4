"""Measures what bfloat16 is worth in trainings: seconds of a minibatch, and accuracy on CIFAR-10.

    python benchmarks/precision.py                      both, 3 trials
    python benchmarks/precision.py --part paces         seconds only, some minutes
    ONEDNN_MAX_CPU_ISA=AVX2 ATEN_CPU_CAPABILITY=avx2 python benchmarks/precision.py --part paces

The last line measures what a processor without AVX-512 makes of it, which emulates bfloat16.

*Paces*: processor seconds of one minibatch on one thread, both arithmetics in turn, medians.
*Accuracy*: 500 random labels, the small CNN from random weights and from a pretraining of --epochs
epochs on the pool, which is done in each arithmetic too; the 10,000 test images, mirrored ones
averaged. Each trial has the same labels and the same seed in both. Seconds are those that the
process worked, so that what else runs on the machine counts little. CIFAR-10 comes from a zip
named by ALCORE_CIFAR10_ZIP or --cifar10. What the JSON file has is not measured again.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from learner_images import Data, cifar10

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from alcore import metrics  # noqa: E402 - the folder of the project must be on the path first
from alcore.learner import device, inference, networks, pretraining, training  # noqa: E402
from alcore.learner.architecture import Architecture  # noqa: E402
from alcore.learner.pretraining import PretrainSettings  # noqa: E402
from alcore.learner.training import Extras, LabeledImages, LearnerSettings  # noqa: E402
from alcore.learner.transfer import Pretrained  # noqa: E402

ARITHMETICS = ("float32", "bfloat16")
SIDES = (8, 16, 32, 64, 128)
REPEATS = 7
LABELS = 500


def minibatch(network: str, side: int, size: int, arithmetic: str) -> Callable[[], None]:
    """Return what does one minibatch of a training of random images."""
    torch.manual_seed(0)
    built = networks.build(Architecture(network, 3, side, 10))
    built.to(memory_format=torch.channels_last).train()
    images = torch.randint(0, 256, (size, 3, side, side), dtype=torch.uint8)
    images = images.contiguous(memory_format=torch.channels_last)
    built.prepare(images, torch.Generator().manual_seed(0))
    targets = torch.randint(0, 10, (size,))
    optimizer = torch.optim.AdamW(built.parameters(), 1e-3)

    def do() -> None:
        with device.precision_of_trainings(arithmetic):
            maps = device.feature_maps(built, images)
        logits = built.head(built.embedding(maps[-1]))
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(logits, targets).backward()
        optimizer.step()

    return do


def paces() -> list[dict[str, object]]:
    """Time minibatches of every network at several resolutions."""
    rows = []
    for network in networks.NETWORKS:
        for side in SIDES:
            size = 128 if side <= 32 else 32
            work = [minibatch(network, side, size, name) for name in ARITHMETICS]
            seconds: dict[str, list[float]] = {name: [] for name in ARITHMETICS}
            for repeat in range(REPEATS + 1):
                for name, do in zip(ARITHMETICS, work, strict=True):
                    began = time.process_time()
                    do()
                    if repeat:  # the first chooses kernels
                        seconds[name].append(time.process_time() - began)
            row = {name: statistics.median(seconds[name]) for name in ARITHMETICS}
            rows.append({"network": network, "side": side, "minibatch": size, **row})
            print(pace_line(rows[-1]), flush=True)
    return rows


def pace_line(row: dict) -> str:
    """Return a row of the table of paces."""
    ratio = row["float32"] / row["bfloat16"]
    cells = [row["network"], row["side"], row["minibatch"]]
    cells += [f"{1000 * row[name]:.1f}" for name in ARITHMETICS]
    return f"| {' | '.join(map(str, cells))} | {ratio:.2f} |"


def pretrained(
    data: Data, arithmetic: str, epochs: float, folder: Path
) -> tuple[Pretrained, float | None]:
    """Return weights learned from the pool, and the processor seconds if they were made now."""
    path = folder / f"precision {arithmetic} {epochs:g} epochs"
    if path.is_file():
        return pretraining.load_state(path).pretrained(), None
    settings = PretrainSettings(augmentation=data.augmentation)
    steps = round(epochs * data.pool / settings.minibatch)
    rows = np.arange(data.pool)
    began = time.process_time()
    with device.computing(0, 1, arithmetic):
        state = pretraining.pretrain(
            data.pixels, rows, data.channels, settings, 0, lambda share: None, steps=steps
        )
    seconds = time.process_time() - began
    state.save(path)
    return state.pretrained(), seconds


def trial(data: Data, arithmetic: str, start: Pretrained | None, number: int) -> dict[str, float]:
    """Train on random labels and measure on the test images."""
    labeled = np.random.default_rng(number).permutation(data.pool)[:LABELS]
    with device.computing(number, 1, arithmetic):
        began = time.process_time()
        model = training.fit(
            LabeledImages(
                data.pixels[labeled], data.true[labeled], data.class_names, data.channels
            ),
            LearnerSettings(augmentation=data.augmentation),
            number,
            lambda share: None,
            extras=Extras(start),
        )
        seconds = time.process_time() - began
        test = np.arange(data.pool, len(data.true))
        told = inference.predict(model, data.pixels, test, False, True, lambda share: None)
    measured = metrics.evaluate(told.probabilities, data.true[test], len(data.class_names))
    return {"accuracy": measured.accuracy, "seconds": seconds}


def main() -> int:
    """Measure what is missing, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    named = os.environ.get("ALCORE_CIFAR10_ZIP")
    default = Path(named) if named else ROOT.parent / "shared" / "data" / "cifar10.zip"
    parser.add_argument("--cifar10", type=Path, default=default, help="zip of CIFAR-10")
    parser.add_argument("--part", choices=("paces", "accuracy"), help="one of the two only")
    parser.add_argument("--trials", type=int, default=3, help="label sets (3)")
    parser.add_argument("--epochs", type=float, default=6, help="of pretraining (6)")
    parser.add_argument("--json", type=Path, default=Path("precision.json"), help="the record")
    asked = parser.parse_args()
    kept = json.loads(asked.json.read_text()) if asked.json.is_file() else {"trials": []}
    torch.set_num_threads(1)
    print(device.abilities())
    if asked.part != "accuracy":
        print("| network | side | minibatch | float32, ms | bfloat16, ms | times as fast |")
        print("|---|---|---|---|---|---|")
        kept.setdefault("paces", {})[device.abilities()] = paces()
        asked.json.write_text(json.dumps(kept, indent=1))
    if asked.part != "paces":
        accuracy(cifar10(asked.cifar10), asked, kept)
    return 0


def accuracy(data: Data, asked: argparse.Namespace, kept: dict) -> None:
    """Measure the trials that are missing; print all."""
    for arithmetic in ARITHMETICS:
        start, seconds = pretrained(data, arithmetic, asked.epochs, asked.json.parent)
        if seconds is not None:
            kept.setdefault("pretraining", {})[arithmetic] = seconds
        for number in range(asked.trials):
            for recipe, weights in (("scratch", None), ("pretrained", start)):
                row = {"arithmetic": arithmetic, "recipe": recipe, "trial": number}
                if not any(row.items() <= known.items() for known in kept["trials"]):
                    kept["trials"].append({**row, **trial(data, arithmetic, weights, number)})
                    asked.json.write_text(json.dumps(kept, indent=1))
    print(f"| CIFAR-10, {LABELS} labels | arithmetic | accuracy, % | processor s of a training |")
    print("|---|---|---|---|")
    for recipe in ("scratch", "pretrained"):
        for arithmetic in ARITHMETICS:
            mine = [
                row
                for row in kept["trials"]
                if (row["recipe"], row["arithmetic"]) == (recipe, arithmetic)
            ]
            shares = [100 * row["accuracy"] for row in mine]
            spread = f" ± {statistics.stdev(shares):.1f}" if len(shares) > 1 else " (one trial)"
            seconds = statistics.median(row["seconds"] for row in mine)
            mean = statistics.mean(shares)
            print(f"| {recipe} | {arithmetic} | {mean:.1f}{spread} | {seconds:.1f} |")
    for arithmetic, seconds in kept.get("pretraining", {}).items():
        print(f"Pretraining, {asked.epochs:g} epochs, {arithmetic}: {seconds:.0f} processor s.")


if __name__ == "__main__":
    sys.exit(main())
