"""Measures what a crowd waits for: labels of many people a second, on a large project.

    python benchmarks/crowd.py [--json] [--people 8] [--items 50000] [--seconds 60] [--features]

The app runs as people start it. Each person is a thread that asks as the board does: an answer a
second, further images claimed once it is stored, the status every two seconds. No browsers, so
that the times are the server's. The queue begins empty, so that it is refilled again and again;
nothing trains, but with --features the features of all images are computed meanwhile, as after an
import. Milliseconds from the request to its answer: an answer is
acknowledged when it is on disk.
"""

from __future__ import annotations

import argparse
import http.client
import json
import statistics
import sys
import tempfile
import threading
import time
import uuid
from collections import defaultdict
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import growing
from driven import answers, app, p95, report, wait
from growing import Large

from alcore.store import jobs
from alcore.web.tickets import TicketOffice

PACE, STATUS_EVERY = 1.0, 2.0
AHEAD, LOW_WATER = 6, 4
LONGEST_WAIT = 50.0
Times = dict[str, list[float]]


class Person:
    """Asks the server as one tab of the board does."""

    def __init__(self, large: Large, number: int, url: str, office: TicketOffice) -> None:
        self.large, self.number = large, number
        self.client = uuid.uuid4().hex
        person = large.people[number % len(large.people)]
        self.headers = {"x-alcore-ticket": office.issue(large.id, person)}
        self.link = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
        self.times: Times = defaultdict(list)
        self.images: list[dict[str, Any]] = []

    def ask(self, what: str, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        start = time.perf_counter()
        raw = None if body is None else json.dumps(body)
        self.link.request(method, path, raw, self.headers)
        reply = self.link.getresponse()
        content = reply.read()
        self.times[what].append(1000 * (time.perf_counter() - start))
        if reply.status != 200:
            raise SystemExit(f"{what}: {reply.status} {content[:300]!r}")
        return json.loads(content) if "json" in reply.headers["content-type"] else None

    def fill(self) -> None:
        if len(self.images) >= LOW_WATER:
            return
        grant = self.ask(
            "claim",
            "POST",
            f"/board/{self.large.id}/claim",
            {
                "client": self.client,
                "count": AHEAD - len(self.images),
                "hold": [image["token"] for image in self.images],
            },
        )
        self.images += grant["images"]

    def answer(self) -> None:
        image = self.images.pop(0)
        self.ask(
            "answer",
            "POST",
            f"/board/{self.large.id}/answer",
            {
                "kind": "label",
                "item": image["item"],
                "class": self.large.classes[image["item"] % growing.CLASSES],
                "key": uuid.uuid4().hex,
                "token": image["token"],
                "seconds": 1.0,
            },
        )

    def work(self, until: float) -> None:
        due = time.monotonic() + PACE * self.number / len(self.large.people)
        status_due = due
        self.fill()
        while due < until:
            time.sleep(max(0.0, due - time.monotonic()))
            self.answer()
            self.fill()
            if time.monotonic() > status_due:
                self.ask("status", "GET", f"/board/{self.large.id}/status?client={self.client}")
                status_due += STATUS_EVERY
            due += PACE


def measure(
    items: int, people: int, seconds: float, features: bool = False
) -> dict[str, dict[str, float]]:
    with tempfile.TemporaryDirectory() as folder:
        store = growing.open_store(Path(folder))
        large = growing.made(store, items, growing.CLASSES)
        with app(Path(folder)) as (url, _):
            wait(lambda: answers(url))
            office = TicketOffice.of(store.workspace)
            crowd = [Person(large, number, url, office) for number in range(people)]
            if features:
                with store.write() as connection:
                    jobs.request(connection, large.id, "features", time.time())
            time.sleep(20.0 if features else 5.0)  # the trainer has imported its libraries
            until = time.monotonic() + seconds
            threads = [threading.Thread(target=person.work, args=(until,)) for person in crowd]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        store.close()
    times: Times = defaultdict(list)
    for person in crowd:
        for what, taken in person.times.items():
            times[what] += taken
    return {
        what: {
            "requests": len(taken),
            "median ms": statistics.median(taken),
            "p95 ms": p95(taken),
            "most ms": max(taken),
        }
        for what, taken in times.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print JSON only")
    parser.add_argument("--people", type=int, default=8)
    parser.add_argument("--items", type=int, default=50_000)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--features", action="store_true", help="while features are computed")
    chosen = parser.parse_args()
    found = measure(chosen.items, chosen.people, chosen.seconds, chosen.features)
    report(found, chosen.json)
    if found["answer"]["p95 ms"] > LONGEST_WAIT:
        print(f"answers wait longer than {LONGEST_WAIT:.0f} ms at p95", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
