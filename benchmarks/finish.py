"""Measures what a model labels by itself: the precision promised against the true one.

    python benchmarks/finish.py                          what is missing, 10 seeds
    python benchmarks/finish.py --data digits --precisions 0.99
    python benchmarks/finish.py --data CIFAR-10 --pool 50000 --learner auto
    python benchmarks/finish.py --json finish.json --markdown docs/finish.md

A trial labels as a project does: twenty images at first, then batches that the default policy
chooses, up to 120 of the digits and 500 of CIFAR-10. Its last model draws up the images of the pool
that it could label at a precision, as the page does; a random sample of them is checked, with their
true classes; then the rest would be labeled. "Promised" is the interval that the page shows before
it writes, "true" how many of the rest are right. Neither sees the test images. Of CIFAR-10 --pool
images are the pool, with the head on features alone unless --learner auto: on two busy cores the
features of all 50,000 and networks of ten trials take hours. What the record has is not measured
again.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from features import features_of, part_of
from learner_images import Data, cifar10, digits
from learner_tables import write_into

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from alcore.completion import precision_of_rest, surest  # noqa: E402 - path first
from alcore.config import LearnerRule  # noqa: E402
from alcore.rounds import (  # noqa: E402
    Holdout,
    Images,
    Lesson,
    RoundResult,
    SelectionTask,
    TrainingInputs,
    learner_of,
    run_round,
)
from alcore.strategies.cold_start import typical_start  # noqa: E402

LABELS = {"digits": 120, "CIFAR-10": 500}
BATCH = {"digits": 50, "CIFAR-10": 120}
FIRST = 20
MARK = "finish"


def quiet(phase: str, share: float) -> None:
    """Nobody waits."""


def label(data: Data, seed: int, kind: str, threads: int, folder: Path) -> tuple[RoundResult, Any]:
    """Label as a project does; return the last round, and the items that are labeled."""
    table = features_of(data, threads, folder)
    images = Images(data.pixels, np.arange(len(data.true)), data.channels)
    inputs = TrainingInputs(features=table)
    rule = LearnerRule(kind)
    learner = learner_of(rule, data.augmentation, images, data.class_names, inputs)
    pool, test = np.arange(data.pool), np.arange(data.pool, len(data.true))
    rng = np.random.default_rng(seed)
    some = np.sort(rng.permutation(pool)[:2_000])
    first = typical_start(table.points[some], table.points[:0], some, FIRST, rng)
    labeled, known = first.item_ids[:FIRST], ()
    number = 1
    while True:
        lesson = Lesson(
            images,
            labeled,
            data.true[labeled],
            data.class_names,
            seed,
            number,
            threads,
            calibrations=known,
            calibrates=True,
        )
        batch = min(BATCH[data.name], LABELS[data.name] - len(labeled))
        rest = np.setdiff1d(pool, labeled)
        task = SelectionTask(rest, "default policy", {}, max(1, batch), max(1, batch))
        result = run_round(learner, lesson, Holdout(test, data.true[test]), task, quiet)
        known = (result.calibration,) if result.calibration else ()
        if batch <= 0:
            return result, labeled
        labeled = np.concatenate([labeled, result.selection.item_ids[:batch]])
        number += 1


def measure(
    data: Data, seed: int, precisions: list[float], sample: int, chosen: argparse.Namespace
) -> Iterator[dict[str, Any]]:
    """Yield what is promised and what is true at each precision."""
    folder = chosen.json.resolve().parent
    result, labeled = label(data, seed, chosen.learner_of[data.name], chosen.threads, folder)
    rest = np.setdiff1d(np.arange(data.pool), labeled)
    said = result.model.predict(rest, lambda share: None).probabilities
    right = said.argmax(axis=1) == data.true[rest]
    for precision in precisions:
        sure = surest(said.max(axis=1), precision)
        row: dict[str, Any] = {
            "data": data.name,
            "seed": seed,
            "asked": precision,
            "learner": chosen.learner_of[data.name],
            "labels": len(labeled),
            "pool": data.pool,
            "unlabeled": len(rest),
            "images": len(sure),
            "accuracy": result.evaluation.accuracy,
        }
        if len(sure) > sample:
            order = np.random.default_rng([seed, round(1e6 * precision)]).permutation(sure)
            hits = int(right[order[:sample]].sum())
            promise = precision_of_rest(hits, sample, len(sure))
            true = float(right[order[sample:]].mean())
            row |= {
                "checked": sample,
                "estimate": promise.estimate,
                "low": promise.low,
                "high": promise.high,
                "true": true,
                "held": promise.low - 1e-9 <= true <= promise.high + 1e-9,
            }
        yield row


def table(rows: list[dict[str, Any]]) -> list[str]:
    """Return the lines of the table in Markdown."""
    lines = [
        "| images, labels | learner | accuracy, % | asked, % | of the unlabeled, % | promised, % | "
        "interval, points | true, % | intervals that held |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for key in dict.fromkeys((r["data"], r["learner"], r["asked"]) for r in rows):
        mine = [r for r in rows if (r["data"], r["learner"], r["asked"]) == key]
        done = [r for r in mine if "true" in r]
        cells = [
            spread([100 * r["accuracy"] for r in mine]),
            f"{100 * key[2]:g}",
            spread([100 * r["images"] / r["unlabeled"] for r in mine]),
            spread([100 * r["estimate"] for r in done]),
            spread([100 * (r["high"] - r["low"]) for r in done]),
            spread([100 * r["true"] for r in done]),
            f"{sum(r['held'] for r in done)} of {len(done)}",
        ]
        lines.append(f"| {key[0]}, {mine[0]['labels']} | {key[1]} | " + " | ".join(cells) + " |")
    return lines


def spread(values: list[float]) -> str:
    """Write the mean ± the standard deviation."""
    if len(values) < 2:
        return f"{values[0]:.1f}" if values else "–"
    return f"{statistics.fmean(values):.1f} ± {statistics.stdev(values):.1f}"


def main() -> int:
    """Measure what is missing and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    named = os.environ.get("ALCORE_CIFAR10_ZIP")
    default = Path(named) if named else ROOT.parent / "shared" / "data" / "cifar10.zip"
    parser.add_argument("--cifar10", type=Path, default=default, help="zip of CIFAR-10")
    parser.add_argument("--data", nargs="+", choices=LABELS, default=list(LABELS))
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--precisions", nargs="+", type=float, default=[0.95, 0.99])
    parser.add_argument("--sample", type=int, default=100, help="images that are checked")
    parser.add_argument("--pool", type=int, default=6_000, help="images of CIFAR-10 to label")
    parser.add_argument(
        "--learner", choices=("auto", "features"), help="auto; features of CIFAR-10"
    )
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--json", type=Path, default=Path("finish.json"), help="the record")
    parser.add_argument("--markdown", type=Path, help="also write the table into this file")
    chosen = parser.parse_args()
    usual = {"digits": "auto", "CIFAR-10": "features"}
    chosen.learner_of = {name: chosen.learner or usual[name] for name in LABELS}
    rows = json.loads(chosen.json.read_text()) if chosen.json.is_file() else []
    for name in chosen.data:
        if name == "CIFAR-10" and not chosen.cifar10.is_file():
            print(f"CIFAR-10 is left out: {chosen.cifar10} is absent", file=sys.stderr)
            continue
        known = {(r["data"], r["learner"], r["seed"], r["asked"]) for r in rows}
        data = None
        for seed in range(chosen.seeds):
            wanted = (name, chosen.learner_of[name], seed)
            missing = [p for p in chosen.precisions if (*wanted, p) not in known]
            if not missing:
                continue
            if data is None:
                data = digits() if name == "digits" else cifar10(chosen.cifar10)
                data = part_of(data, chosen.pool)
            rows += measure(data, seed, missing, chosen.sample, chosen)
            chosen.json.write_text(json.dumps(rows, indent=1) + "\n")
            print(f"{name}, seed {seed}", file=sys.stderr)
    lines = table(rows)
    print("\n".join(lines))
    if chosen.markdown:
        write_into(chosen.markdown, lines, MARK)
    return 0


if __name__ == "__main__":
    sys.exit(main())
