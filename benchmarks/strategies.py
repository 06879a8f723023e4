"""Measures query strategies: seconds and peak memory, beside other libraries.

    python benchmarks/strategies.py                        ours, 10,000 and 50,000 items
    python benchmarks/strategies.py --pools 1000000 --batches 1000 --only margin entropy
    python benchmarks/strategies.py --others /tmp/others/bin/python --json out.json

Others run in an environment of their own:

    python -m venv /tmp/others
    /tmp/others/bin/pip install scikit-activeml==1.0.1 small-text[transformers]==1.4.1 \
        modAL-python==0.4.2.1 baal==2.1.0

Embeddings (N, 128) float32 in 300 loose groups, 100 labeled items, 10 classes. A fresh process per
strategy and library: wall and processor seconds of one selection with all inputs in memory (the
least of up to seven, as long as they take a second), and the memory that the first took beyond its
inputs at its peak, in multiples of the largest of them: the embeddings, where the strategy sees
them. An entry over --limit processor seconds or --memory is stopped. On a busy machine, processor
seconds of --threads 1 come closest to the seconds of one quiet core.
"""

from __future__ import annotations

import argparse
import ctypes
import importlib
import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parent.parent
WIDTH, CLASSES, LABELED, PASSES = 128, 10, 100, 10
CHECKPOINTS, FEATURES = 6, 224
"""Of inner histories: as of the default network."""
REPEATS = 7

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
    """The same made inputs for everybody: what our strategy of a row needs, and no more."""

    def __init__(self, n: int, needs: list[str]) -> None:
        rng = np.random.default_rng(0)
        self.p = _shares(rng, n)
        self.signals: dict[str, np.ndarray] = {"probabilities": self.p}
        self.x = self.labeled = self.members = None
        if "embeddings" in needs:
            middles = 1.5 * rng.standard_normal((300, WIDTH), dtype=np.float32)
            self.x = rng.standard_normal((n, WIDTH), dtype=np.float32)
            self.labeled = middles[:LABELED] + 1
            for start in range(0, n, 10_000):
                block = self.x[start : start + 10_000]
                block += middles[rng.integers(300, size=len(block))]
            self.signals |= {"embeddings": self.x, "labeled_embeddings": self.labeled}
        for need in sorted({"dropout", "committee", "history", "augmented"} & set(needs)):
            self.members = _shares(rng, n, PASSES)
            self.signals[need] = self.members
        if "history" in needs:
            self.signals["labeled_history"] = self.members[:LABELED]
        if "inner_history" in needs:
            shape = (CHECKPOINTS, FEATURES)
            self.signals["inner_history"] = _normal(rng, n, *shape).astype(np.float16)
            self.signals["labeled_inner_history"] = _normal(rng, LABELED, *shape) + 0.1
        if "logits" in needs:
            self.signals |= {
                "logits": np.log(self.p),
                "holdout_logits": _normal(rng, 1000, CLASSES),
            }
        if "crossfit" in needs:
            self.signals |= {"crossfit": self.p, "labeled_crossfit": _shares(rng, LABELED)}
            self.signals["labeled_ids"] = np.arange(n, n + LABELED)
        for need in sorted({"predicted_loss", "reconstruction_loss", "flip_distance"} & set(needs)):
            self.signals[need] = rng.random(n, dtype=np.float32)
        if "flip_distance" in needs:  # only of a shortlist
            self.signals["flip_distance"][rng.permutation(n)[1000:]] = np.nan
        self.largest = max(self.signals.values(), key=lambda signal: signal.nbytes)


def _shares(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Return probabilities of this shape and, along a last axis, of the classes."""
    p = rng.standard_exponential((*shape, CLASSES), dtype=np.float32)
    p /= p.sum(axis=-1, keepdims=True)
    return p


def _normal(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.standard_normal(shape, dtype=np.float32)


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

    signals = Signals(**inputs.signals)
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

    if inputs.members is None:
        return lambda: getattr(heuristics, name)()(inputs.p)[:k]
    members = np.ascontiguousarray(inputs.members.transpose(0, 2, 1))
    return lambda: getattr(heuristics, name)()(members)[:k]


LIBRARIES = {
    "alcore": ours,
    "scikit-activeml": scikit_activeml,
    "small-text": small_text,
    "modAL": modal,
    "baal": baal,
}


def measure(
    library: str, name: str, sizes: list[tuple[int, int]], needs: list[str], limit: int, most: int
) -> None:
    """Print times and memory of selections in this process, one line per pool and batch size.

    A small one before loads what is to be loaded. Short ones are repeated, and the least of the
    times counts; memory is of the first. What fails at one size is not tried at a larger one.
    """
    LIBRARIES[library](name, Inputs(500, needs), 10)()
    signal.signal(signal.SIGUSR1, _stop)
    failed: list[tuple[int, int, str]] = []
    for n, k in sizes:
        why = next((said for a, b, said in failed if n >= a and k >= b), "")
        if not why:
            try:
                found = _measured(library, name, n, k, needs, limit, most)
            except (TimeoutError, MemoryError) as error:
                late = isinstance(error, TimeoutError)
                why = f"over {limit} s" if late else f"over {most / 2**30:g} GiB"
                failed.append((n, k, why))
        print(json.dumps({"error": why} if why else found), flush=True)


def _stop(*_: object) -> None:
    raise TimeoutError


def _watch(limit: int, over: threading.Event) -> None:
    """Interrupt the main thread after so many processor seconds, unless it is over before.

    A timer of the system's would do, but makes the clock of processor time coarse.
    """
    end = time.process_time() + limit
    while not over.wait(0.2):
        if time.process_time() > end:
            signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1)
            return


def _measured(
    library: str, name: str, n: int, k: int, needs: list[str], limit: int, most: int
) -> dict[str, float]:
    inputs = Inputs(n, needs)
    select = LIBRARIES[library](name, inputs, k)
    ctypes.CDLL(None).malloc_trim(0)  # what an earlier size left would hide what this one takes
    before = memory("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    walls, spent = [], []
    over = threading.Event()
    threading.Thread(target=_watch, args=(limit, over), daemon=True).start()
    resource.setrlimit(resource.RLIMIT_AS, (memory("VmSize") + most, resource.RLIM_INFINITY))
    try:
        while len(walls) < REPEATS and sum(walls) < 1:
            wall, processor = time.perf_counter(), time.process_time()
            select()
            walls.append(time.perf_counter() - wall)
            spent.append(time.process_time() - processor)
            if len(walls) == 1:
                taken = memory("VmHWM") - before
    finally:
        over.set()
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    times = taken / inputs.largest.nbytes
    return {"seconds": min(walls), "processor": min(spent), "bytes": taken, "times": times}


def memory(field: str) -> int:
    """Return a line of /proc/self/status in bytes."""
    text = Path("/proc/self/status").read_text()
    return int(text.split(f"{field}:")[1].split()[0]) * 1024


def in_its_own_process(python: str, arguments: list[Any], threads: int) -> Iterator[dict]:
    """Run `measure` by another interpreter; yields what it found, or why it ended early."""
    command = [python, "-W", "ignore", __file__, "--one", json.dumps(arguments)]
    env = {**os.environ, "OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": str(threads)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env
    ) as process:
        for line in process.stdout:
            if line.startswith("{"):
                yield json.loads(line)
        said = process.stderr.read().strip().splitlines()
    if process.returncode:
        yield {"error": (said or ["killed, most likely for memory"])[-1][:60]}


def main() -> None:
    """Read the arguments, measure row by row and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pools", type=int, nargs="+", default=[10_000, 50_000])
    parser.add_argument("--batches", type=int, nargs="+", default=[100, 1000])
    parser.add_argument("--only", nargs="+", help="names of our strategies")
    parser.add_argument("--others", help="interpreter that has the other libraries")
    parser.add_argument("--limit", type=int, default=60, help="processor seconds per entry")
    parser.add_argument("--memory", type=int, default=4, help="GiB per entry beyond its inputs")
    parser.add_argument("--threads", type=int, default=2, help="of linear algebra")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.one:
        measure(*json.loads(chosen.one))
        return
    sys.path.insert(0, str(ROOT))
    from alcore import strategies

    rows = []
    print(f"{'strategy':26}{'library':17}{'N':>9}{'k':>6}{'wall s':>10}{'CPU s':>10}{'memory':>9}")
    for strategy in strategies.registered():
        name, needs = strategy.name, strategies.needed(strategy.name, {})
        if chosen.only and name not in chosen.only:
            continue
        others = SAME.get(name, {}) if chosen.others else {}
        sizes = [(n, k) for n in sorted(chosen.pools) for k in sorted(chosen.batches)]
        limits = (chosen.limit, chosen.memory * 2**30)
        for library, theirs in {"alcore": name, **others}.items():
            python = sys.executable if library == "alcore" else chosen.others
            asked = [library, theirs, sizes, sorted(needs), *limits]
            results = in_its_own_process(python, asked, chosen.threads)
            for (n, k), found in zip(sizes, results, strict=False):
                rows.append({"strategy": name, "library": library, "n": n, "k": k, **found})
                line = f"{name:26}{library:17}{n:>9,}{k:>6,}"
                if "error" in found:
                    print(f"{line}  {found['error']}", flush=True)
                    continue
                seconds, spent, times = (found[x] for x in ("seconds", "processor", "times"))
                print(f"{line}{seconds:>10.4f}{spent:>10.4f}{times:>8.1f}x", flush=True)
    if chosen.json:
        chosen.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
