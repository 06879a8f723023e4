"""Runs two apps on one PostgreSQL database and folder, and kills one of them while all work.

    python benchmarks/two_apps.py [--json] [--people 8] [--seconds 60] [--apart]

With --apart each app has a folder of its own, and the files lie in an object store, here a third
folder. Each app is started as a person starts it, with a trainer of its own. People ask over HTTP
as boards do, half of them each app, and send an answer until it is acknowledged; trainings of
several projects run meanwhile. After a third of the time the database server restarts; after two
thirds one app is ended with SIGKILL, its trainer and all other processes of it too, while it
trains, and its people ask the other one, as a proxy would send them there, with the images that
they held.

Lost are acknowledged labels that are not stored, doubled those stored twice or on an image that had
its answer; shared are images that two people held at once; refused are answers to images that their
person held; overlapped are trainings of a project that ran while another of it did; failed are
jobs that did. Times in seconds since the kill: until a label of somebody who was moved is
acknowledged, and until the training that was killed runs in the other app.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from kills import PAUSE, Annotator, settled, shared
from sqlalchemy import select

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import postgres  # noqa: E402
from driven import answer_some, report, wait  # noqa: E402
from made import BY_HAND, project  # noqa: E402

from alcore.config import LearnerRule, Workspace  # noqa: E402
from alcore.services import projects, training  # noqa: E402
from alcore.store import Store  # noqa: E402
from alcore.store.tables import job  # noqa: E402
from tests.browser.conftest import Server  # noqa: E402

COMMAND = (sys.executable, "-m", "alcore", "run")
TRAINED = 40
TRAINS = 3
"""Projects that train, beside the one in which people label."""


def start(workspace: Workspace) -> Server:
    """Start an app on the workspace, and wait until it answers."""
    environment = {
        **os.environ,
        "ALCORE_WORKSPACE": str(workspace.root),
        "ALCORE_DATABASE": workspace.url,
        "ALCORE_FILES": workspace.files,
        "ALCORE_FEATURES": "no",
        "ALCORE_THREADS": "1",
    }
    app = Server(workspace, command=COMMAND, environment=environment)
    app.start()
    return app


def learning(store: Store, number: int) -> int:
    """Make a project of digits with labels that trains when it is asked to."""
    settings = replace(BY_HAND, baseline=False, learner=LearnerRule(kind="network"))
    name = f"digits {number}"
    made = projects.create(store, name, {"kind": "digits"}, "answer key", settings)
    projects.import_now(store, made, 1)
    answer_some(store, made, TRAINED)
    return made


def trainings(store: Store) -> list[Any]:
    """Read the rows of all trainings, oldest first."""
    with store.read() as connection:
        return connection.execute(select(job).where(job.c.kind == "train").order_by(job.c.id)).all()


def is_of(app: Server, worker: str) -> bool:
    """Tell whether who holds a job is a process of an app, which all are of one session."""
    assert app.process is not None
    try:
        return os.getsid(int(worker.split(":")[1])) == app.process.pid
    except ProcessLookupError:
        return False


class Trainings:
    """Keeps all projects training, and looks at who trains what."""

    def __init__(self, store: Store, project_ids: list[int], apps: list[Server]) -> None:
        self.store, self.project_ids, self.apps = store, project_ids, apps
        self.workers: dict[int, str] = {}
        self.by_app = [0 for _ in apps]
        self.shared = 0

    def look(self, ask: bool = True) -> None:
        """Note who trains, and ask for a training of each project that waits for none."""
        with self.store.read() as connection:
            self.shared += shared(connection)
        rows = trainings(self.store)
        busy = {row.project_id for row in rows if row.state in ("waiting", "running")}
        for row in rows:
            if row.state == "running" and self.workers.get(row.id) != row.worker:
                self.workers[row.id] = row.worker
                for number, app in enumerate(self.apps):
                    self.by_app[number] += is_of(app, row.worker)
        for project_id in self.project_ids:
            if ask and project_id not in busy:
                training.train(self.store, project_id)

    def of_app(self, app: Server) -> int | None:
        """Name a training that an app has been at for a moment, None where there is none."""
        self.look()
        for row in trainings(self.store):
            if row.state == "running" and row.phase != "starting" and is_of(app, row.worker):
                return int(row.id)
        return None


def overlapped(rows: list[Any]) -> int:
    """Count trainings of a project that began before the one before them had ended."""
    last: dict[int, float] = {}
    n = 0
    for row in sorted((r for r in rows if r.started_at), key=lambda r: r.started_at):
        n += row.started_at < last.get(row.project_id, 0.0)
        last[row.project_id] = row.finished_at or float("inf")
    return n


def patiently(work: Callable[[], Any]) -> Any:
    """Do something that only reads and asks, again while the database server restarts."""
    from alcore.errors import WorkspaceBusy

    while True:
        try:
            return work()
        except WorkspaceBusy:
            time.sleep(0.1)


def measure(
    server: postgres.Server, folder: Path, people: int, seconds: float, apart: bool
) -> dict[str, Any]:
    files = f"file://{folder / 'bucket'}" if apart else ""
    workspace = Workspace(folder / "workspace", server.empty(), files)
    first = start(workspace)
    store = Store.open(workspace)
    demo = wait(lambda: projects.list_projects(store))[0]
    wait(lambda: projects.get(store, demo.id).state == "ready")
    second = start(replace(workspace, root=folder / "second") if apart else workspace)
    labeled = project(store, 40_000, queued=2_000, name="many")
    watch = Trainings(store, [learning(store, n) for n in range(TRAINS)], [first, second])
    everybody = [Annotator([first, second][n % 2], labeled, n, PAUSE) for n in range(people)]
    began = time.monotonic()
    for one in everybody:
        one.start()

    def until(share: float) -> None:
        while time.monotonic() < began + share * seconds:
            patiently(watch.look)
            time.sleep(0.2)

    until(1 / 3)
    server.control("restart", "-m", "fast")
    until(2 / 3)
    killed = wait(lambda: patiently(lambda: watch.of_app(first)))
    assert first.process is not None
    os.killpg(first.process.pid, signal.SIGKILL)
    first.process.wait()
    at, since = time.time(), time.monotonic()
    moved = everybody[::2]
    for one in moved:
        one.server = second
    wait(lambda: max(one.heard_at for one in moved) > since + 0.05)
    label_after = max(one.heard_at for one in moved) - since

    def again() -> Any:
        watch.look()
        row = next(row for row in trainings(store) if row.id == killed)
        return row if row.started_at > at else None

    taken = wait(again)
    until(1.0)
    lasted = time.monotonic() - began
    for one in everybody:
        one.over.set()
    for one in everybody:
        one.join(30)
    wait(lambda: not any(row.state in ("waiting", "running") for row in trainings(store)))
    second.stop()
    rows = trainings(store)
    with store.read() as connection:
        failed = connection.execute(select(job.c.id).where(job.c.state == "failed")).all()
    acknowledged = [key for one in everybody for key in one.acknowledged]
    found = settled(store, labeled, acknowledged)
    store.close()
    return {
        **found,
        "shared": watch.shared,
        "refused": sum(one.refused for one in everybody),
        "labels a second": len(acknowledged) / lasted,
        "trainings done": sum(row.state == "done" for row in rows),
        "trainings of the one": watch.by_app[0],
        "trainings of the other": watch.by_app[1],
        "overlapped": overlapped(rows),
        "failed": len(failed),
        "label after kill s": label_after,
        "training after kill s": taken.started_at - at,
        "load": os.getloadavg()[0],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--people", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--apart", action="store_true")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        postgres.running(durable=True) as server,
    ):
        found = measure(server, Path(folder), options.people, options.seconds, options.apart)
    report({"two apps": found}, options.json)
    if any(
        found[name] for name in ("lost", "doubled", "shared", "refused", "overlapped", "failed")
    ):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
