"""Owns the proof that no label is lost and none counts twice, whoever writes and whoever dies."""

from __future__ import annotations

import multiprocessing
import os
import random
import subprocess
import sys
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from made import Tab, labels_of, project

from alcore.config import Workspace
from alcore.store import Store, sqlite

KILLS = int(os.environ.get("ALCORE_TEST_KILLS", "10"))
SPAWN = multiprocessing.get_context("spawn")


def _label_all(root: str, project_id: int, name: str, seed: int, said: Connection) -> None:
    """Label until nothing is left, sending each tenth answer twice; say what was claimed."""
    store, chance = Store.open(Workspace(Path(root))), random.Random(seed)
    tab = Tab(store, project_id, name)
    claimed: list[int] = []
    while leases := tab.claim(chance.randint(1, 5)).leases:
        for image in leases:
            claimed.append(image.item_id)
            key = uuid.uuid4().hex
            event, duplicate = tab.send(image, chance.randint(0, 1), key=key)
            assert not duplicate
            if chance.random() < 0.1:
                with ThreadPoolExecutor(2) as both:
                    again = [both.submit(tab.send, image, 0, key=key) for _ in range(2)]
                assert [one.result() for one in again] == [(event, True)] * 2
    said.send(claimed)
    store.close()


def test_eight_people_label_everything_once(workspace: Workspace) -> None:
    store = Store.open(workspace)
    project_id = project(store, 240, held=40, queued=90)
    people = []
    for number in range(8):
        receive, send = SPAWN.Pipe(duplex=False)
        arguments = (str(workspace.root), project_id, f"person {number}", number, send)
        people.append((SPAWN.Process(target=_label_all, args=arguments), receive))
    for process, _ in people:
        process.start()
    claimed = [item for _, receive in people for item in receive.recv()]
    for process, _ in people:
        process.join()
    assert [process.exitcode for process, _ in people] == [0] * 8
    assert sorted(claimed) == list(range(1, 241))
    assert len(labels_of(store, project_id)) == 200
    with store.read() as connection:
        count, keys = connection.exec_driver_sql(
            "SELECT count(*), count(DISTINCT item_id) FROM label_event"
        ).one()
    assert (count, keys) == (240, 240)
    store.close()


def _label_for_ever(root: str, project_id: int, said: Connection) -> None:
    """Label until killed; say each key once its label is acknowledged."""
    store = Store.open(Workspace(Path(root)))
    tab = Tab(store, project_id, f"person {os.getpid()}")
    while True:  # nothing comes where the other was quicker than the queue was filled
        for image in tab.claim(3).leases:
            said.send(tab.answer(image, image.item_id % 2))


@pytest.mark.sqlite
def test_labels_that_were_acknowledged_survive_the_kill_of_their_writer(
    workspace: Workspace,
) -> None:
    store = Store.open(workspace)
    project_id = project(store, 5_000, queued=0)
    store.close()
    chance, acknowledged = random.Random(0), []

    def start() -> tuple[multiprocessing.process.BaseProcess, Connection]:
        receive, send = SPAWN.Pipe(duplex=False)
        arguments = (str(workspace.root), project_id, send)
        process = SPAWN.Process(target=_label_for_ever, args=arguments)
        process.start()
        send.close()
        return process, receive

    writers = [start(), start()]
    for number in range(KILLS):
        process, receive = writers.pop(0)
        if number < KILLS - 2:
            writers.append(start())
        acknowledged.append(receive.recv())
        time.sleep(chance.random() * 0.2)
        process.kill()
        process.join()
        while True:
            try:
                acknowledged.append(receive.recv())
            except (EOFError, OSError):
                break
    assert not writers
    assert len(acknowledged) > KILLS
    module = sqlite.driver()[0].__name__.removesuffix(".dbapi2")
    # A process of its own looks: closing the file here would drop the locks of an open store.
    look = (
        "import sys, sqlite3; c = sqlite3.connect(sys.argv[1]);"
        "print(c.execute('PRAGMA integrity_check').fetchone()[0]);"
        "print(*(row[0] for row in c.execute('SELECT key FROM label_event')))"
    )
    seen = subprocess.run(
        [sys.executable, "-c", look.replace("sqlite3", module), str(workspace.database)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert seen[0] == "ok"
    keys = seen[1].split()
    assert len(keys) == len(set(keys))
    assert set(acknowledged) <= set(keys)
    # At most the one label that each writer had under way was stored without being acknowledged.
    assert len(keys) - len(acknowledged) <= KILLS
