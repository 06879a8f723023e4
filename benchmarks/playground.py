"""Measures the Playground: milliseconds from asking for the next step to its answer.

    python benchmarks/playground.py [--json] [--points 1000] [--steps 30] [--pages 30]

One row per model: the next model of both sides (margin beside random), one after the other, as a
page asks while it plays: through the process that computes, JSON and the grid for the picture
included, with nothing kept of it before. Steps between (apply, find, ask) ask for nothing. The last
row is a class: so many pages that all press Play at once, each with points of its own, and how long
a step took for whoever waited, and its memory. Start is the first answer of a fresh process.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from alcore.config import Runtime, Workspace  # noqa: E402 - path first
from alcore.playground.settings import MODELS, Settings  # noqa: E402
from alcore.workers.answering import Answering  # noqa: E402


def percentiles(seconds: list[float]) -> dict[str, float]:
    """Return median and 95th percentile in milliseconds."""
    ordered = sorted(seconds)
    return {
        "median": 1000 * statistics.median(ordered),
        "p95": 1000 * ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))],
        "n": len(ordered),
    }


def play(answering: Answering, settings: Settings, steps: int) -> list[float]:
    """Ask for one model after the other; returns seconds of each but the first."""
    seconds = []
    for number in range(steps + 1):
        began = time.perf_counter()
        told = answering.ask({"settings": asdict(settings), "from": number, "count": 1})
        assert len(told["first"]) == 1, told
        seconds.append(time.perf_counter() - began)
    return seconds[1:]


def memory(pid: int | None) -> float:
    """Return the megabytes that a process has in memory; 0 where the system does not tell."""
    path = Path(f"/proc/{pid}/statm")
    return int(path.read_text().split()[1]) * 4096 / 1e6 if path.exists() else 0.0


def main() -> None:
    """Measure all models alone, then a class."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--points", type=int, default=1000)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--pages", type=int, default=30)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    rows: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as folder:
        answering = Answering("alcore.playground", Runtime(Workspace(Path(folder)), 1))
        began = time.perf_counter()
        answering.ask({"settings": {}, "from": 0, "count": 1})
        start = time.perf_counter() - began
        for model in MODELS:
            settings = Settings(model=model, points=chosen.points, rounds=chosen.steps)
            rows[model] = percentiles(play(answering, settings, chosen.steps))
        gate = threading.Barrier(chosen.pages)

        def page(seed: int) -> list[float]:
            gate.wait()
            settings = Settings(seed=seed, points=chosen.points, rounds=chosen.steps)
            return play(answering, settings, chosen.steps)

        with ThreadPoolExecutor(chosen.pages) as pages:
            every = [t for one in pages.map(page, range(100, 100 + chosen.pages)) for t in one]
        rows[f"{chosen.pages} pages at once"] = percentiles(every)
        megabytes = memory(answering.pid)
        answering.close()
    if chosen.json:
        print(json.dumps({"start": start, "megabytes": megabytes, **rows}, indent=1))
        return
    print(f"{chosen.points} points; start {start:.1f} s; memory at the end {megabytes:.0f} MB")
    print(f"{'model':24}{'median ms':>12}{'p95 ms':>12}{'steps':>8}")
    for name, row in rows.items():
        print(f"{name:24}{row['median']:>12.0f}{row['p95']:>12.0f}{row['n']:>8}")


if __name__ == "__main__":
    main()
