"""A watched folder: what is new comes in by itself, and what is gone takes nothing along."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from made import old_database
from test_more_images import fill, made, picture, rows_of

from alcore.__main__ import main
from alcore.config import Workspace
from alcore.errors import ImportRefused, InvalidSettings, NotAllowed
from alcore.job_kinds import function_of
from alcore.jobs.watch_schedule import WatchSchedule
from alcore.records import WatchedFolder
from alcore.services import audit, people, projects, watching
from alcore.services.folders import Folders
from alcore.store import Store, items, jobs, watched_folders
from alcore.workers.attempts import run


@pytest.fixture
def store(workspace: Workspace) -> Iterator[Store]:
    opened = Store.open(workspace)
    yield opened
    opened.close()


def turn(store: Store, project_id: int, minutes: float = 0) -> WatchedFolder:
    """Let minutes go by, and do what the app then does."""
    with store.write() as connection:
        watched_folders.ask(connection, project_id, time.time() - 60 * minutes)
    WatchSchedule(store).turn()
    with store.write() as connection:
        job = jobs.take(connection, ["watch"], "me", time.time())
    if job is not None:
        assert run(store, job, function_of("watch"), 1) is None
    with store.read() as connection:
        due = jobs.due(connection, ["import"], time.time())
    if due:
        projects.import_now(store, project_id, 0)
    folder = watching.watched(store, project_id)
    assert folder is not None
    return folder


def test_what_is_new_comes_in_and_a_folder_that_is_gone_deletes_nothing(
    store: Store,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    project_id = made(store, fill(tmp_path / "in", range(10)))
    inbox = tmp_path / "camera"
    inbox.mkdir()
    monkeypatch.setenv("ALCORE_WORKSPACE", str(store.workspace.root))
    with pytest.raises(SystemExit):
        main(["watch", "birds", str(inbox), "--minutes", "15"])
    assert "within a minute" in capsys.readouterr().out
    first = turn(store, project_id, 16)
    assert "camera is an empty folder" in first.problem
    (inbox / "1.png").write_bytes(picture(20))
    looked = turn(store, project_id, 14)
    assert looked.looked_at == first.looked_at  # its time has not come
    looked = turn(store, project_id, 15)
    assert (looked.problem, looked.new, looked.images) == ("", 1, 1)
    assert "camera/1.png" in rows_of(store, project_id)
    assert turn(store, project_id, 15).new == 0
    half = inbox / "2.png"
    half.write_bytes(picture(21)[:60])
    os.utime(half, (time.time() - 100, time.time() - 100))
    assert turn(store, project_id, 15).new == 1
    assert [f.name for f in projects.skipped_files(store, project_id)] == ["camera/2.png"]
    assert turn(store, project_id, 15).new == 0  # it is not tried again and again
    with store.read() as connection:
        looks = "SELECT count(*) FROM job WHERE kind = 'watch'"
        assert connection.exec_driver_sql(looks).scalar() == 1, "looks do not pile up"
    half.write_bytes(picture(21))
    os.utime(half, (time.time() + 10, time.time() + 10))
    assert turn(store, project_id, 15).new == 1
    assert projects.skipped_files(store, project_id) == []
    before = rows_of(store, project_id)
    shutil.move(inbox, tmp_path / "unplugged")
    gone = turn(store, project_id, 15)
    assert "camera does not exist" in gone.problem
    assert "Nothing changes until it is there again" in watching.say(gone, time.time())
    assert rows_of(store, project_id) == before and len(before) == 12
    shutil.move(tmp_path / "unplugged", inbox)
    (inbox / "1.png").unlink()
    again = turn(store, project_id, 15)
    assert (again.problem, again.new) == ("", 0) and rows_of(store, project_id) == before
    store.close()
    reopened = Store.open(store.workspace)
    fill(inbox, range(30, 32))
    assert turn(reopened, project_id, 15).images == 2
    said = [audit.words(event) for event in audit.of_project(reopened, project_id, None)]
    assert said[-1].startswith("let the folder ") and said[-1].endswith(", every 15 minutes")
    reopened.close()


def test_the_projects_own_folder_is_watched_in_place_and_ends_when_it_shall(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = fill(tmp_path / "in", range(10))
    project_id = made(store, root)
    watching.watch(store, project_id, str(root))
    assert turn(store, project_id, 11).new == 0
    fill(root, range(10, 12))
    assert turn(store, project_id, 11).images == 2
    assert all(row.path for row in rows_of(store, project_id).values())
    monkeypatch.setenv("ALCORE_FOLDERS", str(tmp_path / "elsewhere"))
    fill(root, range(12, 14))
    assert "ALCORE_FOLDERS" in turn(store, project_id, 11).problem
    monkeypatch.delenv("ALCORE_FOLDERS")
    projects.archive(store, project_id, True)
    with store.read() as connection:
        assert watched_folders.due(connection, time.time() + 10**6) == []
    projects.archive(store, project_id, False)
    watching.stop(store, project_id)
    assert watching.watched(store, project_id) is None and len(rows_of(store, project_id)) == 12
    with store.read() as connection:
        assert watched_folders.due(connection, time.time() + 10**6) == []


def test_owners_alone_let_folders_be_watched_and_only_such_as_may_be_named(
    store: Store, tmp_path: Path
) -> None:
    root = fill(tmp_path / "in", range(10))
    project_id = made(store, root)
    people.set_role(store, project_id, None, people.annotator(store, "Ana").id, "owner")
    stranger = people.annotator(store, "Ben").id
    for act in (
        lambda: watching.watch(store, project_id, str(root), by=stranger),
        lambda: watching.watch(store, project_id, "/", folders=Folders(listed=(root,))),
        lambda: watching.stop(store, project_id, stranger),
        lambda: watching.look(store, project_id, stranger),
        lambda: watching.watched(store, project_id, stranger),
    ):
        with pytest.raises(NotAllowed):
            act()
    with pytest.raises(ImportRefused, match="no folder that is there"):
        watching.watch(store, project_id, str(tmp_path / "nowhere"))
    with pytest.raises(ImportRefused, match="alcore's own files"):
        watching.watch(store, project_id, str(store.workspace.root))
    with pytest.raises(InvalidSettings, match="every 1 to"):
        watching.watch(store, project_id, str(root), 0)
    assert watching.watched(store, project_id) is None


def test_a_workspace_of_before_watches_folders(bare_workspace: Workspace, tmp_path: Path) -> None:
    old_database(bare_workspace, "0026")
    store = Store.open(bare_workspace)
    project_id = made(store, fill(tmp_path / "in", range(10)))
    watching.watch(store, project_id, str(tmp_path / "in"))
    assert turn(store, project_id, 11).problem == ""
    with store.read() as connection:
        assert items.count(connection, project_id)["pool"]
    store.close()
