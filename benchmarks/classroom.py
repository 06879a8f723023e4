"""Measures a class at work: thirty phones label, a model trains, and a projector shows it.

    python benchmarks/classroom.py [--json] [--minutes 10] [--students 30] [--pause 2.5]

The app runs as people start it, on generated shapes, half as many again as the class can label in
the time, so that nobody runs out of images. Each student is a thread that asks as a phone's page
does: joins in the same second as all others, asks every two seconds where the session stands,
claims images ahead, and answers one after a human pause, drawn around --pause seconds, as the key
says. One more thread asks as the projector does, every second. One more student is a phone's page
in Chromium, which tells how long the next image takes to be painted after a key. Milliseconds from
an answer's request to its acknowledgement, when it is on disk; "projector age" is how old a label
is when the wall first shows it. Memory is the web process's own.
"""

from __future__ import annotations

import argparse
import http.client
import json
import math
import os
import random
import sqlite3
import statistics
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from driven import PROBE, answers, app, chromium, on_screen, p95, report, wait

from alcore.config import ProjectSettings, Workspace
from alcore.services import people, projects, sessions, training
from alcore.store import Store, items, jobs
from alcore.web.tickets import TicketOffice

AHEAD, LOW_WATER = 6, 4
IN_RESERVE = 1.5
"""Images for each that the class can label in the time; a share of them is kept aside."""
STATE_EVERY, STATUS_EVERY, WALL_EVERY = 2.0, 2.5, 1.0
MOST_MS, MOST_PAINTED_MS, MOST_AGE, MOST_MEGABYTES = 300.0, 60.0, 3.0, 600.0


class Asker:
    """One connection to the server."""

    def __init__(self, url: str) -> None:
        self.link = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)

    def ask(self, path: str, body: dict[str, Any] | None, ticket: str = "") -> dict[str, Any]:
        raw = None if body is None else json.dumps(body)
        headers = {"x-alcore-ticket": ticket, "content-type": "application/json"}
        self.link.request("GET" if body is None else "POST", path, raw, headers)
        reply = self.link.getresponse()
        content = reply.read()
        if reply.status != 200:
            raise SystemExit(f"{path}: {reply.status} {content[:300]!r}")
        return json.loads(content)


class Student(Asker):
    """Asks as a student's page and its board do."""

    def __init__(self, url: str, code: str, number: int, truth: dict[int, int]) -> None:
        super().__init__(url)
        self.code, self.number, self.truth = code, number, truth
        self.key = uuid.uuid4().hex
        self.random = random.Random(number)
        self.images: list[dict[str, Any]] = []
        self.sent: list[str] = []
        self.times: list[float] = []
        self.joining = 0.0
        self.pause = 2.5

    def room(self, what: str, **more: Any) -> dict[str, Any]:
        return self.ask(f"/room/{what}", {"code": self.code, "key": self.key, **more})

    def join(self) -> None:
        start = time.perf_counter()
        self.room("join", name=f"Student {self.number}")
        self.joining = 1000 * (time.perf_counter() - start)
        self.link.close()  # the server would, while the class waits; the next request opens it

    def work(self, until: float) -> None:
        told = self.room("state", board=True)
        while told["phase"] != "running":
            time.sleep(1.0)
            told = self.room("state", board=True)
        base, ticket = told["board"]["base"], told["ticket"]
        classes = [c["id"] for c in told["board"]["classes"]]
        due_state = due_status = time.monotonic()
        while time.monotonic() < until:
            self._fill(base, ticket)
            time.sleep(self.random.uniform(0.5, 1.5) * self.pause)
            if self.images:
                self._answer(base, ticket, classes)
            now = time.monotonic()
            if now > due_state:
                self.room("state")
                due_state = now + STATE_EVERY
            if now > due_status:
                self.ask(f"/{base}/status?client={self.key}", None, ticket)
                due_status = now + STATUS_EVERY

    def _fill(self, base: str, ticket: str) -> None:
        if len(self.images) < LOW_WATER:
            hold = [image["token"] for image in self.images]
            wish = {"client": self.key, "count": AHEAD - len(self.images), "hold": hold}
            self.images += self.ask(f"/{base}/claim", wish, ticket)["images"]

    def _answer(self, base: str, ticket: str, classes: list[int]) -> None:
        image = self.images.pop(0)
        key = uuid.uuid4().hex
        start = time.perf_counter()
        self.ask(
            f"/{base}/answer",
            {
                "kind": "label",
                "item": image["item"],
                "class": classes[self.truth[image["item"]]],
                "key": key,
                "token": image["token"],
                "proof": image["proof"],
                "seconds": 2.0,
            },
            ticket,
        )
        self.times.append(1000 * (time.perf_counter() - start))
        self.sent.append(key)


class Phone:
    """A student's page in a browser, whose keys are pressed at a person's pace."""

    def __init__(self, url: str, code: str, truth: dict[int, int], pause: float) -> None:
        self.address, self.truth, self.pause = f"{url}/room?c={code}", truth, pause
        self.joined = threading.Event()
        self.pressed = self.saved = 0
        self.painted: list[float] = []

    def work(self, until: Callable[[], float]) -> None:
        draw = random.Random(0)
        with chromium() as browser:
            page = browser.new_page(viewport={"width": 390, "height": 844})
            page.set_default_timeout(120_000)
            page.goto(self.address)
            page.locator("form input[name=name]").fill("Phone")
            page.get_by_role("button", name="Join").click()
            page.locator("[data-room=greeting]").wait_for()
            self.joined.set()
            board = page.locator(".board")
            board.wait_for(timeout=600_000)
            while time.monotonic() < until():
                page.wait_for_timeout(1000 * draw.uniform(0.5, 1.5) * self.pause)
                item = on_screen(page)
                if item is not None:
                    page.keyboard.press(f"Digit{(self.truth[int(item)] + 1) % 10}")
                    self.pressed += 1
            wait(lambda: board.get_attribute("data-pending") == "0", 60, 0.2)
            self.saved = int(board.get_attribute("data-saved") or 0)
            self.painted = page.evaluate(PROBE)["painted"]


class Wall(Asker):
    """Asks as the projector does."""

    def __init__(self, url: str, project_id: int, session: int, ticket: str) -> None:
        super().__init__(url)
        self.path, self.session, self.ticket = (
            f"/board/{project_id}/session/record",
            session,
            ticket,
        )
        self.after = 0
        self.ages: list[float] = []
        self.models: list[Any] = []

    def work(self, until: float) -> None:
        while time.monotonic() < until:
            told = self.ask(self.path, {"session": self.session, "after": self.after}, self.ticket)
            now = time.time()
            self.ages += [now - event[1] for event in told["events"]]
            self.after = told["events"][-1][0] if told["events"] else self.after
            self.models = told["models"]
            time.sleep(WALL_EVERY)


def memory(pid: int) -> float:
    """Read how many megabytes of memory a process has resident."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1000


def measure(minutes: float, students: int, pause: float) -> dict[str, dict[str, float]]:
    size = math.ceil(IN_RESERVE * (students + 1) * 60 * minutes / pause)
    with tempfile.TemporaryDirectory() as folder:
        store = Store.open(Workspace(Path(folder)))
        spec = {"kind": "shapes", "size": size}
        project_id = projects.create(store, "Shapes", spec, "answer key", ProjectSettings())
        with app(Path(folder)) as (url, process):
            wait(lambda: answers(url))
            wait(lambda: projects.get(store, project_id).state == "ready", pause=0.5)
            wait(lambda: _features_are_done(store, project_id), pause=0.5)
            figures = _class(store, project_id, url, process.pid, minutes, students, pause)
        store.close()
    return figures


def _class(
    store: Store,
    project_id: int,
    url: str,
    pid: int,
    minutes: float,
    students: int,
    pause: float,
) -> dict[str, dict[str, float]]:
    teacher = people.annotator(store, "teacher").id
    people.set_role(store, project_id, None, teacher, "owner")
    number = sessions.open_session(store, project_id, teacher, 45)
    (group,) = sessions.groups(store, number)
    session = sessions.get(store, project_id, number, teacher)
    truth = _truth(store, group.project_id)
    crowd = [Student(url, session.code, i, truth) for i in range(students)]
    ticket = TicketOffice.of(store.workspace).issue(project_id, teacher)
    wall = Wall(url, project_id, number, ticket)
    phone = Phone(url, session.code, truth, pause)
    until = float("inf")
    in_browser = threading.Thread(target=lambda: phone.work(lambda: until), daemon=True)
    in_browser.start()
    _together([one.join for one in crowd])
    if not phone.joined.wait(120):
        raise SystemExit("the student's page in Chromium did not join; nothing was measured")
    sessions.start(store, project_id, number, teacher)
    until = time.monotonic() + sessions.COUNTDOWN + 60 * minutes
    sizes: list[float] = []
    for one in crowd:
        one.pause = pause
    work = [lambda one=one: one.work(until) for one in crowd]
    work += [lambda: wall.work(until), lambda: _sample(pid, sizes, until)]
    _together(work)
    in_browser.join()
    figures = _figures(store, group.project_id, crowd, wall, sizes)
    figures["next image painted"] = {
        "keys": phone.pressed,
        "saved": phone.saved,
        "median ms": statistics.median(phone.painted),
        "p95 ms": p95(phone.painted),
    }
    return figures


def _features_are_done(store: Store, project_id: int) -> bool:
    with store.read() as connection:
        job = jobs.newest(connection, project_id, "features")
    return job is None or job.state not in ("waiting", "running")


def _truth(store: Store, project_id: int) -> dict[int, int]:
    """Read the position of the true class of every image."""
    with store.read() as connection:
        position = {c.id: c.position for c in projects.get(store, project_id).classes}
        pairs = [items.answer_key(connection, project_id), items.holdout(connection, project_id)]
    return {
        int(i): position[int(c)]
        for ids, classes in pairs
        for i, c in zip(ids, classes, strict=False)
    }


def _together(work: list[Any]) -> None:
    threads = [threading.Thread(target=one) for one in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _sample(pid: int, sizes: list[float], until: float) -> None:
    while time.monotonic() < until:
        sizes.append(memory(pid))
        time.sleep(1.0)


def _figures(
    store: Store, project_id: int, crowd: list[Student], wall: Wall, sizes: list[float]
) -> dict[str, dict[str, float]]:
    times = [t for one in crowd for t in one.times]
    sent = [key for one in crowd for key in one.sent]
    database = sqlite3.connect(store.workspace.database)
    there = Counter(
        key
        for (key,) in database.execute(
            "SELECT key FROM label_event WHERE project_id = ?", (project_id,)
        )
    )
    (over,) = database.execute(
        "SELECT count(*) FROM (SELECT item_id FROM vote WHERE project_id = ?1 GROUP BY item_id "
        "HAVING count(*) > (SELECT answers FROM item WHERE item.id = vote.item_id))",
        (project_id,),
    ).fetchone()
    database.close()
    status = training.status(store, project_id)
    joins = [one.joining for one in crowd]
    return {
        "answers": {
            "sent": len(sent),
            "median ms": statistics.median(times),
            "p95 ms": p95(times),
            "most ms": max(times),
        },
        "joins": {"sent": len(joins), "median ms": statistics.median(joins), "most ms": max(joins)},
        "labels": {
            "lost": sum(key not in there for key in sent),
            "doubled": sum(n > 1 for n in there.values()) + over,
        },
        "projector age s": {"p95": p95(wall.ages), "most": max(wall.ages)},
        "server": {"most MB": max(sizes), "models": status.latest.number if status.latest else 0},
        "load": {"average of 5 minutes": os.getloadavg()[1]},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print JSON only")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--students", type=int, default=30)
    parser.add_argument("--pause", type=float, default=2.5, help="mean seconds between two answers")
    chosen = parser.parse_args()
    figures = measure(chosen.minutes, chosen.students, chosen.pause)
    report(figures, chosen.json)
    misses = [
        (figures["answers"]["p95 ms"] > MOST_MS, f"answers wait longer than {MOST_MS:.0f} ms"),
        (
            figures["next image painted"]["p95 ms"] > MOST_PAINTED_MS,
            f"the next image takes longer than {MOST_PAINTED_MS:.0f} ms",
        ),
        (figures["projector age s"]["most"] > MOST_AGE, f"the wall is older than {MOST_AGE} s"),
        (figures["server"]["most MB"] > MOST_MEGABYTES, f"more than {MOST_MEGABYTES:.0f} MB"),
        (sum(figures["labels"].values()) > 0, "labels were lost or doubled"),
    ]
    said = [why for missed, why in misses if missed]
    if said:
        print("; ".join(said), file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
