"""Measures calibrated probabilities: ECE and NLL on test images with and without a temperature.

    python benchmarks/calibration.py                                what is missing, 3 trials
    python benchmarks/calibration.py --data CIFAR-10 --labels 100 500 --trials 1
    python benchmarks/calibration.py --json calibration.json --markdown docs/learner.md

As in a project: a second look at the labels (three networks, each trained without a third of them)
gives the temperature, and a round on the same labels uses it. The test set stands where the holdout
is, and no network learns from it. Labels are random. Images and pretrained weights are those of
learner.py: --pretrained, for CIFAR-10. What is in the JSON file already is not measured again.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from learner_images import Data, cifar10, digits
from learner_tables import write_into

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from alcore.config import LearnerRule  # noqa: E402 - path first
from alcore.rounds import (  # noqa: E402
    Holdout,
    Images,
    Lesson,
    SelectionTask,
    TrainingInputs,
    cross_validate,
    learner_of,
    run_round,
)

COUNTS = {"CIFAR-10": (100, 500, 1000), "digits": (60, 120, 300)}
MARK = "calibration"
FIGURES = ("ECE before", "ECE", "NLL before", "NLL", "temperature")


def measure(data: Data, labels: int, trial: int, threads: int, weights: Path | None) -> dict:
    """Take a second look, then train and measure with the temperature that it gave."""
    order = np.random.default_rng(trial).permutation(data.pool)[:labels]
    test = np.arange(data.pool, len(data.true))
    none = np.zeros(0, np.int64)
    images = Images(data.pixels, np.arange(len(data.true)), data.channels)
    learner = learner_of(
        LearnerRule(),
        data.augmentation,
        images,
        data.class_names,
        TrainingInputs(pretrained=weights),
    )
    lesson = Lesson(images, order, data.true[order], data.class_names, trial, 1, threads)

    def quiet(phase: str, share: float) -> None:
        """Nobody waits."""

    started = time.process_time()
    found = cross_validate(learner, lesson, none, quiet).calibration
    looked = time.process_time() - started
    if found is None:
        raise SystemExit(f"{labels} labels are too few to find a temperature")
    result = run_round(
        learner,
        replace(lesson, calibrations=(found,)),
        Holdout(test, data.true[test]),
        SelectionTask(none, "random", {}, 1, 0),
        quiet,
    )
    return {
        "accuracy": result.evaluation.accuracy,
        "ECE before": result.calibration.ece,
        "ECE": result.evaluation.ece,
        "NLL before": result.calibration.nll,
        "NLL": result.evaluation.nll,
        "temperature": found.temperature,
        "second look processor s": looked,
        "threads": threads,
    }


def table(rows: list[dict]) -> list[str]:
    """Return the lines of the table in Markdown."""
    lines = [
        "| images, labels | ECE before | ECE | NLL before | NLL | temperature | trials |",
        "|---|---|---|---|---|---|---|",
    ]
    for data, counts in COUNTS.items():
        for labels in counts:
            mine = [r for r in rows if (r["data"], r["labels"]) == (data, labels)]
            if not mine:
                continue
            cells = []
            for name in FIGURES:
                values = [r[name] for r in mine]
                share = name.startswith("ECE")
                digits_of = 1 if share else 2
                factor = 100 if share else 1
                spread = (
                    f" ± {factor * np.std(values, ddof=1):.{digits_of}f}" if len(values) > 1 else ""
                )
                unit = " %" if share else ""
                cells.append(f"{factor * np.mean(values):.{digits_of}f}{spread}{unit}")
            lines.append(f"| {data}, {labels:,} | {' | '.join(cells)} | {len(mine)} |")
    return lines


def main() -> int:
    """Measure what is missing and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    named = os.environ.get("ALCORE_CIFAR10_ZIP")
    default = Path(named) if named else ROOT.parent / "shared" / "data" / "cifar10.zip"
    parser.add_argument("--cifar10", type=Path, default=default, help="zip of CIFAR-10")
    parser.add_argument("--data", nargs="+", choices=COUNTS, default=list(COUNTS))
    parser.add_argument("--labels", nargs="+", type=int, help="labels; all counts without it")
    parser.add_argument("--trials", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--pretrained", type=Path, help="weights for CIFAR-10; none without it")
    parser.add_argument("--json", type=Path, default=Path("calibration.json"), help="the record")
    parser.add_argument("--markdown", type=Path, help="also write the table into this file")
    asked = parser.parse_args()
    rows = json.loads(asked.json.read_text()) if asked.json.is_file() else []
    for name in asked.data:
        missing = [
            (labels, trial)
            for trial in range(asked.trials)
            for labels in COUNTS[name]
            if (not asked.labels or labels in asked.labels)
            and not any((r["data"], r["labels"], r["trial"]) == (name, labels, trial) for r in rows)
        ]
        if not missing:
            continue
        if name == "CIFAR-10" and not asked.cifar10.is_file():
            print(f"CIFAR-10 is left out: {asked.cifar10} is absent", file=sys.stderr)
            continue
        data = cifar10(asked.cifar10) if name == "CIFAR-10" else digits()
        weights = asked.pretrained if name == "CIFAR-10" else None
        for labels, trial in missing:
            found = measure(data, labels, trial, asked.threads, weights)
            rows.append({"data": name, "labels": labels, "trial": trial, **found})
            asked.json.write_text(json.dumps(rows, indent=1) + "\n")
    lines = table(rows)
    print("\n".join(lines))
    if asked.markdown:
        write_into(asked.markdown, lines, MARK)
    return 0


if __name__ == "__main__":
    sys.exit(main())
