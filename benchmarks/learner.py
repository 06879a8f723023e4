"""Measures the learner: accuracy and seconds of one training at growing numbers of labels.

    python benchmarks/learner.py                                   all that is missing, 3 trials
    python benchmarks/learner.py --data digits --trials 10
    python benchmarks/learner.py --data CIFAR-10 --recipes "study A" scratch --labels 100 500
    python benchmarks/learner.py --json out.json --markdown docs/learner.md

Labels are random and each trial has its own labels and weights; test sets are fixed: 300 digits,
2,000 shapes, the 10,000 test images of CIFAR-10. *Shapes* are imbalanced, 50 to 1 over ten
classes, in the pool; the test set is balanced. Pretraining sees the pool without labels, never
the test images. Accuracies of models that know mirrored images average both.

What is in the JSON file already is not measured again, so a long run can be done in parts; the
weights of a pretraining lie beside it, or come from --pretrained. Seconds are wall time, and
"processor" the seconds that all threads worked: their ratio tells how busy the machine was.
CIFAR-10 comes from a zip of train/<class>/ and test/<class>/ images, named by
ALCORE_CIFAR10_ZIP or --cifar10.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
from learner_images import Data, cifar10, digits, shapes
from learner_recipes import COMPARED, IMBALANCED, MADE_HERE, PARTS, RECIPES, Recipe
from learner_tables import Record, tables, write_into

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from alcore import metrics  # noqa: E402 - the folder of the project must be on the path first
from alcore.config import PRECISIONS  # noqa: E402
from alcore.learner import (  # noqa: E402
    device,
    inference,
    networks,
    pretraining,
    probing,
    training,
    transfer,
)
from alcore.learner.architecture import Architecture  # noqa: E402
from alcore.learner.pretraining import PretrainSettings  # noqa: E402
from alcore.learner.training import Extras, LabeledImages, LearnerSettings  # noqa: E402
from alcore.learner.transfer import Pretrained  # noqa: E402
from alcore.learner.unlabeled import Pool  # noqa: E402

COUNTS = {
    "CIFAR-10": (100, 250, 500, 1000, 4000),
    "digits": (20, 60, 120),
    "shapes": (100, 250, 1000),
}
ABLATED = {"CIFAR-10": 500}
"""Labels at which each part is left out in turn."""
UNTIMED, TIMED = 20, 200
"""Minibatches of pretraining that warm up, and that are timed."""


class Timer:
    """Wall and processor seconds of a block, and how busy the machine was."""

    def __init__(self) -> None:
        self.found: dict[str, float] = {}

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        wall, worked = time.perf_counter(), time.process_time()
        yield
        self.found[f"{name} s"] = time.perf_counter() - wall
        self.found[f"{name} processor s"] = time.process_time() - worked


def pretrain(data: Data, path: Path, threads: int) -> dict[str, float]:
    """Pretrain on the pool of some data into a file; returns seconds."""
    timer = Timer()
    settings = PretrainSettings(augmentation=data.augmentation)
    with timer("pretrain"), device.computing(0, threads):
        state = pretraining.pretrain(
            data.pixels, np.arange(data.pool), data.channels, settings, 0, bar(f"{data.name} pool")
        )
    state.pretrained().save(path)
    return timer.found


def measure(
    data: Data, recipe: Recipe, labels: int, trial: int, threads: int, start: Pretrained | None
) -> dict[str, float]:
    """Train once on random labels; returns accuracy, macro F1 and seconds."""
    order = np.random.default_rng(trial).permutation(data.pool)
    labeled, rest, test = order[:labels], order[labels:], np.arange(data.pool, len(data.true))
    wanted = recipe.settings.augmentation
    settings = replace(
        recipe.settings, augmentation="none" if wanted == "none" else data.augmentation
    )
    timer = Timer()
    left_out = nullcontext() if recipe.fitted else patch.object(probing, "fit_head")
    with device.computing(trial, threads):
        with timer("train"), left_out:
            model = training.fit(
                LabeledImages(
                    data.pixels[labeled], data.true[labeled], data.class_names, data.channels
                ),
                settings,
                trial,
                bar(f"{data.name} {labels} {recipe.name} {trial}"),
                extras=Extras(
                    start, pool=Pool(data.pixels, rest, data.channels) if recipe.pool else None
                ),
            )
        with timer("test"):
            found = inference.predict(
                model, data.pixels, test, False, recipe.mirror, lambda share: None
            )
    evaluation = metrics.evaluate(found.probabilities, data.true[test], len(data.class_names))
    return {
        "accuracy": evaluation.accuracy,
        "macro F1": evaluation.macro_f1,
        "ECE": evaluation.ece,
        "NLL": evaluation.nll,
        **timer.found,
    }


def paces(data: Data, threads: int) -> dict[str, float]:
    """Time asking about the whole pool, as a round does, and some minibatches of pretraining."""
    timer = Timer()
    rows = np.arange(data.pool)
    labeled = np.random.default_rng(0).permutation(data.pool)[:100]
    with device.computing(0, threads):
        model = training.fit(
            LabeledImages(
                data.pixels[labeled], data.true[labeled], data.class_names, data.channels
            ),
            LearnerSettings(augmentation=data.augmentation),
            0,
            bar("training"),
        )
        with timer("score"):
            inference.predict(model, data.pixels, rows, False, False, bar("scoring"))
        marks: list[float] = []

        def enough() -> bool:
            marks.append(time.perf_counter())
            return len(marks) > UNTIMED + TIMED

        pool = np.arange(data.pool)
        settings = PretrainSettings()
        pretraining.pretrain(
            data.pixels, pool, data.channels, settings, 0, bar("pretraining"), enough
        )
    return {
        "threads": threads,
        "images": data.pool,
        "minibatch s": (marks[-1] - marks[UNTIMED]) / TIMED,
        "minibatches": pretraining.minibatches(data.pool),
        **timer.found,
    }


def bar(text: str) -> Callable[[float], None]:
    """Return what shows a share done on a terminal."""

    def show(share: float) -> None:
        if sys.stderr.isatty():
            print(f"\r\033[K{text} {share:.0%}", end="", file=sys.stderr, flush=True)

    return show


def run(data: Data, asked: argparse.Namespace, record: Record) -> None:
    """Measure what was asked for of some data and is missing."""
    recipes = [*(IMBALANCED if data.name == "shapes" else RECIPES)]
    work = [(recipe, labels) for recipe in recipes for labels in COUNTS[data.name]]
    work += [(part, ABLATED[data.name]) for part in PARTS if data.name in ABLATED]
    work = [
        (recipe, labels)
        for recipe, labels in work
        if (not asked.recipes or recipe.name in asked.recipes)
        and (not asked.labels or labels in asked.labels)
    ]
    weights = asked.pretrained or asked.json.with_name(f"pretrained {data.name}.safetensors")
    if asked.trials and any(r.pretrained for r, _ in work) and not weights.is_file():
        record.kept["pretraining"][data.name] = {
            "threads": asked.threads,
            "images": data.pool,
            **pretrain(data, weights, asked.threads),
        }
        record.save()
    start = transfer.load(weights) if weights.is_file() else None
    for trial in range(asked.trials):
        for recipe, labels in work:
            if record.has(data.name, recipe.name, labels, trial):
                continue
            begin = start if recipe.pretrained else None
            found = measure(data, recipe, labels, trial, asked.threads, begin)
            row = {"data": data.name, "recipe": recipe.name, "labels": labels, "trial": trial}
            record.kept["trials"].append({**row, "threads": asked.threads, **found})
            record.save()
            print(
                f"{data.name} {recipe.name} {labels} trial {trial}: {found['accuracy']:.1%} "
                f"in {found['train s']:.1f} s ({found['train processor s']:.1f} s processor)",
                flush=True,
            )


def main() -> int:
    """Measure what is missing, print the tables, and write them where --markdown says."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    named = os.environ.get("ALCORE_CIFAR10_ZIP")
    default = Path(named) if named else ROOT.parent / "shared" / "data" / "cifar10.zip"
    parser.add_argument("--cifar10", type=Path, default=default, help="zip of CIFAR-10")
    parser.add_argument("--data", nargs="+", choices=COUNTS, default=list(COUNTS))
    parser.add_argument("--recipes", nargs="+", help="rows to measure; all without it")
    parser.add_argument("--labels", nargs="+", type=int, help="columns to measure")
    parser.add_argument("--trials", type=int, default=3, help="label sets per cell (3)")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--precision", choices=PRECISIONS, default="auto", help="of trainings")
    parser.add_argument("--pretrained", type=Path, help="weights to use instead of pretraining")
    parser.add_argument("--json", type=Path, default=Path("learner.json"), help="the record")
    parser.add_argument("--markdown", type=Path, help="also write the tables into this file")
    paced = "time scoring of the pool and a minibatch of pretraining, and stop"
    parser.add_argument("--paces", action="store_true", help=paced)
    asked = parser.parse_args()
    about = {"machine": platform.machine(), "cores": os.cpu_count(), "threads": asked.threads}
    networks.NETWORKS = {**networks.NETWORKS, **MADE_HERE}
    with device.precision_of_trainings(asked.precision):
        about |= device.versions(networks.build(Architecture("small CNN", 3, 32, 10)))
    print(", ".join(f"{key} {value}" for key, value in about.items()))
    record = Record(asked.json)
    makers = {"CIFAR-10": lambda: cifar10(asked.cifar10), "digits": digits, "shapes": shapes}
    for name in asked.data:
        if name == "CIFAR-10" and not asked.cifar10.is_file():
            print(f"CIFAR-10 is left out: {asked.cifar10} is absent", file=sys.stderr)
            continue
        data = makers[name]()
        with device.precision_of_trainings(asked.precision):
            if asked.paces:
                record.kept["paces"][name] = paces(data, asked.threads)
                record.save()
            else:
                run(data, asked, record)
    rows, parts = ([r.name for r in group] for group in (IMBALANCED, (*COMPARED, *PARTS)))
    lines = list(tables(record, COUNTS, rows, parts))
    print("\n".join(lines))
    if asked.markdown:
        write_into(asked.markdown, lines)
    return 0


if __name__ == "__main__":
    sys.exit(main())
