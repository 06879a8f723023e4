"""Kills the server, the trainer and the importer while they work, and counts what was lost.

    python benchmarks/kills.py [--json] [--server 300] [--trainer 100] [--importer 50]
                               [--labels 1000]

Eight annotators, who ask as boards do and send an answer until it is acknowledged, label while the
server is ended with SIGKILL and started again. Lost are acknowledged labels that are not stored,
doubled those that are stored twice or on an image that had its answer; shared are images that two
people held at once. Times are of the first label that anybody got acknowledged, in seconds since
the server answered again. Each training, and import, is killed once or twice on its way, and must
end as if nothing had been; given up are jobs that failed. At last, with no kills, the eight give
--labels each, as fast as they can: labels a second.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import random
import signal
import statistics
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from driven import answer_some, report, wait  # noqa: E402 - path first
from made import BY_HAND, project  # noqa: E402
from sqlalchemy import func, select  # noqa: E402

from alcore.config import Workspace  # noqa: E402
from alcore.services import people, projects, training  # noqa: E402
from alcore.store import Connection, Store, jobs  # noqa: E402
from alcore.store.tables import answer, item, job, label_event, lease  # noqa: E402
from alcore.web.tickets import TicketOffice  # noqa: E402
from tests.browser.conftest import Server  # noqa: E402

PEOPLE = 8
AHEAD = 6
PAUSE = 0.05
"""Seconds between two answers of one person while the server is killed."""
TRAINED = 60
IMPORTED = 4_000


class Annotator(threading.Thread):
    """Labels until it is over; an answer is sent until somebody says that it is stored."""

    def __init__(self, server: Server, project_id: int, number: int, pause: float) -> None:
        super().__init__(daemon=True)
        self.server, self.pause, self.project_id = server, pause, project_id
        store = Store.open(server.workspace)
        person = people.annotator(store, f"person {number}").id
        self.classes = [c.id for c in projects.get(store, project_id).classes]
        store.close()
        self.headers = {
            "X-Alcore-Ticket": TicketOffice.of(server.workspace).issue(project_id, person),
            "Content-Type": "application/json",
        }
        self.client = uuid.uuid4().hex
        self.over = threading.Event()
        self.acknowledged: list[str] = []
        self.heard_at = 0.0
        self.refused = 0
        self.most = 10**9

    def ask(self, what: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Ask until there is an answer; (0, {}) where it is over."""
        while not self.over.is_set():
            link = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=20)
            with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
                path = f"/board/{self.project_id}/{what}"
                link.request("POST", path, json.dumps(body), self.headers)
                reply = link.getresponse()
                content = json.loads(reply.read())
                if reply.status != 503:
                    return reply.status, content
            link.close()
            time.sleep(0.05)
        return 0, {}

    def run(self) -> None:
        while not self.over.is_set() and len(self.acknowledged) < self.most:
            _, grant = self.ask("claim", {"client": self.client, "count": AHEAD, "hold": []})
            images = grant.get("images", [])
            if not images:
                time.sleep(0.2)
            for image in images:
                if self.over.is_set() or len(self.acknowledged) >= self.most:
                    return
                key = uuid.uuid4().hex
                said = {"kind": "label", "item": image["item"], "token": image["token"]}
                said |= {"proof": image["proof"], "key": key, "class": self.classes[0]}
                status, _ = self.ask("answer", said)
                if status == 200:
                    self.acknowledged.append(key)
                    self.heard_at = time.monotonic()
                elif status:
                    self.refused += 1
                time.sleep(self.pause)


def crowd(server: Server, project_id: int, pause: float) -> list[Annotator]:
    return [Annotator(server, project_id, number, pause) for number in range(PEOPLE)]


def shared(connection: Connection) -> int:
    """Count images that several people hold just now."""
    held = (
        select(lease.c.item_id)
        .where(lease.c.expires_at > time.time())
        .group_by(lease.c.item_id)
        .having(func.count() > 1)
    )
    return len(connection.execute(held).all())


def settled(store: Store, project_id: int, acknowledged: list[str]) -> dict[str, int]:
    """Compare what is stored with what was acknowledged."""
    with store.read() as connection:
        rows = connection.execute(
            select(label_event.c.key, label_event.c.item_id).where(
                label_event.c.project_id == project_id
            )
        ).all()
        counted = connection.execute(
            select(func.count()).where(answer.c.project_id == project_id)
        ).scalar_one()
    keys = Counter(row.key for row in rows)
    images = Counter(row.item_id for row in rows)
    return {
        "acknowledged": len(acknowledged),
        "lost": len(set(acknowledged) - set(keys)),
        "doubled": sum(n > 1 for n in (*keys.values(), *images.values())) + counted - len(images),
    }


def of_server(folder: Path, kills: int, chance: random.Random) -> dict[str, float]:
    """Kill the server while eight people label."""
    server = Server(Workspace(folder / "workspace"))
    store = Store.open(server.workspace)
    project_id = project(store, 400 * (kills + 10), queued=2_000)
    server.start()
    everybody = crowd(server, project_id, PAUSE)
    for one in everybody:
        one.start()
    first: list[float] = []
    held = 0
    for _ in range(kills):
        time.sleep(0.3 + chance.random() * 1.5)
        server.kill()
        with store.read() as connection:
            held += shared(connection)
        server.start()
        since = time.monotonic()
        wait(lambda since=since: max(one.heard_at for one in everybody) > since, 120)
        first.append(max(0.0, min(t for one in everybody if (t := one.heard_at) > since) - since))
    for one in everybody:
        one.over.set()
    for one in everybody:
        one.join(30)
    server.stop()
    acknowledged = [key for one in everybody for key in one.acknowledged]
    found: dict[str, float] = {"kills": kills, **settled(store, project_id, acknowledged)}
    store.close()
    return found | {
        "shared": held,
        "refused": sum(one.refused for one in everybody),
        "first label median s": statistics.median(first),
        "first label most s": max(first),
    }


def kill_once(store: Store, project_id: int, kind: str, chance: random.Random) -> bool:
    """Wait until a job of a kind runs, for a moment more, and kill its process."""

    def running() -> Any:
        with store.read() as connection:
            newest = jobs.newest(connection, project_id, kind)
            worker = connection.execute(
                select(job.c.worker).where(job.c.id == newest.id)  # type: ignore[union-attr]
            ).scalar()
        if newest is None or newest.state in ("done", "failed"):
            return "over"
        return worker if newest.state == "running" and worker else None

    worker = wait(running, 120)
    if worker == "over":
        return False
    time.sleep(chance.random() * 1.5)
    if running() != worker:
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(int(worker.split(":")[1]), signal.SIGKILL)
    return True


def of_jobs(
    folder: Path, kind: str, kills: int, ask: Callable[[Store, int], int], chance: random.Random
) -> dict[str, float]:
    """Kill the processes of one kind of job, each job twice at most."""
    server = Server(Workspace(folder / "workspace"))
    store = Store.open(server.workspace)
    server.start()
    done = asked = killed = 0
    while killed < kills and asked < 3 * kills:
        asked += 1
        project_id = ask(store, asked)
        for _ in range(chance.choice([1, 2])):
            killed += kill_once(store, project_id, kind, chance)

        def state(project_id: int = project_id) -> str | None:
            with store.read() as connection:
                newest = jobs.newest(connection, project_id, kind)
            return newest.state if newest and newest.state in ("done", "failed") else None

        done += wait(state, 300) == "done"
    with store.read() as connection:
        failed = select(func.count()).where(job.c.kind == kind, job.c.state == "failed")
        given_up = connection.execute(failed).scalar_one()
        per_project = connection.execute(
            select(func.count(), func.count(item.c.content_hash.distinct())).group_by(
                item.c.project_id
            )
        ).all()
    server.stop()
    store.close()
    found = {"kills": killed, "jobs": asked, "done": done, "given up": given_up}
    if kind == "import":  # the demo project comes beside them
        found["incomplete"] = sum(row[0] not in (IMPORTED, 1797) for row in per_project)
    return found


def train(store: Store, number: int) -> int:
    """Ask for a training of the demo project."""
    made = projects.list_projects(store)[0]
    if number == 1:
        wait(lambda: projects.get(store, made.id).state == "ready")
        there = projects.get(store, made.id)
        by_hand = replace(there.settings, retrain=BY_HAND.retrain, baseline=False)
        projects.edit(store, there, by_hand)
        answer_some(store, made.id, TRAINED)
    training.train(store, made.id)
    return made.id


def bring(store: Store, number: int) -> int:
    """Ask for an import."""
    spec = {"kind": "shapes", "size": IMPORTED}
    return projects.create(store, f"shapes {number}", spec, "answer key", BY_HAND)


def rate(folder: Path, labels: int) -> dict[str, float]:
    """Let eight people give so many labels each, as fast as they can."""
    server = Server(Workspace(folder / "workspace"))
    store = Store.open(server.workspace)
    project_id = project(store, PEOPLE * (labels + 2 * AHEAD), queued=PEOPLE * (labels + AHEAD))
    server.start()
    everybody = crowd(server, project_id, 0.0)
    start = time.monotonic()
    for one in everybody:
        one.most = labels
        one.start()
    for one in everybody:
        one.join()
    seconds = time.monotonic() - start
    server.stop()
    acknowledged = [key for one in everybody for key in one.acknowledged]
    found = settled(store, project_id, acknowledged)
    store.close()
    refused = sum(one.refused for one in everybody)
    return {**found, "refused": refused, "labels a second": len(acknowledged) / seconds}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", action="store_true")
    for name, default in (("server", 300), ("trainer", 100), ("importer", 50), ("labels", 1000)):
        parser.add_argument(f"--{name}", type=int, default=default, help="0 leaves it out")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    chance = random.Random(options.seed)
    parts: dict[str, Callable[[Path], dict[str, float]]] = {
        "server": lambda folder: of_server(folder, options.server, chance),
        "trainer": lambda folder: of_jobs(folder, "train", options.trainer, train, chance),
        "importer": lambda folder: of_jobs(folder, "import", options.importer, bring, chance),
        "labels": lambda folder: rate(folder, options.labels),
    }
    found = {}
    for name, part in parts.items():
        if getattr(options, name):
            with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
                found[name] = part(Path(folder))
    report(found, options.json)
    bad = ("lost", "doubled", "shared", "given up", "incomplete")
    if any(row.get(name, 0) for row in found.values() for name in bad):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
