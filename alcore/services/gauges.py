"""Owns what whoever runs the app is told of it as numbers: bytes, seconds, counts."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from alcore import disk
from alcore.config import reserve
from alcore.store import Store, gauges

Values = Mapping[tuple[str, ...], float]
"""Numbers by the values of labels."""


@dataclass(frozen=True)
class Gauge:
    """A number at this moment, by the values of its labels where there are any."""

    name: str
    says: str
    labels: tuple[str, ...]
    values: Values


def read(store: Store) -> list[Gauge]:
    """Read all numbers, in a few look-ups. Raises WorkspaceBusy."""
    now = time.time()
    with store.read() as connection:
        projects: Values = {(state,): n for state, n in gauges.projects(connection).items()}
        images, labels = gauges.images(connection), gauges.labels(connection)
        held, people = gauges.held(connection, now)
        jobs: Values = {names: n for names, n in gauges.jobs(connection).items()}
        since = gauges.waiting_since(connection, now)
    return [
        Gauge("alcore_projects", "Projects by state", ("state",), projects),
        _one("alcore_images", "Images of all projects", images),
        _one("alcore_labels", "Images with a label that counts", labels),
        _one("alcore_images_held", "Images that people are answering", held),
        _one("alcore_people_labeling", "People who hold images", people),
        Gauge("alcore_jobs", "Background jobs ever, by state", ("kind", "state"), jobs),
        _one(
            "alcore_job_waiting_seconds",
            "Age of the job that waits for the longest",
            0.0 if since is None else max(0.0, now - since),
        ),
        _one("alcore_database_bytes", "Size of the database and its log", store.size),
        _one(
            "alcore_disk_free_bytes",
            "Room on the workspace's disk",
            disk.free(store.workspace.root),
        ),
        _one("alcore_disk_reserve_bytes", "Room that is kept for labels", reserve()),
    ]


def _one(name: str, says: str, value: float) -> Gauge:
    return Gauge(name, says, (), {(): value})
