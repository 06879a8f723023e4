"""Owns small projects that tests label in, without files, and a tab that labels in them."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

from alcore.config import ProjectSettings, RetrainRule, Workspace
from alcore.loop.queueing import choose_overlap, swap_queue
from alcore.records import KnownClasses, Lease, NewEvent, NewUndo
from alcore.services import board_status, exporting, invitations, labeling, people
from alcore.services.exporting import PARTS, Wish
from alcore.store import Store, items, migrate, projects
from alcore.web import state

BY_HAND = ProjectSettings(retrain=RetrainRule(automatic=False))


def old_database(workspace: Workspace, revision: str) -> None:
    """Make the empty database of an earlier version of the schema; there must be none yet."""
    assert not workspace.database.exists()
    config = Config()
    folder = Path(migrate.__file__).parent / "migrations"
    config.set_main_option("script_location", str(folder))
    with create_engine(f"sqlite:///{workspace.database}").begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def project(
    store: Store,
    n: int = 30,
    *,
    held: int = 0,
    classes: tuple[str, ...] = ("cat", "dog"),
    settings: ProjectSettings = BY_HAND,
    known_classes: KnownClasses = "none",
    queued: int | None = None,
    name: str = "animals",
) -> int:
    """Make a project that is ready: n items, the last `held` of them holdout questions.

    `queued`: how many pool items are in the first queue, all by default.
    """
    now = time.time()
    with store.write() as connection:
        project_id = projects.add(
            connection, name, settings, {"kind": "digits"}, known_classes, now
        )
        projects.add_classes(connection, project_id, classes, now)
        items.add(
            connection,
            [
                {
                    "project_id": project_id,
                    "position": i,
                    "name": f"image {i}.png",
                    "content_hash": f"{project_id:04d}{i:028d}",
                    "width": 8,
                    "height": 8,
                    "split": "holdout" if i >= n - held else "pool",
                    "true_class": None,
                    "offset": None,
                    "length": None,
                    "path": None,
                }
                for i in range(n)
            ],
        )
        projects.set_state(connection, project_id, "ready")
        choose_overlap(connection, projects.get(connection, project_id))
        pool = items.unlabeled(connection, project_id)[: n if queued is None else queued]
        rows = [
            {
                "item_id": int(i),
                "score": None,
                "reason": "typical",
                "origin": "cold start",
                "suggestion": None,
            }
            for i in pool
        ]
        swap_queue(connection, projects.get(connection, project_id), rows, None, 0)
    return project_id


def join(store: Store, project_id: int, annotator_id: int) -> None:
    """Let somebody join a project by an invitation."""
    new = invitations.create(store, project_id, None)
    invitations.take_up(store, new.id, annotator_id)


@dataclass
class Tab:
    """One browser tab of one annotator."""

    store: Store
    project_id: int
    name: str = "Ana"
    client: str = field(default_factory=lambda: uuid.uuid4().hex)

    def __post_init__(self) -> None:
        self.annotator = people.annotator(self.store, self.name)
        with self.store.read() as connection:
            self.classes = [c.id for c in projects.classes(connection, self.project_id)]

    def claim(self, n: int = 1, hold: tuple[str, ...] = ()) -> labeling.Claim:
        return labeling.claim(self.store, self.project_id, self.annotator.id, self.client, n, hold)

    def next(self) -> Lease:
        """Claim one image."""
        (lease,) = self.claim().leases
        return lease

    def answer(
        self,
        lease: Lease,
        class_index: int = 0,
        *,
        kind: str = "label",
        key: str | None = None,
    ) -> str:
        """Answer an image; return the key."""
        key = key or uuid.uuid4().hex
        self.send(lease, class_index, kind=kind, key=key)
        return key

    def send(
        self, lease: Lease, class_index: int = 0, *, kind: str = "label", key: str
    ) -> tuple[int, bool]:
        return labeling.answer(
            self.store, self.event(lease, class_index, kind=kind, key=key), handed=True
        )

    def event(self, lease: Lease, class_index: int = 0, **more: Any) -> NewEvent:
        """Write what an answer to a leased image says."""
        said = {
            "project_id": self.project_id,
            "item_id": lease.item_id,
            "annotator_id": self.annotator.id,
            "kind": "label",
            "class_id": self.classes[class_index],
            "key": uuid.uuid4().hex,
            "created_at": time.time(),
            "token": lease.token,
            "seconds": 1.0,
        }
        return NewEvent(**{**said, **more})

    def wish(self, undoes: str, key: str | None = None) -> NewUndo:
        """Write what takes an answer, or a lot of them, back."""
        key = key or uuid.uuid4().hex
        return NewUndo(self.project_id, self.annotator.id, key, undoes, time.time())

    def undo(self, undoes: str, key: str | None = None, token: str | None = None) -> Lease:
        token = token or uuid.uuid4().hex
        lease, _ = labeling.undo(self.store, self.wish(undoes, key), self.client, token)
        return lease

    def revisit(self, item_id: int) -> tuple[Lease, int | None]:
        return labeling.revisit(
            self.store, self.project_id, self.annotator.id, self.client, item_id
        )

    def status(self) -> dict:
        return board_status.status(self.store, self.project_id, self.annotator.id)


def labels_of(store: Store, project_id: int) -> dict[int, int]:
    """Read the training labels: class id by item id."""
    with store.read() as connection:
        ids, classes = items.labeled(connection, project_id)
    return dict(zip(ids.tolist(), classes.tolist(), strict=True))


def exported(store: Store, project_id: int, form: str = "jsonl") -> bytes:
    """Write a project's labels with all that can be written beside them."""
    wish = Wish(form, tuple(PARTS))
    return b"".join(exporting.prepare(store, project_id, wish).blocks())


def label_rows(store: Store, project_id: int) -> list[dict[str, Any]]:
    """Read the labels that count as an export has them."""
    return [json.loads(line) for line in exported(store, project_id).splitlines()]


@contextmanager
def web_store(root: Path) -> Iterator[Store]:
    """Open the store that routes of this process use, in a workspace of its own."""
    kept = (state.runtime, state.store, state.tickets)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ALCORE_WORKSPACE", str(root))
        for once in kept:
            once.cache_clear()
        yield state.store()
        state.store().close()
    for once in kept:
        once.cache_clear()
