"""Measures calibrated probabilities: ECE and NLL on test images with and without a temperature.

    python benchmarks/calibration.py                                what is missing, 3 trials
    python benchmarks/calibration.py --data CIFAR-10 --labels 100 500 --trials 1
    python benchmarks/calibration.py --json calibration.json --markdown docs/learner.md

As in a project, temperatures come from models that have not seen a label: a round's own, found
while people wait for nothing else, or that of a label check, which asks about every label. The test
set stands where the holdout is, and no network learns from it. Labels are random. Images and
pretrained weights are those of learner.py: --pretrained, for CIFAR-10. What is in the JSON file
already is not measured again.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
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
    RoundResult,
    SelectionTask,
    TrainingInputs,
    cross_validate,
    learner_of,
    run_round,
)
from alcore.rounds.temperatures import folds_to_ask  # noqa: E402

COUNTS = {"CIFAR-10": (20, 40, 100, 500), "digits": (20, 60, 120, 300)}
MARK = "calibration"
FIGURES = (
    ("ECE before", 100, " %"),
    ("ECE, round's own", 100, " %"),
    ("ECE, label check", 100, " %"),
    ("NLL before", 1, ""),
    ("NLL, round's own", 1, ""),
    ("NLL, label check", 1, ""),
    ("trainings", 1, ""),
    ("time for them", 100, " %"),
)
"""Name, factor, unit. The time is a median, of that of the round's training."""


def measure(data: Data, labels: int, trial: int, threads: int, weights: Path | None) -> dict:
    """Train with a temperature of the round's own and with that of a label check; measure both."""
    order = np.random.default_rng(trial).permutation(data.pool)[:labels]
    test = np.arange(data.pool, len(data.true))
    none = np.zeros(0, np.int64)
    images = Images(data.pixels, np.arange(len(data.true)), data.channels)
    inputs = TrainingInputs(pretrained=weights)
    learner = learner_of(LearnerRule(), data.augmentation, images, data.class_names, inputs)
    lesson = Lesson(images, order, data.true[order], data.class_names, trial, 1, threads)

    def quiet(phase: str, share: float) -> None:
        """Nobody waits."""

    def round_of(lesson: Lesson) -> RoundResult:
        held = Holdout(test, data.true[test])
        return run_round(learner, lesson, held, SelectionTask(none, "random", {}, 1, 0), quiet)

    own_lesson = replace(lesson, calibrates=True)
    own = round_of(own_lesson)
    checked = cross_validate(learner, lesson, none, quiet).calibration
    if own.calibration is None or checked is None:
        raise SystemExit(f"{labels} labels are too few to find a temperature")
    before, check = own.calibration, round_of(replace(lesson, calibrations=(checked,)))
    return {
        "accuracy": own.evaluation.accuracy,
        "ECE before": before.ece,
        "ECE, round's own": own.evaluation.ece,
        "ECE, label check": check.evaluation.ece,
        "NLL before": before.nll,
        "NLL, round's own": own.evaluation.nll,
        "NLL, label check": check.evaluation.nll,
        "temperatures": [before.temperature, checked.temperature],
        "trainings": folds_to_ask(learner, own_lesson),
        "time for them": own.seconds["calibrate"] / own.seconds["train"],
        "threads": threads,
    }


def cell(values: list[float], unit: str, noisy: bool = False) -> str:
    """Return a mean and, where values differ, their deviation; of noisy ones the median."""
    if noisy:
        return f"{np.median(values):.0f}{unit}"
    spread = f" ± {np.std(values, ddof=1):.3g}" if len(set(values)) > 1 else ""
    return f"{np.mean(values):.3g}{spread}{unit}"


def table(rows: list[dict]) -> list[str]:
    """Return the lines of the table in Markdown."""
    names = " | ".join(name for name, _, _ in FIGURES)
    lines = [f"| images, labels | {names} | trials |", "|---|" + "---|" * (len(FIGURES) + 1)]
    for data, counts in COUNTS.items():
        for labels in counts:
            mine = [r for r in rows if (r["data"], r["labels"]) == (data, labels)]
            if not mine:
                continue
            cells = " | ".join(
                cell([factor * r[name] for r in mine], unit, name == "time for them")
                for name, factor, unit in FIGURES
            )
            lines.append(f"| {data}, {labels:,} | {cells} | {len(mine)} |")
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
