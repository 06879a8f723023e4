"""Tries strange images, archives, files of labels and requests, and counts what comes of them.

    python benchmarks/malformed.py [--json] [--n 100000] [--processes 2] [--seed 0]

Each kind gets its share of n; a piece is something sound of which bytes or values are changed
(`tests/strange.py`). Told are how many were read, how many refused in words, how many raised
anything else (faults), the slowest one in seconds and, over all kinds that a process has tried, the
most memory that it has taken, in megabytes. Requests go to every route and operation as every kind
of visitor; of these a fault is also an answer that fails, or tells what is not theirs.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import strange  # noqa: E402 - path first
from driven import report  # noqa: E402

SHARE_OF_REQUESTS = 0.2
MOST_SHOWN = 5


def files(job: tuple[str, int, int, dict[str, bytes]]) -> dict[str, Any]:
    """Try so many pieces of one kind."""
    kind, n, seed, labels = job
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        trial = strange.trials(Path(folder), labels)[kind]
        rng = np.random.default_rng([seed, n, len(kind)])
        found: dict[str, Any] = {"read": 0, "refused": 0, "faults": 0, "slowest s": 0.0}
        for _ in range(n):
            start = time.perf_counter()
            try:
                found["read" if trial(rng) else "refused"] += 1
            except Exception as error:
                found["faults"] += 1
                if found["faults"] <= MOST_SHOWN:
                    print(f"{kind}: {type(error).__name__}: {error}", file=sys.stderr)
            found["slowest s"] = max(found["slowest s"], time.perf_counter() - start)
    found["memory MB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    return {"kind": kind, **found}


def requests(job: tuple[int, int]) -> dict[str, Any]:
    """Ask so many times, as each kind of visitor in turn."""
    n, seed = job
    from made import web_store
    from starlette.applications import Starlette
    from starlette.testclient import TestClient
    from test_rights import MAY, VISITORS, house
    from test_strange_input import SLOW, Visitor

    from alcore.services import api_tokens
    from alcore.web import routes
    from alcore.web.api import application, operations
    from alcore.web.api.pace import Pace

    operations.pace = lambda: Pace(1e9)  # type: ignore[assignment]  # nothing is to be refused for it
    found: dict[str, Any] = {"read": 0, "refused": 0, "faults": 0, "slowest s": 0.0}
    with tempfile.TemporaryDirectory() as folder, web_store(Path(folder)) as store:
        there = house(store)
        http = TestClient(Starlette(routes=routes.of_app()), raise_server_exceptions=False)
        asked = 0
        pages = [route for route in routes.routes() if route.path not in SLOW]
        visitors = [Visitor(there, http, name) for name in VISITORS]
        texts: dict[str, str | None] = {}
        for number, visitor in enumerate(visitors):
            visitor.rng = np.random.default_rng([seed, number])
            texts[visitor.name] = None
            if visitor.who is not None and visitor.name in MAY["take part"]:
                scope = "own" if visitor.name in MAY["own"] else "label"
                who = (store, there.project_id, visitor.who)
                texts[visitor.name] = api_tokens.create(*who, "x", scope)[1]  # type: ignore[arg-type]
        while asked < n:
            for visitor in visitors:
                calls = [(route.path, visitor.ask, (route,)) for route in pages]
                for one in application.operations():
                    calls.append((one.path, visitor.call, (one, texts[visitor.name])))
                for place, ask, what in calls:
                    start = time.perf_counter()
                    answer = ask(*what)
                    found["slowest s"] = max(found["slowest s"], time.perf_counter() - start)
                    asked += 1
                    found["read" if answer.status_code < 400 else "refused"] += 1
                    try:
                        visitor.check(answer, place)
                    except AssertionError as error:
                        found["faults"] += 1
                        if found["faults"] <= MOST_SHOWN:
                            print(f"{visitor.name} {place}: {error}"[:400], file=sys.stderr)
    found["memory MB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    return {"kind": "requests", **found}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--n", type=int, default=100_000)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        labels = strange.sound_labels(Path(folder) / "sound")
        kinds = list(strange.trials(Path(folder), labels))
    asked = int(options.n * SHARE_OF_REQUESTS)
    each = -(-(options.n - asked) // len(kinds))
    start = time.perf_counter()
    spawn = multiprocessing.get_context("spawn")
    with spawn.Pool(options.processes) as pool:
        done = pool.apply_async(requests, ((asked, options.seed),))
        jobs = [(kind, each, options.seed, labels) for kind in kinds]
        rows = [*pool.imap_unordered(files, jobs, chunksize=1), done.get()]
    found = {row.pop("kind"): row for row in sorted(rows, key=lambda row: row["kind"])}
    names = ("read", "refused", "faults")
    found["all"] = {name: sum(row[name] for row in found.values()) for name in names}
    found["all"] |= {
        name: max(row[name] for row in found.values() if name in row)
        for name in ("slowest s", "memory MB")
    }
    found["all"]["seconds"] = time.perf_counter() - start
    report(found, options.json)
    if found["all"]["faults"]:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
