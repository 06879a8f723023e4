"""Measures query strategies: seconds and peak memory, beside other libraries.

    python benchmarks/strategies.py                        ours, 10,000 and 50,000 items
    python benchmarks/strategies.py --pools 1000000 --batches 1000 --only margin entropy
    python benchmarks/strategies.py --others /tmp/others/bin/python --json out.json

Others run in an environment of their own:

    python -m venv /tmp/others
    /tmp/others/bin/pip install scikit-activeml==1.0.1 small-text[transformers]==1.4.1 \
        modAL-python==0.4.2.1 baal==2.1.0

Embeddings (N, 128) float32 in 300 loose groups, 100 labeled items, 10 classes. Each number is a
fresh process: wall and processor seconds of one selection with all inputs in memory, and the
memory it took beyond them at its peak, in multiples of the embeddings (of the probabilities for
strategies that see no embeddings, where it says "p"). An entry over --limit seconds is stopped.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parent.parent
WIDTH, CLASSES, LABELED, PASSES = 128, 10, 100, 10

# Strategies of other libraries that follow the same rule as one of ours.
SAME = {
    "random": {"scikit-activeml": "RandomSampling"},
    "margin": {
        "scikit-activeml": "UncertaintySampling:margin_sampling",
        "small-text": "BreakingTies",
        "modAL": "margin_sampling",
        "baal": "Margin",
    },
    "least confidence": {
        "scikit-activeml": "UncertaintySampling:least_confident",
        "small-text": "LeastConfidence",
        "modAL": "uncertainty_sampling",
        "baal": "Certainty",
    },
    "entropy": {
        "scikit-activeml": "UncertaintySampling:entropy",
        "small-text": "PredictionEntropy",
        "modAL": "entropy_sampling",
        "baal": "Entropy",
    },
    "BALD": {"baal": "BALD"},
    "k-center": {"scikit-activeml": "CoreSet", "small-text": "GreedyCoreset"},
    "k-means": {"small-text": "EmbeddingKMeans"},
    "BADGE": {"scikit-activeml": "Badge", "small-text": "BADGE"},
    "TypiClust": {"scikit-activeml": "TypiClust"},
    "ProbCover": {"scikit-activeml": "ProbCover"},
}


class Inputs:
    """The same made inputs for everybody."""

    def __init__(self, n: int, embeddings: bool, opinions: bool) -> None:
        rng = np.random.default_rng(0)
        self.p = rng.standard_exponential((n, CLASSES), dtype=np.float32)
        self.p /= self.p.sum(axis=1, keepdims=True)
        self.x = self.labeled = self.opinions = None
        if embeddings:
            middles = 1.5 * rng.standard_normal((300, WIDTH), dtype=np.float32)
            self.x = rng.standard_normal((n, WIDTH), dtype=np.float32)
            self.labeled = middles[:LABELED] + 1
            for start in range(0, n, 10_000):
                block = self.x[start : start + 10_000]
                block += middles[rng.integers(300, size=len(block))]
        if opinions:
            self.opinions = rng.standard_exponential((n, PASSES, CLASSES), dtype=np.float32)
            self.opinions /= self.opinions.sum(axis=2, keepdims=True)


class Answering:
    """A model in the manner of scikit-learn that knows its answers."""

    def __init__(self, p: np.ndarray) -> None:
        self.p, self.classes_ = p, np.arange(p.shape[1])

    def predict_proba(self, X: Any) -> np.ndarray:
        return self.p


def ours(name: str, inputs: Inputs, k: int) -> Callable[[], Any]:
    """Return the selection of one of our strategies."""
    sys.path.insert(0, str(ROOT))
    from alcore import strategies
    from alcore.strategies import Context, Signals

    if inputs.opinions is None:
        signals = Signals(inputs.p, inputs.x, inputs.labeled)
    else:
        both = {"dropout": inputs.opinions, "committee": inputs.opinions}
        both |= {"history": inputs.opinions, "augmented": inputs.opinions}
        both["labeled_history"] = inputs.opinions[:LABELED]
        signals = Signals(inputs.p, inputs.x, inputs.labeled, **both)
    names = tuple(f"class {c}" for c in range(CLASSES))
    context = Context(names, np.arange(LABELED) % CLASSES, 1)
    ids, rng = np.arange(len(inputs.p)), np.random.default_rng(0)
    return lambda: strategies.select(name, signals, ids, k, rng, {}, context)


def scikit_activeml(name: str, inputs: Inputs, k: int) -> Callable[[], Any]:
    """Return a query of scikit-activeml."""
    from skactiveml import pool
    from skactiveml.base import SkactivemlClassifier

    class Known(SkactivemlClassifier):
        def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Known:
            return self

        def predict_proba(self, X: Any) -> np.ndarray:
            return inputs.p

    n = len(inputs.p)
    chooser, _, method = name.partition(":")
    made: dict[str, Any] = {"random_state": 0}
    asked: dict[str, Any] = {}
    if method:
        made["method"] = method
    if chooser == "ProbCover":
        made["n_classes"] = CLASSES
    x = inputs.p if inputs.x is None else np.concatenate([inputs.labeled, inputs.x])
    y = np.full(len(x), np.nan)
    y[: len(x) - n] = np.arange(len(x) - n) % CLASSES
    if method or chooser == "Badge":
        asked = {"clf": Known(classes=list(range(CLASSES))), "fit_clf": False}
    return lambda: getattr(pool, chooser)(**made).query(X=x, y=y, batch_size=k, **asked)


def small_text(name: str, inputs: Inputs, k: int) -> Callable[[], Any]:
    """Return a query of small-text."""
    places = {"BADGE": "small_text.integrations.pytorch.query_strategies"}
    chooser = getattr(importlib.import_module(places.get(name, "small_text")), name)
    n = len(inputs.p)
    if inputs.x is None:
        clf = Answering(inputs.p)
        return lambda: chooser().query(clf, np.arange(n), np.arange(n), np.arange(0), None, n=k)
    x = np.concatenate([inputs.x, inputs.labeled])
    fresh, known = np.arange(n), np.arange(n, len(x))
    clf = Answering(inputs.p)
    made = {"num_classes": CLASSES} if name == "BADGE" else {}
    made |= {"distance_metric": "euclidean"} if name == "GreedyCoreset" else {}
    y = np.arange(LABELED) % CLASSES
    return lambda: chooser(**made).sample(clf, x, fresh, known, y, k, x)


def modal(name: str, inputs: Inputs, k: int) -> Callable[[], Any]:
    """Return a query of modAL."""
    from modAL import uncertainty

    clf = Answering(inputs.p)
    return lambda: getattr(uncertainty, name)(clf, inputs.p, n_instances=k)


def baal(name: str, inputs: Inputs, k: int) -> Callable[[], Any]:
    """Return a ranking of baal, which ranks the whole pool."""
    from baal.active import heuristics

    if inputs.opinions is None:
        return lambda: getattr(heuristics, name)()(inputs.p)[:k]
    opinions = np.ascontiguousarray(inputs.opinions.transpose(0, 2, 1))
    return lambda: getattr(heuristics, name)()(opinions)[:k]


LIBRARIES = {
    "alcore": ours,
    "scikit-activeml": scikit_activeml,
    "small-text": small_text,
    "modAL": modal,
    "baal": baal,
}


def measure(library: str, name: str, n: int, k: int, embeddings: bool, opinions: bool) -> dict:
    """Time one selection in this process, after a small one that loads what is to be loaded."""
    LIBRARIES[library](name, Inputs(500, embeddings, opinions), 10)()
    inputs = Inputs(n, embeddings, opinions)
    select = LIBRARIES[library](name, inputs, k)
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    before = memory("VmRSS")
    wall, spent = time.perf_counter(), time.process_time()
    select()
    wall, spent = time.perf_counter() - wall, time.process_time() - spent
    given = inputs.x if embeddings else inputs.p
    taken = memory("VmHWM") - before
    return {"seconds": wall, "processor": spent, "bytes": taken, "times": taken / given.nbytes}


def memory(field: str) -> int:
    """Return a line of /proc/self/status in bytes."""
    text = Path("/proc/self/status").read_text()
    return int(text.split(f"{field}:")[1].split()[0]) * 1024


def in_its_own_process(python: str, arguments: list[Any], limit: float) -> dict:
    """Run `measure` by another interpreter; returns its result or why there is none."""
    command = [python, "-W", "ignore", __file__, "--one", json.dumps(arguments)]
    env = {**os.environ, "OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2"}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=limit, env=env, check=False
        )
    except subprocess.TimeoutExpired:
        return {"error": f"over {limit:.0f} s"}
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["killed, most likely for memory"])[-1]
        return {"error": last[:60]}
    return json.loads(done.stdout.strip().splitlines()[-1])


def main() -> None:
    """Read the arguments, measure row by row and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pools", type=int, nargs="+", default=[10_000, 50_000])
    parser.add_argument("--batches", type=int, nargs="+", default=[100, 1000])
    parser.add_argument("--only", nargs="+", help="names of our strategies")
    parser.add_argument("--others", help="interpreter that has the other libraries")
    parser.add_argument("--limit", type=float, default=120, help="seconds per entry")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.one:
        print(json.dumps(measure(*json.loads(chosen.one))))
        return
    sys.path.insert(0, str(ROOT))
    from alcore import strategies

    made = {"probabilities", "embeddings", "dropout", "committee", "history", "augmented"}
    rows = []
    print(f"{'strategy':26}{'library':17}{'N':>9}{'k':>6}{'wall s':>10}{'CPU s':>10}{'memory':>9}")
    for strategy in strategies.all():
        name, needs = strategy.name, strategies.needed(strategy.name, {})
        if (chosen.only and name not in chosen.only) or not needs <= made:
            continue
        others = SAME.get(name, {}) if chosen.others else {}
        for n in chosen.pools:
            for k in chosen.batches:
                given = ("embeddings" in needs, bool(needs - {"probabilities", "embeddings"}))
                for library, theirs in {"alcore": name, **others}.items():
                    python = sys.executable if library == "alcore" else chosen.others
                    found = in_its_own_process(
                        python, [library, theirs, n, k, *given], chosen.limit
                    )
                    rows.append({"strategy": name, "library": library, "n": n, "k": k, **found})
                    line = f"{name:26}{library:17}{n:>9,}{k:>6,}"
                    if "error" in found:
                        print(f"{line}  {found['error']}", flush=True)
                        continue
                    times = f"{found['times']:.1f}x{'' if given[0] else 'p'}"
                    seconds, spent = found["seconds"], found["processor"]
                    print(f"{line}{seconds:>10.4f}{spent:>10.4f}{times:>9}", flush=True)
    if chosen.json:
        chosen.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
