"""Measures what signals cost: one round with each strategy beside one with margin.

    python benchmarks/signals.py                      on digits: 100 labels, 1,000 candidates
    python benchmarks/signals.py --cifar10 cifar10.zip --labels 1000 --candidates 2000
    python benchmarks/signals.py --only "label or relabel" --json out.json

One trial on one thread, all rounds in this process after one that loads what is to be loaded.
Seconds are processor time of a whole round (train, evaluate, score, select) and, of it, what is
not training; times are the round's in multiples of margin's, which is measured before and after
and counts with its mean. Flip distances are of at least 300 candidates, cross-fitting trains three
networks more, and an autoencoder learns from 15,000 images however small the pool.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from learner import Data, cifar10, digits  # noqa: E402 - path first

from alcore import rounds, strategies  # noqa: E402
from alcore.config import LearnerRule  # noqa: E402
from alcore.rounds import Holdout, Images, Lesson, SelectionTask  # noqa: E402

PLAIN = {"probabilities", "logits", "embeddings", "labeled_probabilities"}
"""Signals that come with the one pass over the candidates which every round makes."""


def one_round(data: Data, strategy: str, labels: int, candidates: int) -> dict[str, float]:
    """Run one round; returns its processor seconds, and those without the training."""
    ids = np.arange(len(data.true), dtype=np.int64)
    order = np.random.default_rng(0).permutation(data.pool)
    labeled, rest = order[:labels], order[labels : labels + candidates]
    test = ids[data.pool :][:1000]
    spent: dict[str, float] = {}
    last = ["train", time.process_time()]

    def told(phase: str, share: float) -> None:
        if phase != last[0]:
            spent[last[0]] = time.process_time() - last[1]
            last[:] = phase, time.process_time()

    images = Images(data.pixels, ids, data.channels)
    start = time.process_time()
    rounds.run_round(
        rounds.learner_of(LearnerRule(), data.augmentation, images, data.class_names),
        Lesson(images, labeled, data.true[labeled], data.class_names, 0, 1, 1),
        Holdout(test, data.true[test]),
        SelectionTask(rest, strategy, {}, 100, 200, stop_ids=rest[:500], embeds=True),
        told,
    )
    whole = time.process_time() - start
    return {"seconds": whole, "besides": whole - spent["train"]}


def main() -> None:
    """Read the arguments, run round by round and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cifar10", type=Path, help="zip of CIFAR-10; digits without")
    parser.add_argument("--labels", type=int, default=100)
    parser.add_argument("--candidates", type=int, default=1000)
    parser.add_argument("--only", nargs="+", help="names of strategies")
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    data = cifar10(chosen.cifar10) if chosen.cifar10 else digits()
    size = (chosen.labels, chosen.candidates)
    names = chosen.only or [
        s.name
        for s in strategies.registered()
        if s.needs - PLAIN and not any(o.kind == "strategy" for o in s.options)
    ]
    one_round(digits(), "margin", 50, 100)
    found = {name: one_round(data, name, *size) for name in ("margin", *names)}
    again = one_round(data, "margin", *size)
    plain = (found["margin"]["seconds"] + again["seconds"]) / 2
    print(f"{data.name}, {chosen.labels} labels, {chosen.candidates} candidates")
    print(f"{'strategy':26}{'round s':>10}{'not training s':>16}{'times margin':>14}")
    for name, row in found.items():
        row["times"] = row["seconds"] / plain
        print(f"{name:26}{row['seconds']:>10.2f}{row['besides']:>16.2f}{row['times']:>14.1f}")
    if chosen.json:
        chosen.json.write_text(json.dumps({**found, "margin again": again}, indent=1))


if __name__ == "__main__":
    main()
