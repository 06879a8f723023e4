"""Measures the learner: accuracy and seconds of one training at growing numbers of labels.

    python benchmarks/learner.py                      digits, and CIFAR-10 where it is present
    python benchmarks/learner.py --trials 3 --json out.json

Labels are random, the test set is fixed (300 digits; the 10,000 test images of CIFAR-10), each
trial has its own labels and weights. Seconds are wall time of the phases of a round, with the
whole rest of the pool as candidates. CIFAR-10 comes from a zip of train/<class>/ and
test/<class>/ images, named by ALCORE_CIFAR10_ZIP or --cifar10.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import platform
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from alcore import rounds  # noqa: E402 - the folder of the project must be on the path first
from alcore.rounds import RoundInput  # noqa: E402

COUNTS = {"digits": (20, 60, 120), "CIFAR-10": (100, 250, 500, 1000)}
BAR = 30


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


def measure(data: Data, labels: int, seed: int, threads: int, strategy: str) -> dict[str, float]:
    """Run one round on random labels; returns accuracy, ECE and seconds."""
    ids = np.arange(len(data.true), dtype=np.int64)
    order = np.random.default_rng(seed).permutation(data.pool)
    labeled, rest, test = order[:labels], order[labels:], ids[data.pool :]
    given = RoundInput(
        pixels=data.pixels,
        item_ids=ids,
        labeled_ids=labeled,
        labels=data.true[labeled],
        holdout_ids=test,
        holdout_labels=data.true[test],
        candidate_ids=rest,
        class_names=data.class_names,
        channels=data.channels,
        strategy=strategy,
        strategy_options={},
        batch_size=100,
        queue_size=200,
        augmentation=data.augmentation,
        seed=seed,
        round_number=1,
        stop_ids=rest[:1000],
        previous_stop=None,
        threads=threads,
    )

    def show(phase: str, share: float) -> None:
        if sys.stderr.isatty():
            full = "█" * int(BAR * share)
            print(f"\r{data.name} {labels:>5} {full:<{BAR}} {phase:<9}", end="", file=sys.stderr)

    result = rounds.run_round(given, show)
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr)
    return {
        "accuracy": result.evaluation.accuracy,
        "ece": result.evaluation.ece,
        **result.seconds,
    }


def rows(data: Data, trials: int, threads: int, strategy: str) -> Iterator[dict[str, object]]:
    """Yield one line of the table per number of labels."""
    for labels in COUNTS[data.name]:
        runs = [measure(data, labels, seed, threads, strategy) for seed in range(trials)]
        spread = float(np.std([r["accuracy"] for r in runs], ddof=1)) if trials > 1 else None
        yield {
            "data": data.name,
            "labels": labels,
            "trials": trials,
            "spread": spread,
            **{key: float(np.mean([r[key] for r in runs])) for key in runs[0]},
        }


def main() -> int:
    """Print the table, and write it where --json says."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    named = os.environ.get("ALCORE_CIFAR10_ZIP")
    default = Path(named) if named else ROOT.parent / "shared" / "data" / "cifar10.zip"
    parser.add_argument("--cifar10", type=Path, default=default, help="zip of CIFAR-10")
    parser.add_argument("--trials", type=int, default=1, help="label sets per row (1)")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--strategy", default="margin", help="what selects at the end (margin)")
    parser.add_argument("--json", type=Path, help="also write the table to this file")
    asked = parser.parse_args()
    sources = [digits()]
    if asked.cifar10.is_file():
        sources.append(cifar10(asked.cifar10))
    else:
        print(f"CIFAR-10 is left out: {asked.cifar10} is absent", file=sys.stderr)
    about = {"machine": platform.machine(), "cores": os.cpu_count(), "threads": asked.threads}
    about |= rounds.device.versions()
    print(", ".join(f"{key} {value}" for key, value in about.items()))
    print(
        f"{'data':<9} {'labels':>6} {'trials':>6} {'accuracy':>9} {'±':>5} {'ECE':>6} "
        f"{'train s':>8} {'evaluate s':>10} {'score s':>8} {'select s':>8}"
    )
    table = []
    for data in sources:
        for row in rows(data, asked.trials, asked.threads, asked.strategy):
            table.append(row)
            spread = "" if row["spread"] is None else f"{100 * row['spread']:.1f}"
            print(
                f"{row['data']:<9} {row['labels']:>6,} {row['trials']:>6} "
                f"{row['accuracy']:>9.1%} {spread:>5} {row['ece']:>6.3f} {row['train']:>8.2f} "
                f"{row['evaluate']:>10.2f} {row['score']:>8.2f} {row['select']:>8.2f}",
                flush=True,
            )
    if asked.json:
        asked.json.write_text(json.dumps({"about": about, "rows": table}, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
