"""Owns the proof that labels from a file come in whole or not at all, and keep nobody waiting."""

from __future__ import annotations

import csv
import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from made import Tab, labels_of, project

from alcore.config import Workspace
from alcore.errors import NotAllowed
from alcore.loop import incoming_labels
from alcore.services import exporting, label_import, workspace_check
from alcore.services.exporting import Wish
from alcore.services.label_import import LabelFile
from alcore.store import Store, label_imports, projects, soundness

MANY = 1_200


@pytest.fixture
def store(workspace: Workspace) -> Iterator[Store]:
    opened = Store.open(workspace)
    yield opened
    opened.close()


def table(folder: Path, class_name: str = "bird") -> LabelFile:
    """A file that names the same new class for every image."""
    path = folder / "labels.csv"
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("file", "class"))
        rows.writerows((f"image {i}.png", class_name) for i in range(MANY))
    return LabelFile(path)


def accepted(store: Store, made: int) -> None:
    """Leave a file as a process does that was killed once it was accepted."""
    with store.write() as connection:
        (bird,) = projects.add_classes(connection, made, ["bird"], 0.0)[2:]
        number = label_imports.begin(connection, made, "labels", time.time())
        label_imports.stage(connection, number, [(i, 0) for i in range(1, MANY + 1)])
        label_imports.accept(connection, number, [bird.id], time.time())


def _bring(root: str, made: int, path: str) -> None:
    store = Store.open(Workspace(Path(root)))
    label_import.bring(store, made, LabelFile(Path(path)), new_classes="add")


def waiting(store: Store) -> int:
    with store.read() as connection:
        return len(label_imports.waiting(connection))


def test_a_file_comes_in_in_parts_and_whole(store: Store, tmp_path: Path) -> None:
    made = project(store, MANY, held=100)
    plan = label_import.bring(store, made, table(tmp_path), new_classes="add")
    assert (len(plan.class_of), plan.kept, plan.new_classes) == (MANY, 0, ["bird"])
    assert len(labels_of(store, made)) == MANY - 100
    assert waiting(store) == 0
    with store.read() as connection:
        assert soundness.miscounted(connection) == [] == soundness.stale(connection)


def test_a_file_whose_process_is_killed_comes_in_whole_or_not_at_all(
    store: Store, tmp_path: Path
) -> None:
    made = project(store, MANY)
    Tab(store, made).next()  # whoever labels has them come in a few at a time
    file = table(tmp_path)
    spawn = multiprocessing.get_context("spawn")
    process = spawn.Process(target=_bring, args=(str(store.workspace.root), made, str(file.path)))
    process.start()
    deadline = time.monotonic() + 60
    while not labels_of(store, made):
        assert process.is_alive() and time.monotonic() < deadline
        time.sleep(0.002)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    incoming_labels.finish(store)
    assert len(labels_of(store, made)) == MANY
    assert waiting(store) == 0


def test_what_was_not_accepted_brings_nothing(store: Store) -> None:
    made = project(store, MANY)
    with store.write() as connection:
        number = label_imports.begin(connection, made, "labels", 0.0)
        label_imports.stage(connection, number, [(1, 0), (2, 0)])
    incoming_labels.finish(store)
    assert labels_of(store, made) == {}
    with store.write() as connection:  # the next file sweeps away what nobody will accept
        label_imports.begin(connection, made, "labels", time.time())
        assert label_imports.lot_end(connection, number, 10) is None


def test_people_who_label_meanwhile_keep_what_they_said(store: Store) -> None:
    made = project(store, MANY)
    accepted(store, made)
    tab = Tab(store, made)
    lease = tab.next()
    tab.answer(lease, 1)
    incoming_labels.finish(store, made)
    kept = labels_of(store, made)
    assert len(kept) == MANY
    assert kept[lease.item_id] == tab.classes[1]


def test_a_few_come_in_at_once_while_anybody_labels_and_more_while_nobody_does(
    store: Store,
) -> None:
    made, other = project(store, MANY), project(store, 3, name="another")
    accepted(store, made)
    tab = Tab(store, other)
    lease = tab.next()
    assert labels_after_a_step(store, made) == incoming_labels.AT_ONCE
    tab.answer(lease)
    assert labels_after_a_step(store, made) == incoming_labels.AT_EASE
    assert labels_after_a_step(store, made) == MANY - 1_100


def labels_after_a_step(store: Store, made: int) -> int:
    """Let one transaction's labels come in; return how many these were."""
    before = len(labels_of(store, made))
    with store.read() as connection:
        (incoming,) = label_imports.waiting(connection, made)
    incoming_labels._go_on(store, incoming)
    return len(labels_of(store, made)) - before


def test_an_export_and_the_check_let_the_rest_come_in_first(store: Store) -> None:
    made = project(store, MANY)
    accepted(store, made)
    (fault, *_) = [f for f in workspace_check.check(store) if "interrupted" in f.what]
    assert exporting.prepare(store, made, Wish("jsonl", ())).total == MANY
    assert workspace_check.mended(fault) == "done"
    assert not [f for f in workspace_check.check(store) if "interrupted" in f.what]


def test_two_that_go_on_with_a_file_say_nothing_twice(store: Store) -> None:
    made = project(store, MANY)
    Tab(store, made).next()
    accepted(store, made)
    spawn = multiprocessing.get_context("spawn")
    other = spawn.Process(target=_finish, args=(str(store.workspace.root),))
    other.start()
    incoming_labels.finish(store)
    other.join()
    assert other.exitcode == 0
    with store.read() as connection:
        count = connection.exec_driver_sql("SELECT count(*) FROM label_event").scalar()
    assert count == MANY == len(labels_of(store, made))


def _finish(root: str) -> None:
    incoming_labels.finish(Store.open(Workspace(Path(root))))


def test_a_project_whose_images_are_not_in_takes_no_labels(store: Store, tmp_path: Path) -> None:
    made = project(store, MANY)
    with store.write() as connection:
        projects.set_state(connection, made, "importing")
    with pytest.raises(NotAllowed):
        label_import.bring(store, made, table(tmp_path), new_classes="add")
    with store.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM staged_label").scalar() == 0
