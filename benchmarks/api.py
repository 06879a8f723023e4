"""Measures labels per second through the REST API by one client, and what loading the API costs.

    python benchmarks/api.py [--json] [--labels 500]

The app is started on a workspace of its own; `alcore.client` claims 20 images at a time and answers
one by one, each on disk before the next, with the rate limit lifted. First request: the one that
loads FastAPI, beside the same asked again; MB are those of the web process.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from driven import app, p95, report, wait

from alcore.client import Client
from alcore.config import ProjectSettings, RetrainRule, Workspace
from alcore.services import api_tokens, people, projects
from alcore.store import Store


def megabytes(process: subprocess.Popen[bytes]) -> float:
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


def timed(work: object) -> float:
    """Milliseconds that a call takes."""
    start = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - start)


def measure(url: str, process: subprocess.Popen[bytes], text: str, n: int) -> dict[str, float]:
    before = megabytes(process)
    first = timed(lambda: Client(url, text).close())
    after = megabytes(process)
    client = Client(url, text)
    client.classes()
    again = statistics.median(timed(client.status) for _ in range(50))
    times, start = [], time.perf_counter()
    for image in client.images(most=n, at_once=20):
        times.append(timed(lambda image=image: client.answer(image, "circle")))
    seconds = time.perf_counter() - start
    assert len(times) == n and len(client.labels()) == n
    return {
        "first request ms": first,
        "a later one ms (median)": again,
        "web process MB before": before,
        "web process MB after": after,
        "answer ms (median)": statistics.median(times),
        "answer ms (95 %)": p95(times),
        "labels per second": n / seconds,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--labels", type=int, default=500)
    options = parser.parse_args()
    os.environ["ALCORE_API_RATE"] = "100000"
    os.environ["ALCORE_FEATURES"] = "no"
    with tempfile.TemporaryDirectory() as folder, app(Path(folder)) as (url, process):
        store = Store.open(Workspace(Path(folder)))
        settings = replace(ProjectSettings(), retrain=RetrainRule(automatic=False))
        spec = {"kind": "shapes", "size": max(1000, 2 * options.labels)}
        made = projects.create(store, "api", spec, "none", settings, ["circle", "square"])
        wait(lambda: projects.get(store, made).state == "ready")
        person = people.annotator(store, "benchmark").id
        _, text = api_tokens.create(store, made, person, "benchmark", "label")
        report({"one client": measure(url, process, text, options.labels)}, options.json)
        store.close()


if __name__ == "__main__":
    main()
