"""Measures what features of a network that knows photographs are worth: accuracy and seconds.

    python benchmarks/features.py                              what is missing, 3 trials
    python benchmarks/features.py --data digits --trials 10
    python benchmarks/features.py --data CIFAR-10 --labels 100 1000 --pretrained weights.safetensors
    python benchmarks/features.py --data photographs           needs scikit-image's files
    python benchmarks/features.py --data digits --ask 100      labels chosen by the default policy
    python benchmarks/features.py --data digits --ask 100 --policy random        … or by chance
    python benchmarks/features.py --untuned                    features as no label has tuned them
    python benchmarks/features.py --layers ""                  of the last layer alone, as they were
    python benchmarks/features.py --paces                      seconds for features, no more
    python benchmarks/features.py --json features.json --markdown docs/learner.md

A trial has random labels, the same for all: a head on features, the project's network, and both
mixed, with the shares that cross-fitting on those labels finds. "Equal" mixes them half and half.
Labels and shares never see the test images: 300 digits, 3,000 of CIFAR-10's, 640 of photographs.
Features are computed once, of the --pool images that labels may come from and of the test images,
and kept beside the record. Then the extractor's last stages are tuned to the labels of each trial;
where labels are chosen, whenever these have grown by half, as the app does. Seconds are those that
the process worked. What the record has is not measured again.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from learner_images import Data, cifar10, digits, photographs, shapes
from learner_tables import write_into

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from alcore import metrics  # noqa: E402 - path first
from alcore.config import PACKAGED_EXTRACTOR, LearnerRule  # noqa: E402
from alcore.experiments.curves import saving  # noqa: E402
from alcore.feature_space import FeaturePoints, FeatureSpace  # noqa: E402
from alcore.learner import device, extractors, feature_heads, tuning  # noqa: E402
from alcore.learner.costs import STAGES, features_side  # noqa: E402
from alcore.loop.due import TUNING_GROWTH  # noqa: E402
from alcore.records import Calibration, Features  # noqa: E402
from alcore.rounds import (  # noqa: E402
    Holdout,
    Images,
    Lesson,
    SelectionTask,
    TrainingInputs,
    learner_of,
    run_round,
    temperatures,
)
from alcore.strategies.cold_start import cold_start, typical_start  # noqa: E402

COUNTS = {
    "CIFAR-10": (100, 250, 500, 1000, 4000),
    "digits": (20, 60, 120),
    "shapes": (100, 250, 1000),
    "photographs": (20, 50, 100, 200),
}
MARK = "features"
TEST = 3_000
BLOCK = 64
MOST_COLUMNS = 13
HEADS = ("self-trained", "tuned, self-trained")
OLDEST_LAST = (*reversed(HEADS), "of labels alone")
POLICIES = (DEFAULT, RANDOM) = ("default policy", "random")
ROWS = ("features", "network", "equal", "auto")


def part_of(data: Data, pool: int) -> Data:
    """Return some pool images and some test images, always the same."""
    rng = np.random.default_rng(0)
    kept = min(pool, data.pool)
    rows = rng.permutation(data.pool)[:kept]
    test = data.pool + rng.permutation(len(data.true) - data.pool)[:TEST]
    rows = np.concatenate([rows, test])
    return replace(data, pixels=data.pixels[rows], true=data.true[rows], pool=kept)


def features_of(data: Data, threads: int, folder: Path, layers: str) -> FeaturePoints:
    """Compute the features of all images by these layers, or read them from the folder."""
    side = features_side([data.pixels.shape[1]])
    name = " ".join(["features", data.name, *([layers] if layers else [])]).replace(" ", "-")
    path = folder / f"{name}-{len(data.true)}-{side}.npy"
    if not path.exists():
        np.save(path, embedded(data.pixels, side, threads, layers)[0])
    raw = np.load(path)
    space = FeatureSpace.of(raw, np.arange(data.pool))
    own = data.pixels.shape[1]
    about = Features(PACKAGED_EXTRACTOR, "ImageNet", "", side, own, len(raw), 0.0, "", 0.0, layers)
    return FeaturePoints(about, space.points(raw), space)


def embedded(
    pixels: np.ndarray, side: int, threads: int, layers: str | None = None
) -> tuple[np.ndarray, float]:
    """Return features (N, D) float16 of images, and the processor seconds that they took."""
    extractor = extractors.build(PACKAGED_EXTRACTOR, layers=layers)
    with device.computing(0, threads):
        extractors.extract(extractor, pixels[:BLOCK], side)  # the first is slower
        began = time.process_time()
        blocks = [
            extractors.extract(extractor, pixels[start : start + BLOCK], side).astype(np.float16)
            for start in range(0, len(pixels), BLOCK)
        ]
        return np.concatenate(blocks), time.process_time() - began


class Tuner:
    """Tunes the extractor's last stages, from maps of all images that are computed once."""

    def __init__(self, data: Data, table: FeaturePoints, threads: int, folder: Path) -> None:
        self.data, self.table, self.threads = data, table, threads
        side = features_side([data.pixels.shape[1]])
        self.extractor = extractors.build(PACKAGED_EXTRACTOR)
        path = folder / f"maps-{data.name}-{len(data.true)}-{side}.npy"
        if not path.exists():
            with device.computing(0, threads):
                parts = [
                    tuning.maps_of(
                        self.extractor, data.pixels[start : start + BLOCK], side, data.augmentation
                    )
                    for start in range(0, len(data.pixels), BLOCK)
                ]
            np.save(path, np.concatenate(parts, axis=1))
        self.maps = np.load(path, mmap_mode="r")

    def tune(self, rows: np.ndarray, seed: int) -> FeaturePoints:
        """Return features of all images, by stages that were tuned to the labels of rows (L,)."""
        data, table = self.data, self.table
        free = feature_heads.some(np.setdiff1d(np.arange(data.pool), rows))
        with device.computing(seed, self.threads):
            head = feature_heads.fit(
                table.points[rows], data.true[rows], len(data.class_names), table.points[free]
            )
            maps = np.asarray(self.maps[:, rows])
            task = tuning.TuningTask(maps, data.true[rows], head, table.space, seed)
            weights = tuning.tune(self.extractor, task, quiet)
            raw = self._features(tuning.put(weights, self.extractor, "tuned"))
        space = FeatureSpace.of(raw, np.arange(data.pool))
        about = replace(table.features, tuned="tuned", labels=len(rows))
        return FeaturePoints(about, space.points(raw), space)

    @torch.inference_mode()
    def _features(self, extractor: extractors.Extractor) -> np.ndarray:
        network = extractor.network
        assert isinstance(network, extractors.Stages)
        parts = []
        with device.passes_of_extractors(torch.device("cpu")):
            for start in range(0, len(self.data.true), BLOCK):
                maps = np.asarray(self.maps[0, start : start + BLOCK], np.float32)
                parts.append(network.leave(torch.from_numpy(maps).permute(0, 3, 1, 2)).numpy())
        return np.concatenate(parts).astype(np.float16)


def quiet(share: float) -> None:
    """Nobody waits."""


def measure(
    data: Data,
    table: FeaturePoints,
    labels: int,
    trial: int,
    threads: int,
    weights: Path | None,
    tuner: Tuner | None,
) -> dict[str, Any]:
    """Train both on random labels, find their shares, and ask all about the test images."""
    order = np.random.default_rng(trial).permutation(data.pool)[:labels]
    test = np.arange(data.pool, len(data.true))
    images = Images(data.pixels, np.arange(len(data.true)), data.channels)
    began = time.process_time()
    tuned = tuner.tune(order, trial) if tuner else None
    tuning_seconds = time.process_time() - began
    inputs = TrainingInputs(pretrained=weights, features=table, tuned=tuned)
    learner = learner_of(LearnerRule(), data.augmentation, images, data.class_names, inputs)
    lesson = Lesson(
        images,
        order,
        data.true[order],
        data.class_names,
        trial,
        1,
        threads,
        unlabeled_ids=np.setdiff1d(np.arange(data.pool), order),
        calibrates=True,
    )

    row: dict[str, Any] = {"data": data.name, "labels": labels, "trial": trial}
    row["weights"] = "pretrained" if weights else "random"
    row["layers"], row["head"] = table.features.layers, HEADS[tuned is not None]
    row["tuning"] = tuning_seconds
    with learner.computing(lesson, "weights"):
        began = time.process_time()
        model = learner.fit(lesson, lesson.number("weights"), quiet)
        row["training"] = time.process_time() - began
        began = time.process_time()
        folds = temperatures.folds_to_ask(learner, lesson)
        found = temperatures.find(learner, lesson, folds, quiet) if folds else None
        row["shares"] = time.process_time() - began
        mixed = model if found is None else model.calibrated(found)
        row["features' share"] = mixed.shares[0]
        asked = {"features": model.on_features, "network": model.network, "auto": mixed}
        said = {k: m.predict(test, quiet, thorough=True).probabilities for k, m in asked.items()}
        said["equal"] = replace(model, shares=(0.5, 0.5)).predict(
            test, quiet, thorough=True
        ).probabilities  # fmt: skip
    for name, probabilities in said.items():
        evaluation = metrics.evaluate(probabilities, data.true[test], len(data.class_names))
        row[name] = evaluation.accuracy
        row[f"{name} ECE"] = evaluation.ece
    return row


def ask(
    data: Data,
    table: FeaturePoints | None,
    trial: int,
    until: int,
    batch: int,
    threads: int,
    weights: Path | None,
    tuner: Tuner | None,
    policy: str,
) -> list[dict[str, Any]]:
    """Let a policy choose labels, from the first batch on; return a row per round.

    Without features the learner is the network, and the first batch is chosen by pixels.
    """
    images = Images(data.pixels, np.arange(len(data.true)), data.channels)
    inputs = TrainingInputs(pretrained=weights, features=table)
    tuned_at = 0
    pool, test = np.arange(data.pool), np.arange(data.pool, len(data.true))
    rng = np.random.default_rng(trial)
    some = np.sort(rng.permutation(pool)[:2_000])
    if policy == RANDOM:
        first = rng.permutation(pool)[:20]
    elif table is None:
        first = cold_start(data.pixels[some], some, 100, rng).item_ids
    else:
        first = typical_start(table.points[some], table.points[:0], some, 100, rng).item_ids
    labeled = first[:20]
    known: tuple[Calibration, ...] = ()
    rows = []
    for number in range(1, 1 + (until - 20) // batch + 1):
        began = time.process_time()
        # The first model of a project comes before anything is tuned.
        if tuner is not None and number > 1 and len(labeled) >= TUNING_GROWTH * tuned_at:
            seen = labeled[:-batch]  # the rest was labeled while it was tuned
            inputs, tuned_at = replace(inputs, tuned=tuner.tune(seen, trial)), len(seen)
        tuning_seconds = time.process_time() - began
        learner = learner_of(LearnerRule(), data.augmentation, images, data.class_names, inputs)
        lesson = Lesson(
            images,
            labeled,
            data.true[labeled],
            data.class_names,
            trial,
            number,
            threads,
            calibrations=known,
            calibrates=True,
        )
        task = SelectionTask(np.setdiff1d(pool, labeled), policy, {}, batch, batch)
        held = Holdout(test, data.true[test])
        began = time.process_time()
        result = run_round(learner, lesson, held, task, lambda phase, share: None)
        known = (result.calibration,) if result.calibration else ()
        rows.append(
            {
                "data": data.name,
                "learner": "network" if table is None else "auto",
                "policy": policy,
                "batch": batch,
                "trial": trial,
                "labels": len(labeled),
                "accuracy": result.evaluation.accuracy,
                "seconds": time.process_time() - began,
                "tuning": tuning_seconds,
                "tuned": tuned_at,
                "weights": "pretrained" if weights else "random",
                "share": getattr(result.model, "shares", (0.0,))[0],
            }
        )
        labeled = np.concatenate([labeled, result.selection.item_ids])
    return rows


Asked = tuple[str, str, int, str]
"""Data, learner, labels of a batch, and policy."""


def key_of(row: dict[str, Any]) -> Asked:
    """Say what a row of labels asked for belongs to."""
    return row["data"], row["learner"], row["batch"], row["policy"]


def asked_by(record: dict[str, Any]) -> dict[Asked, list[dict[str, Any]]]:
    """Return the rows of labels asked for, by what they belong to."""
    found: dict[Asked, list[dict[str, Any]]] = {}
    for row in record["asked"]:
        found.setdefault(key_of(row), []).append(row)
    return found


def savings(record: dict[str, Any]) -> Iterator[str]:
    """Yield how many times fewer labels the policy needs for what random ones reach at the end.

    Over trials that both have, at numbers of labels that all of these have.
    """
    title = ("data", "accuracy of random labels", "random", "chosen", "factor", "95 %", "trials")
    lines = [f"| {' | '.join(title)} |", "|---" * len(title) + "|"]
    of_all = asked_by(record)
    for (data, learner, batch, policy), rows in of_all.items():
        other = of_all.get((data, learner, batch, RANDOM))
        if policy != DEFAULT or other is None:
            continue
        curves = [
            [
                {r["labels"]: r["accuracy"] for r in of if r["trial"] == trial}
                for of in (other, rows)
            ]
            for trial in sorted({r["trial"] for r in rows} & {r["trial"] for r in other})
        ]
        if not curves:
            continue
        counts = sorted(set.intersection(*(set(curve) for pair in curves for curve in pair)))
        values = np.array([[[c[n] for n in counts] for c in pair] for pair in curves])
        found = saving(
            np.array(counts, float), values[:, 0], values[:, 1], np.random.default_rng(0)
        )
        bounds = (
            "–"
            if found.low is None or found.high is None
            else f"{found.low:.2f} to {found.high:.2f}"
        )
        labels = f"{found.baseline_labels:.0f} | {found.strategy_labels or math.inf:.0f}"
        lines.append(
            f"| {data}, {learner}, {batch} at a time | {100 * found.target:.1f} % | {labels} "
            f"| {found.factor:.2f} | {bounds} | {found.trials} |"
        )
    if len(lines) > 2:
        yield from (*lines, "")


def tables(record: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of the tables in Markdown."""
    for (data, weights, layers, head), rows in grouped(record["trials"]).items():
        counts = sorted({r["labels"] for r in rows})
        begun = "pretrained on the pool" if weights == "pretrained" else "from random weights"
        of = f"{layers or 'last layer alone'}, {head}"
        yield (
            f"| {data}, features of the {of}, network {begun}: accuracy, % | "
            + " | ".join(f"{n:,}" for n in counts)
            + " |"
        )
        yield "|---|" + "---|" * len(counts)
        for name in ROWS:
            cells = [[100 * r[name] for r in rows if r["labels"] == n] for n in counts]
            yield f"| {name} | " + " | ".join(map(spread, cells)) + " |"
        shares = [[100 * r["features' share"] for r in rows if r["labels"] == n] for n in counts]
        yield "| share of features in auto, % | " + " | ".join(map(spread, shares)) + " |"
        for what, title in (
            ("tuning", "s to tune"),
            ("training", "s of both"),
            ("shares", "s to find the shares"),
        ):
            cells = [[r.get(what, 0.0) for r in rows if r["labels"] == n] for n in counts]
            if any(map(any, cells)):
                yield (
                    f"| {title} | " + " | ".join(f"{statistics.fmean(c):.1f}" for c in cells) + " |"
                )
        yield "| trials | " + " | ".join(str(len(cell)) for cell in shares) + " |"
        yield ""
    for (data, learner, batch, policy), rows in asked_by(record).items():
        counts = sorted({r["labels"] for r in rows})
        counts = counts[:: 1 + (len(counts) - 1) // MOST_COLUMNS]
        by = "chosen" if policy == DEFAULT else policy
        heads = [f"{data}, {learner}, labels {by} {batch} at a time", *(f"{n:,}" for n in counts)]
        yield f"| {' | '.join(heads)} |"
        yield "|---|" + "---|" * len(counts)
        for title, what, times in (
            ("accuracy, %", "accuracy", 100),
            ("s of a round", "seconds", 1),
        ):
            cells = [[times * r[what] for r in rows if r["labels"] == n] for n in counts]
            yield f"| {title} | " + " | ".join(map(spread, cells)) + " |"
        yield "| trials | " + " | ".join(str(len(cell)) for cell in cells) + " |"
        yield ""
    yield from savings(record)
    if record["paces"]:
        yield (
            "| features of | pixels | arithmetic | images a processor second | 10,000 | 50,000 "
            "| tuning to up to 1,000 labels |"
        )
        yield "|---|---|---|---|---|---|---|"
        for r in record["paces"]:
            yield (
                f"| {r['data']} | {r['side']} | {r['arithmetic']} | {r['pace']:.0f} "
                f"| {10_000 / r['pace']:.0f} s | {50_000 / r['pace']:.0f} s "
                f"| {r['tuning']:.0f} s |"
            )
        yield ""


def grouped(trials: list[dict[str, Any]]) -> dict[tuple[str, ...], list[dict[str, Any]]]:
    """Sort trials by data, the network's first weights, layers of features, and how heads learned.

    Those of an older record are of the last layer alone, by labels alone.
    """
    groups: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for row in trials:
        key = (
            row["data"],
            row["weights"],
            row.get("layers", ""),
            row.get("head", "of labels alone"),
        )
        groups.setdefault(key, []).append(row)
    return dict(
        sorted(groups.items(), key=lambda group: (OLDEST_LAST.index(group[0][3]), not group[0][2]))
    )


def spread(values: list[float]) -> str:
    """Write the mean ± the standard deviation."""
    if len(values) < 2:
        return f"{values[0]:.1f}" if values else "–"
    return f"{statistics.fmean(values):.1f} ± {statistics.stdev(values):.1f}"


def paces(images: int) -> list[dict[str, Any]]:
    """Time features of random images on one thread, in both arithmetics."""
    found: list[dict[str, Any]] = []
    for name, side in (("digits, 8 pixels", 8), ("CIFAR-10, 32 pixels", 32), ("photographs", 224)):
        seen = features_side([side])
        pixels = np.random.default_rng(0).integers(0, 256, (images, side, side, 3), np.uint8)
        tuned = tuning_seconds(pixels[:BLOCK], seen)
        for arithmetic in ("float32", "bfloat16"):
            with device.precision_of_trainings(arithmetic):  # type: ignore[arg-type]
                _, seconds = embedded(pixels, seen, 1)
            found.append(
                {
                    "data": name,
                    "side": seen,
                    "arithmetic": arithmetic,
                    "pace": images / seconds,
                    "tuning": tuned,
                }
            )
    return found


def tuning_seconds(pixels: np.ndarray, side: int) -> float:
    """Time the tuning of the stages to a few labels on one thread, which is in float32 always."""
    extractor = extractors.build(PACKAGED_EXTRACTOR)
    with device.computing(0, 1):
        space = FeatureSpace.of(extractors.extract(extractor, pixels, side), np.arange(len(pixels)))
        head = np.zeros((1 + space.directions.shape[1], 2), np.float32)
        maps = tuning.maps_of(extractor, pixels, side, "flip")
        task = tuning.TuningTask(maps, np.arange(len(pixels)) % 2, head, space, 0)
        began = time.process_time()
        tuning.tune(extractor, task, quiet)
        return time.process_time() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", nargs="*", choices=list(COUNTS), default=["digits", "CIFAR-10"])
    parser.add_argument("--labels", nargs="*", type=int)
    parser.add_argument("--trials", type=int, default=3)
    parser.add_argument("--pool", type=int, default=8_000)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--pretrained", type=Path)
    parser.add_argument("--layers", choices=[STAGES, ""], default=STAGES)
    parser.add_argument("--untuned", action="store_true")
    parser.add_argument("--paces", action="store_true")
    parser.add_argument("--ask", type=int, help="let a policy choose labels until so many")
    parser.add_argument("--policy", choices=POLICIES, default=POLICIES[0])
    parser.add_argument(
        "--learners", nargs="*", choices=["auto", "network"], default=["auto", "network"]
    )
    parser.add_argument("--batch", type=int, default=10)
    parser.add_argument("--cifar10", type=Path, default=os.environ.get("ALCORE_CIFAR10_ZIP"))
    parser.add_argument("--json", type=Path, default=ROOT / "data" / "features.json")
    parser.add_argument("--markdown", type=Path)
    asked = parser.parse_args()
    record: dict[str, Any] = {"trials": [], "paces": [], "asked": []}
    if asked.json.is_file():
        record |= json.loads(asked.json.read_text())
    if asked.paces:
        record["paces"] = paces(256)
        asked.json.write_text(json.dumps(record, indent=1))
    else:
        for name in asked.data:
            sources = {
                "digits": digits,
                "shapes": shapes,
                "photographs": photographs,
                "CIFAR-10": lambda: cifar10(asked.cifar10),
            }
            data = part_of(sources[name](), asked.pool)
            table = features_of(data, asked.threads, asked.json.parent, asked.layers)
            tunes = asked.layers == STAGES and not asked.untuned
            tuner = Tuner(data, table, asked.threads, asked.json.parent) if tunes else None
            for trial in range(asked.trials if asked.ask else 0):
                for learner in asked.learners:
                    wanted = (name, learner, asked.batch, asked.policy, trial)
                    if any(wanted == (*key_of(r), r["trial"]) for r in record["asked"]):
                        continue
                    known = table if learner == "auto" else None
                    rows = ask(
                        data,
                        known,
                        trial,
                        asked.ask,
                        asked.batch,
                        asked.threads,
                        asked.pretrained,
                        tuner if learner == "auto" else None,
                        asked.policy,
                    )
                    record["asked"] += rows
                    asked.json.write_text(json.dumps(record, indent=1))
                    print(json.dumps(rows), flush=True)
            for trial in range(0 if asked.ask else asked.trials):
                for labels in asked.labels or COUNTS[name]:
                    begun = "pretrained" if asked.pretrained else "random"
                    before = grouped(record["trials"]).get(
                        (name, begun, asked.layers, HEADS[tuner is not None]), []
                    )
                    if any((r["labels"], r["trial"]) == (labels, trial) for r in before):
                        continue
                    row = measure(
                        data, table, labels, trial, asked.threads, asked.pretrained, tuner
                    )
                    record["trials"].append(row)
                    asked.json.write_text(json.dumps(record, indent=1))
                    print(json.dumps(row), flush=True)
    lines = list(tables(record))
    print("\n".join(lines))
    if asked.markdown:
        write_into(asked.markdown, lines, MARK)


if __name__ == "__main__":
    main()
