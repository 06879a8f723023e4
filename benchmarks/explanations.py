"""Measures how long the panel "Why?" waits: a heat map as the page gets it, by method and learner.

    python benchmarks/explanations.py                  30 images each, some minutes on two cores
    python benchmarks/explanations.py --images 10 --learners auto,network --json figures.json

Projects of generated shapes (32 pixels; features at 160), 40 labels, one for each learner. Each
request goes through the route that the page asks, with its ticket, rights, the process that has
torch, and the answer kept on disk; each is about an image that nobody asked about before. *Cold* is
the very first of a learner: the first of all starts the process, the others load a model. *Kept* is
the second request for the same map. *History* and *labels* are the panel's other questions, after
one model. Wall time; the load of the machine before the start is printed, since other work counts.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from starlette.applications import Starlette
from starlette.testclient import TestClient

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from made import BY_HAND, Tab  # noqa: E402 - the folders must be on the path first

from alcore.config import LearnerRule  # noqa: E402
from alcore.heat_maps import METHODS  # noqa: E402
from alcore.services import features, projects, training  # noqa: E402
from alcore.store import Store, items  # noqa: E402
from alcore.web import routes, state  # noqa: E402

LEARNERS = ("network", "auto", "features", "random forest")
LABELS = 40


def teach(store: Store, kind: str, images: int) -> tuple[int, list[int]]:
    """Make a project with a model; return its id and items to ask about."""
    settings = replace(BY_HAND, resolution=32, learner=LearnerRule(kind=kind))
    spec = {"kind": "shapes", "size": LABELS + 2 * images + 40, "classes": 4}
    project_id = projects.create(store, kind, spec, "answer key", settings)
    projects.import_now(store, project_id, 2)
    if settings.learner.uses_extractor:
        features.compute_now(store, project_id, 2)
    with store.read() as connection:
        true = {row.id: row.true_class for row in items.get_all(connection, project_id)}
    tab = Tab(store, project_id)
    for _ in range(LABELS):
        lease = tab.next()
        tab.answer(lease, tab.classes.index(true[lease.item_id]))
    training.train_now(store, project_id, 2)
    with store.read() as connection:
        return project_id, items.unlabeled(connection, project_id)[:images].tolist()


def seconds(ask: Callable[[], object]) -> float:
    begin = time.perf_counter()
    ask()
    return time.perf_counter() - begin


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=30)
    parser.add_argument("--learners", default=",".join(LEARNERS))
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["ALCORE_WORKSPACE"] = folder
        store, http = state.store(), TestClient(Starlette(routes=routes.routes()))
        print(f"load before: {os.getloadavg()[0]:.1f}")
        print(f"{'learner':16}{'what':24}{'n':>4}{'median':>9}{'p95':>9}   seconds", flush=True)
        rows = []
        for kind in arguments.learners.split(","):
            for row in measured(http, kind, *teach(store, kind, arguments.images)):
                rows.append(row)
                print(
                    f"{row['learner']:16}{row['what']:24}{row['n']:4}"
                    f"{row['median']:9.3f}{row['p95']:9.3f}",
                    flush=True,
                )
        print(f"load after: {os.getloadavg()[0]:.1f}")
        state.explaining().close()
        store.close()
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1))


def measured(
    http: TestClient, kind: str, project_id: int, asked: list[int]
) -> Iterator[dict[str, object]]:
    """Ask for maps, and for the rest of the panel; yield a line of figures each."""
    who = Tab(state.store(), project_id).annotator.id
    ticket = {"X-Alcore-Ticket": state.tickets().issue(project_id, who)}

    def ask(item: int, what: str, **query: str) -> None:
        place = f"/board/{project_id}/why/{item}/{what}"
        answer = http.get(place, params=query, headers=ticket)
        assert answer.status_code in (200, 409), answer.text

    def line(what: str, times: list[float]) -> dict[str, object]:
        median, p95 = np.percentile(times, (50, 95))
        return {"learner": kind, "what": what, "n": len(times), "median": median, "p95": p95}

    cold = [seconds(lambda: ask(asked[0], "map", method="occlusion", about="difference"))]
    yield line("cold", cold)

    def maps(method: str) -> list[float]:
        return [seconds(lambda i=i: ask(i, "map", method=method, about="answer")) for i in asked]

    methods = [m for m in METHODS if m == "occlusion" or kind != "random forest"]
    for method in methods:
        yield line(method, maps(method))
    yield line("kept", maps("occlusion"))
    yield line("neighbours", [seconds(lambda i=i: ask(i, "neighbours")) for i in asked])
    yield line("history", [seconds(lambda i=i: ask(i, "history")) for i in asked[:10]])
    yield line("labels", [seconds(lambda i=i: ask(i, "labels")) for i in asked[:5]])


if __name__ == "__main__":
    main()
