"""Measures ways of asking where features of a network are there, from the first ten labels on.

    python benchmarks/policies.py --cifar10 cifar10.zip    all data, ten trials: half an hour
    python benchmarks/policies.py --data digits --strategies random margin --trials 3
    python benchmarks/policies.py --trials 0 --markdown docs/studies/features.md

A trial has one pool, one holdout and one seed. Random labeling begins with ten random labels; every
strategy begins with the ten that a live project with features asks first, and goes on with ten
labels per round. The learner is the head on features of new projects, with self-training on the
pool. Each run is kept in the record at once, and what is there already is not measured again.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from learner_tables import write_into

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from alcore import metrics, strategies  # noqa: E402 - path first
from alcore.config import PACKAGED_EXTRACTOR  # noqa: E402
from alcore.experiments import curves  # noqa: E402
from alcore.experiments import data as tables_of  # noqa: E402
from alcore.experiments.data import DataSpec, Table  # noqa: E402
from alcore.experiments.trials import TrialData, of_trial, rng  # noqa: E402
from alcore.feature_space import FeaturePoints, FeatureSpace  # noqa: E402
from alcore.learner import device, extractors  # noqa: E402
from alcore.learner.costs import features_side  # noqa: E402
from alcore.learner.predictions import Predictions  # noqa: E402
from alcore.records import Features  # noqa: E402
from alcore.rounds.feature_head import FeatureHeadLearner  # noqa: E402
from alcore.rounds.values import Images, Lesson, SignalTask  # noqa: E402
from alcore.strategies import Context  # noqa: E402
from alcore.strategies.cold_start import typical_start  # noqa: E402

FIRST, BATCH = 10, 10
KEPT = 10_000
"""Training images of CIFAR-10, always the same, that trials draw their pools from."""
TEST = 3_000
BLOCK = 64


@dataclass(frozen=True)
class World:
    """A data set, and what is done to it."""

    source: str
    wrong: float = 0.0
    """Share of answers that are another class, by chance."""
    changes: tuple[tuple[str, Any], ...] = ()

    def spec(self, cifar10: Path | None) -> DataSpec:
        if self.source != "CIFAR-10":
            source: dict[str, Any] = {"kind": self.source}
        elif cifar10 is None:
            raise SystemExit("CIFAR-10 is wanted: name its zip by --cifar10 or ALCORE_CIFAR10_ZIP")
        else:
            source = {"kind": "archive", "path": str(cifar10)}
        return DataSpec(source=source, **dict(self.changes))


WORLDS = {
    "digits": World("digits", changes=(("holdout", 500),)),
    "redundant digits": World("digits", changes=(("holdout", 500), ("duplicates", 0.8))),
    "long-tailed digits": World("digits", changes=(("holdout", 500), ("long_tail", 10))),
    "CIFAR-10": World("CIFAR-10", changes=(("items", 4_000), ("holdout", TEST))),
    "long-tailed CIFAR-10": World("CIFAR-10", changes=(("holdout", TEST), ("long_tail", 50))),
    "noisy CIFAR-10": World("CIFAR-10", wrong=0.2, changes=(("items", 4_000), ("holdout", TEST))),
    "shapes": World("shapes"),
}


@lru_cache(maxsize=4)
def table_of(source: str, path: Path | None, folder: Path) -> Table:
    """Return the images of a source; of CIFAR-10 a part that is always the same."""
    spec = World(source).spec(path)
    table = tables_of.load(tables_of.prepare(spec, folder, 1))
    if source != "CIFAR-10":
        return table
    drawn = np.random.default_rng(0).permutation(len(table.classes))
    rows = np.concatenate([drawn[~table.test[drawn]][:KEPT], drawn[table.test[drawn]][:TEST]])
    rows.sort()
    return Table(
        np.array(table.pixels[rows]),
        table.classes[rows],
        table.test[rows],
        table.class_names,
        table.channels,
    )


def extracted(pixels: np.ndarray, path: Path) -> np.ndarray:
    """Let the packaged extractor look at images once; return their features (n, D)."""
    if not path.exists():
        extractor = extractors.build(PACKAGED_EXTRACTOR)
        side = features_side([pixels.shape[1]])
        with device.computing(0, 1, "bfloat16"):
            blocks = [
                extractors.extract(extractor, np.array(part), side).astype(np.float16)
                for part in np.array_split(pixels, -(-len(pixels) // BLOCK))
            ]
        np.save(path, np.concatenate(blocks))
    return np.load(path)


def features_of(name: str, source: str, trial: TrialData, folder: Path) -> FeaturePoints:
    """Return what learners see of the images of a trial, its near-duplicates last."""
    given = len(trial.pixels) - trial.copies
    raw = extracted(trial.pixels[:given], folder / f"features-{source}.npy")
    if trial.copies:
        path = folder / f"features-{name.replace(' ', '-')}-{trial.seed}.npy"
        raw = np.concatenate([raw, extracted(trial.pixels[given:], path)])
    space = FeatureSpace.of(raw, trial.pool)
    about = Features(PACKAGED_EXTRACTOR, "ImageNet", "", 0, 0, len(raw), 0.0, "", 0.0, "")
    return FeaturePoints(about, space.points(raw), space)


@dataclass(frozen=True)
class Asking:
    """A strategy and its options as they are named on the command line."""

    name: str
    options: dict[str, Any]

    @classmethod
    def of(cls, words: str) -> Asking:
        """Read "default policy until=3"."""
        parts = words.split(" ")
        options = {k: v for k, _, v in (p.partition("=") for p in parts if "=" in p)}
        read = {k: json.loads(v) if v.lstrip("-")[0].isdigit() else v for k, v in options.items()}
        return cls(" ".join(p for p in parts if "=" not in p), read)


def run(
    words: str, trial: TrialData, answers: np.ndarray, table: FeaturePoints, budget: int
) -> list[dict[str, Any]]:
    """Label until a budget is spent; return a row per round."""
    asking = Asking.of(words)
    options = strategies.complete_options(asking.name, asking.options)
    needs = strategies.needed(asking.name, options)
    chance = rng(trial.seed, "asking")
    if words == "random":
        labeled = chance.permutation(trial.pool)[:FIRST]
        while len(np.unique(answers[labeled])) < 2:
            labeled = chance.permutation(trial.pool)[:FIRST]
    else:
        begun = rng(trial.seed, "first batch")
        points = table.points[trial.pool]
        labeled = typical_start(points, points[:0], trial.pool, FIRST, begun).item_ids
    learner = FeatureHeadLearner(table)
    images = Images(trial.pixels, np.arange(len(trial.pixels)), trial.channels)
    rows = []
    while True:
        began = time.process_time()
        open_ids = np.setdiff1d(trial.pool, labeled)
        labels = answers[labeled]
        lesson = Lesson(
            images,
            labeled,
            labels,
            trial.class_names,
            trial.seed,
            len(rows) + 1,
            1,
            unlabeled_ids=open_ids,
        )
        model = learner.fit(lesson, 0, quiet)
        told = model.predict(trial.holdout, quiet, embeddings=True)
        rows.append({"labels": len(labeled), **judged(told, trial, labels)})
        if len(labeled) >= budget:
            return rows
        fitting = time.process_time() - began
        pool = model.predict(open_ids, quiet, embeddings=True)
        signals = model.signals(SignalTask(needs, open_ids, pool, told, BATCH), quiet)
        context = Context(trial.class_names, labels, len(rows))
        picks = strategies.select(asking.name, signals, open_ids, BATCH, chance, options, context)
        rows[-1] |= {"fit": fitting, "seconds": time.process_time() - began}
        labeled = np.concatenate([labeled, picks.item_ids[:BATCH]])


def judged(told: Predictions, trial: TrialData, labels: np.ndarray) -> dict[str, Any]:
    """Return the measures of a model on the holdout, and of the labels it learned from."""
    truth, classes = trial.truth[trial.holdout], len(trial.class_names)
    found = metrics.evaluate(told.probabilities, truth, classes)
    guesses = told.probabilities.argmax(axis=1)
    recalls = [float((guesses[truth == c] == c).mean()) for c in range(classes)]
    rarest = int(np.bincount(trial.truth[trial.pool], minlength=classes).argmin())
    return {
        "accuracy": found.accuracy,
        "macro-F1": found.macro_f1,
        "rarest": recalls[rarest],
        "classes": len(np.unique(labels)),
    }


def quiet(share: float) -> None:
    """Nobody waits."""


Runs = dict[str, dict[str, dict[int, list[dict[str, Any]]]]]
"""Rows of each run, by data, strategy and trial."""
MEASURES = ("macro-F1", "accuracy")
SHOWN = (10, 50, 100, 200)


def kept(folder: Path, first: int) -> Runs:
    """Read what was measured, from this trial on."""
    found: Runs = {name: {} for name in WORLDS}
    for path in sorted(folder.glob("*.json")):
        name, words, number = path.stem.split(" · ")
        if name in found and int(number) >= first:
            found[name].setdefault(words, {})[int(number)] = json.loads(path.read_text())
    return found


def values(runs: dict[int, list[dict[str, Any]]], trials: Sequence[int], what: str) -> np.ndarray:
    """Return the curves (trials, rounds) of a measure."""
    return np.array([[row[what] for row in runs[number]] for number in trials])


def saving(found: Runs, name: str, words: str, what: str) -> curves.Saving:
    """Compare a strategy with random labeling on the trials that both have."""
    base, runs = found[name]["random"], found[name][words]
    trials = sorted(set(base) & set(runs))
    labels = np.array([row["labels"] for row in base[trials[0]]])
    ours, theirs = (values(of, trials, what) for of in (base, runs))
    return curves.saving(labels, ours, theirs, np.random.default_rng(0))


def written(saved: curves.Saving) -> str:
    """Write a factor with its interval."""
    low, high = saved.low or 0.0, saved.high if saved.high is not None else np.nan
    factor = "≤ 1.00" if saved.bound == "at most" else f"{saved.factor or np.nan:.2f}"
    return f"{factor} ({low:.2f} to {high:.2f})"


def tables(found: Runs) -> Iterator[str]:
    """Yield the lines of all tables in Markdown."""
    names = [name for name in found if found[name].get("random")]
    every = {words for name in names for words in found[name]}
    others = sorted(w for w in every if w != "random" and all(w in found[n] for n in names))

    def gain(words: str, name: str) -> float:
        """Return the mean over the curve less that of random on the same trials, in points."""
        base, runs = found[name]["random"], found[name][words]
        trials = sorted(set(base) & set(runs))
        ours, theirs = (values(of, trials, "macro-F1").mean() for of in (runs, base))
        return 100 * float(ours - theirs)

    ranked = sorted(others, key=lambda words: -sum(gain(words, name) for name in names))
    for what in MEASURES:
        yield f"| label saving over random, {what} | " + " | ".join(names) + " |"
        yield "|---|" + "---|" * len(names)
        for words in ranked:
            cells = [written(saving(found, name, words, what)) for name in names]
            yield f"| {words} | " + " | ".join(cells) + " |"
        yield ""
    yield "| mean macro-F1 over random, points | " + " | ".join(names) + " | all | trials |"
    yield "|---|" + "---|" * (len(names) + 2)
    for words in ranked:
        gains = [gain(words, name) for name in names]
        least = min(len(found[name][words]) for name in names)
        cells = [f"{value:+.1f}" for value in [*gains, float(np.mean(gains))]]
        yield f"| {words} | " + " | ".join(cells) + f" | {least} |"
    yield ""
    for what, title in (("macro-F1", "macro-F1"), ("rarest", "recall of the rarest class")):
        yield f"| {title} at labels, % | " + " | ".join(names) + " |"
        yield "|---|" + "---|" * len(names)
        for words in ("default policy", "random"):
            cells = []
            for name in names:
                runs = found[name][words]
                mean = 100 * values(runs, sorted(runs), what).mean(axis=0)
                counts = [row["labels"] for row in next(iter(runs.values()))]
                cells.append(" · ".join(f"{mean[counts.index(n)]:.0f}" for n in SHOWN))
            yield f"| {words} | " + " | ".join(cells) + " |"
        yield ""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", nargs="*", choices=list(WORLDS), default=list(WORLDS))
    parser.add_argument("--strategies", nargs="*", default=["random", "default policy"])
    parser.add_argument("--trials", type=int, default=10)
    parser.add_argument("--first", type=int, default=100, help="number of the first trial")
    parser.add_argument("--budget", type=int, default=200)
    parser.add_argument("--cifar10", type=Path, default=os.environ.get("ALCORE_CIFAR10_ZIP"))
    parser.add_argument("--markdown", type=Path, help="write the tables into this file")
    parser.add_argument("--folder", type=Path, default=ROOT / "data" / "policies")
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    for number in range(asked.first, asked.first + asked.trials):
        for name in asked.data:
            world = WORLDS[name]
            trial: TrialData | None = None
            for words in asked.strategies:
                path = asked.folder / f"{name} · {words} · {number}.json"
                if path.exists():
                    continue
                if trial is None:
                    table = table_of(world.source, asked.cifar10, asked.folder)
                    trial = of_trial(world.spec(asked.cifar10), table, number)
                    points = features_of(name, world.source, trial, asked.folder)
                    answers = trial.truth.copy()
                    drawn = rng(number, "wrong answers")
                    wrong = drawn.random(len(answers)) < world.wrong
                    shift = drawn.integers(1, len(trial.class_names), len(answers))
                    answers[wrong] = (answers + shift)[wrong] % len(trial.class_names)
                rows = run(words, trial, answers, points, asked.budget)
                path.write_text(json.dumps(rows))
                last = rows[-1]
                print(
                    f"{path.stem}: F1 {last['macro-F1']:.3f}, {rows[0]['fit']:.2f} to "
                    f"{rows[-2]['fit']:.2f} s a fit, {rows[-2]['seconds']:.2f} s a round",
                    flush=True,
                )
    lines = list(tables(kept(asked.folder, asked.first)))
    print("\n".join(lines))
    if asked.markdown:
        write_into(asked.markdown, lines, "policies")


if __name__ == "__main__":
    main()
