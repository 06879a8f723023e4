"""Owns the proof that a workspace is backed up, comes back whole, and that faults are found."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from made import BY_HAND, Tab, labels_of, old_database, project
from PIL import Image
from sqlalchemy import text

from alcore.__main__ import main
from alcore.config import Backups, Runtime, Workspace
from alcore.errors import InvalidSettings, NoRoom, WorkspaceBusy, WorkspaceUnusable
from alcore.jobs.backup_schedule import Schedule
from alcore.services import images, projects, restoring, workspace_check
from alcore.store import Store, backups, items
from alcore.web.tickets import TicketOffice
from alcore.workers.presence import present

ROOT = Path(__file__).parent.parent


@pytest.fixture
def store(workspace: Workspace) -> Iterator[Store]:
    opened = Store.open(workspace)
    yield opened
    opened.close()


def imported(store: Store, folder: Path, n: int = 6) -> int:
    """A project of n pictures, copied."""
    folder.mkdir(parents=True)
    for number in range(n):
        Image.new("RGB", (9, 7), (number, 40, 7)).save(folder / f"{number}.png")
    spec = {"kind": "folder", "path": str(folder), "copy": True}
    made = projects.create(store, folder.name, spec, "none", BY_HAND, ["cat", "dog"])
    assert projects.import_now(store, made, 1)
    return made


def answered(store: Store, made: int, n: int) -> dict[int, int]:
    tab = Tab(store, made)
    for place in range(n):
        tab.answer(tab.next(), place % 2)
    return dict(labels_of(store, made))


def alcore(workspace: Workspace, *arguments: object) -> Result:
    """Run a command in this process: each start of another one takes seconds."""
    environment = {"ALCORE_WORKSPACE": str(workspace.root)}
    return CliRunner().invoke(main, [*map(str, arguments)], env=environment)


# -- backup and restore ------------------------------------------------------------------------


@pytest.mark.sqlite
def test_what_was_backed_up_comes_back_and_what_was_there_is_put_aside(
    store: Store, tmp_path: Path
) -> None:
    workspace = store.workspace
    made = imported(store, tmp_path / "in")
    before = answered(store, made, 3)
    (ticket,) = [TicketOffice.of(workspace).issue(made, 1)]
    backup = backups.make(store, tmp_path / "backups")
    assert backup.folder.stat().st_mode & 0o077 == 0 and backups.verify(backup) == []
    later = answered(store, made, 2)
    assert later != before
    store.close()
    with pytest.raises(WorkspaceUnusable, match="--replace"):
        restoring.restore(backup.folder, workspace)
    _, aside = restoring.restore(backup.folder, workspace, replace=True)
    again = Store.open(workspace)
    assert dict(labels_of(again, made)) == before
    assert TicketOffice.of(workspace).read(ticket).project_id == made
    with again.read() as connection:
        rows = items.get_all(connection, made)
    assert all(images.shown(again, made, row.id).read() for row in rows)
    assert list(workspace_check.check(again)) == []
    again.close()
    assert aside is not None and dict(labels_of(Store.open(Workspace(aside)), made)) == later


def test_a_backup_while_people_label_has_each_label_that_was_acknowledged_before_it(
    store: Store, tmp_path: Path
) -> None:
    made = project(store, 400)
    over, done = threading.Event(), []

    def label(name: str) -> None:
        tab = Tab(store, made, name)
        while not over.is_set():
            lease = tab.next()
            tab.answer(lease)
            done.append(lease.item_id)

    people = [threading.Thread(target=label, args=(name,)) for name in ("Ana", "Ben")]
    for person in people:
        person.start()
    try:
        for _ in range(3):
            while len(done) < 5:
                time.sleep(0.005)
            acknowledged = set(done)
            backup = backups.make(store, tmp_path / "backups")
            copy = sqlite3.connect(Workspace(backup.folder).database)
            kept = {row[0] for row in copy.execute("SELECT item_id FROM answer")}
            copy.close()
            assert acknowledged <= kept
    finally:
        over.set()
        for person in people:
            person.join()
    assert set(done) == set(labels_of(store, made))


def test_what_has_not_changed_takes_no_room_and_what_has_rotted_is_copied_anew(
    store: Store, tmp_path: Path
) -> None:
    made = imported(store, tmp_path / "in")
    target = tmp_path / "backups"
    first = backups.make(store, target)
    pack = f"projects/{made}/originals.pack"
    second = backups.make(store, target)
    assert (first.folder / pack).samefile(second.folder / pack)
    assert not (first.folder / "alcore.db").samefile(second.folder / "alcore.db")
    data = (second.folder / pack).read_bytes()
    (second.folder / pack).write_bytes(data[:-1] + b"?")
    assert backups.verify(second) == [f"{pack} is not as it was written"]
    third = backups.make(store, target)
    assert (third.folder / pack).read_bytes() == data and backups.verify(third) == []
    assert backups.listed(target)[0].folder == third.folder
    assert set(backups.keep_newest(target, 1)) == {first.folder, second.folder}
    assert backups.verify(third) == [] and len(backups.listed(target)) == 1


def test_a_damaged_backup_and_a_busy_workspace_are_refused_and_nothing_is_touched(
    store: Store, tmp_path: Path
) -> None:
    workspace = store.workspace
    made = project(store)
    before = answered(store, made, 2)
    backup = backups.make(store, tmp_path / "backups")
    with pytest.raises(WorkspaceUnusable, match="lies in the workspace"):
        backups.make(store, workspace.root / "backups")
    with pytest.raises(WorkspaceUnusable, match="is no backup"):
        restoring.restore(tmp_path, workspace, replace=True)
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    with present(workspace, "trainer", app=child.pid), pytest.raises(WorkspaceBusy, match="stop a"):
        restoring.restore(backup.folder, workspace, replace=True)
    child.communicate(b"\n")
    database = Workspace(backup.folder).database
    damaged = bytearray(database.read_bytes())
    damaged[len(damaged) // 2] ^= 0xFF
    database.write_bytes(damaged)
    with pytest.raises(WorkspaceUnusable, match=r"damaged: alcore\.db is not as it was written"):
        restoring.restore(backup.folder, workspace, replace=True)
    assert dict(labels_of(store, made)) == before


def test_a_backup_that_does_not_fit_or_is_killed_leaves_nothing_that_counts(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project(store)
    target = tmp_path / "backups"
    monkeypatch.setattr(backups.disk, "free", lambda _: 1_000)
    with pytest.raises(NoRoom):
        backups.make(store, target)
    monkeypatch.undo()
    assert list(target.iterdir()) == []
    left = target / ".alcore-20200101-000000-1.part"
    left.mkdir()
    assert backups.listed(target) == []
    os.utime(left, (1, 1))
    backups.make(store, target)
    assert not left.exists()


def test_a_backup_of_an_earlier_version_is_brought_up_to_date(tmp_path: Path) -> None:
    old = Workspace(tmp_path / "backup")
    old.root.mkdir()
    old_database(old, "0009")
    made = backups.Backup(old.root, 1.0, {})
    files = {"alcore.db": backups._described(old.database, 1)}
    backups._write_manifest(backups.Backup(made.folder, made.created_at, files))
    to = Workspace(tmp_path / "workspace")
    assert restoring.restore(old.root, to)[1] is None
    store = Store.open(to)
    assert projects.list_projects(store) == []
    store.close()


@pytest.mark.sqlite
def test_the_commands_back_up_restore_and_check(store: Store, tmp_path: Path) -> None:
    made = project(store)
    before = answered(store, made, 2)
    done = alcore(store.workspace, "backup", tmp_path / "backups", "--keep", 1)
    assert done.exit_code == 0 and "verified" in done.stdout, done.stderr
    (folder,) = (tmp_path / "backups").glob("alcore-*")
    assert alcore(store.workspace, "restore", folder, "--verify").exit_code == 0
    other = Workspace(tmp_path / "other")
    done = alcore(other, "restore", folder)
    assert done.exit_code == 0 and "is as it was on" in done.stdout, done.stderr
    assert dict(labels_of(Store.open(other), made)) == before
    shutil.rmtree(folder)
    done = alcore(other, "restore", folder)
    assert done.exit_code == 1 and "is no backup" in done.stderr


def test_a_backup_is_made_when_the_newest_is_too_old(store: Store, tmp_path: Path) -> None:
    project(store)
    target = tmp_path / "backups"
    wish = Backups(target, 1.0, 2)
    runtime = Runtime(store.workspace, 1, backups=wish)
    schedule = Schedule(runtime)
    until = time.monotonic() + 120
    while not backups.listed(target):
        schedule.turn()
        assert time.monotonic() < until
        time.sleep(0.02)
    schedule.stop()
    other = Schedule(runtime)
    other.turn()
    assert other._process is None, "the newest is young"
    for text_, name in (("x", "ALCORE_BACKUP_HOURS"), ("-1", "ALCORE_BACKUPS_KEPT")):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(name, text_)
            with pytest.raises(InvalidSettings, match=name):
                Backups.from_environment()


# -- check -------------------------------------------------------------------------------------


@contextmanager
def behind_the_log(store: Store) -> Iterator[Callable[[str], None]]:
    """Change rows past the services, as a fault would."""
    with store.write() as connection:
        yield lambda statement: connection.execute(text(statement))


def test_answers_that_do_not_follow_from_the_log_are_found_and_mended(
    store: Store, tmp_path: Path
) -> None:
    made = imported(store, tmp_path / "in", 30)
    before = answered(store, made, 6)
    assert list(workspace_check.check(store)) == []
    one, two, three, four, *_ = before
    with store.read() as connection:
        other = next(int(i) for i in items.ids(connection, made) if int(i) not in before)
    with behind_the_log(store) as change:
        change(f"DELETE FROM answer WHERE item_id = {one}")
        change(f"DELETE FROM vote WHERE item_id = {two}")
        change(f"UPDATE answer SET final = true WHERE item_id = {three}")
        change(
            "INSERT INTO answer (item_id, project_id, event_id, class_id, split, final) "
            f"SELECT {other}, project_id, event_id, class_id, split, false FROM answer "
            f"WHERE item_id = {four}"
        )
    (fault,) = workspace_check.check(store)
    assert "of 4 images other answers are kept" in fault.what
    assert workspace_check.mended(fault) == "done"
    assert dict(labels_of(store, made)) == before
    assert list(workspace_check.check(store)) == []


def test_missing_and_orphaned_files_are_found_and_nothing_of_people_is_deleted(
    store: Store, tmp_path: Path
) -> None:
    workspace = store.workspace
    made = imported(store, tmp_path / "in")
    folder = workspace.project(made)
    (folder / "pixels-32.u8").unlink()
    pack = folder / "originals.pack"
    pack.write_bytes(pack.read_bytes()[:-10])
    orphan = workspace.root / "projects" / "99"
    orphan.mkdir()
    (orphan / "labels.txt").write_text("precious")
    workspace.uploads.mkdir(exist_ok=True)
    unfinished = workspace.uploads / ".sent-x"
    unfinished.write_bytes(b"x")
    os.utime(unfinished, (1, 1))
    TicketOffice.of(workspace)
    private = workspace.root / "secret" if workspace.url else workspace.database
    private.chmod(0o644)
    found = {fault.what: fault for fault in workspace_check.check(store)}
    said = "\n".join(found)
    for part in (
        "the originals of 1 images are missing",
        "of 6 images 0 have pixels at 32 pixels",
        "99 belongs to no project",
        "1 files, 0.0 MB, were never finished",
        "can be read by other accounts",
    ):
        assert part in said
    outcomes = [workspace_check.mended(fault) for fault in found.values()]
    assert sorted(set(outcomes)) == ["done", "only you can do that"]
    assert not unfinished.exists() and not orphan.exists()
    (kept,) = (workspace.root / "orphans").rglob("labels.txt")
    assert kept.read_text() == "precious"
    (left,) = workspace_check.check(store)  # the pixels are being made: a job waits
    assert "originals of 1 images" in left.what and left.mend is None


def test_the_check_command_says_what_is_amiss_and_mends_on_word(store: Store) -> None:
    made = project(store)
    answered(store, made, 3)
    with behind_the_log(store) as change:
        change("UPDATE project SET source = '{\"kind\": \"digits\"}', state = 'importing'")
        change("DELETE FROM answer WHERE item_id = (SELECT min(item_id) FROM answer)")
    done = alcore(store.workspace, "check")
    assert done.exit_code == 1 and "(--mend does it)" in done.stdout
    done = alcore(store.workspace, "check", "--mend")
    assert done.exit_code == 0 and "nothing is left to do" in done.stdout, done.stdout
    done = alcore(store.workspace, "check")
    assert done.exit_code == 0 and done.stdout == "nothing is amiss\n"
