"""What happens when the disk takes no more: an error, nothing half saved, and it recovers."""

from __future__ import annotations

import errno
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from made import BY_HAND, Tab, project
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient

from alcore import disk
from alcore.config import Workspace
from alcore.datasets import ingest, workers
from alcore.errors import InvalidSettings, NoRoom, WorkspaceUnusable
from alcore.services import projects
from alcore.store import Store, jobs, labels
from alcore.web.shield import Shield
from alcore.web.uploads import Uploads

NO_ROOM = """
    import resource, signal, sys
    from pathlib import Path
    from alcore.config import Workspace
    from alcore.errors import WorkspaceUnusable
    from alcore.store import Store, labels
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    store = Store.open(Workspace(Path(sys.argv[1])))
    with store.write() as connection:
        labels.annotator_named(connection, "ana", 0.0)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
    try:
        with store.write() as connection:
            for n in range(5000):
                labels.annotator_named(connection, f"ben {n}", 0.0)
    except WorkspaceUnusable as error:
        print(error)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    with store.write() as connection:
        labels.annotator_named(connection, "cleo", 0.0)
"""


@pytest.mark.sqlite
@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are a POSIX matter")
def test_a_full_disk_is_said_nothing_is_half_saved_and_it_recovers(workspace: Workspace) -> None:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(NO_ROOM), str(workspace.root)],
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "cannot be written" in done.stdout
    assert "nothing was saved" in done.stdout
    store = Store.open(workspace)
    with store.read() as connection:
        found = [labels.annotator_by_id(connection, n) for n in range(1, 10)]
        assert [a.name for a in found if a] == ["ana", "cleo"]
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
    store.close()


def test_another_mistake_in_a_transaction_is_not_called_a_full_disk(workspace: Workspace) -> None:
    store = Store.open(workspace)
    with pytest.raises(Exception) as raised, store.write() as connection:
        connection.exec_driver_sql("SELECT * FROM no_such_table")
    assert not isinstance(raised.value, WorkspaceUnusable)
    store.close()


# -- room that is kept for labels --------------------------------------------------------------


@pytest.fixture
def store(workspace: Workspace) -> Iterator[Store]:
    opened = Store.open(workspace)
    yield opened
    opened.close()


@pytest.fixture
def left(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many bytes the disk still takes, at each look; the last number stays."""
    looks = [10**12]
    monkeypatch.setattr(disk, "free", lambda _: looks.pop(0) if len(looks) > 1 else looks[0])
    return looks


RESERVE = 500_000_000


def test_the_reserve_is_a_setting(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    disk.check_room(workspace.root / "not there yet", 1)
    monkeypatch.setenv("ALCORE_RESERVE", "999999999")
    with pytest.raises(NoRoom, match=r"1,000,000.0 GB are kept for labels: make room for"):
        disk.check_room(workspace.root)
    monkeypatch.setenv("ALCORE_RESERVE", "much")
    with pytest.raises(InvalidSettings, match="a number of megabytes"):
        disk.check_room(workspace.root)
    assert isinstance(disk.unusable("x", OSError(errno.ENOSPC, "full")), NoRoom)
    assert not isinstance(disk.unusable("x", OSError(errno.EACCES, "denied")), NoRoom)


def test_an_import_that_would_not_fit_waits_and_goes_on_when_there_is_room(
    store: Store, left: list[int]
) -> None:
    made = projects.create(store, "shapes", {"kind": "shapes", "size": 700}, "answer key", BY_HAND)
    left[:] = [RESERVE + 1_000_000, RESERVE + 1_000_000]
    with pytest.raises(NoRoom, match=r"3 MB are needed, and 500 MB are kept for"):
        projects.import_now(store, made, 1)
    job = projects.import_job(store, made)
    assert job is not None and job.state == "waiting" and "make room" in (job.error or "")
    assert job.failures == 0 and projects.get(store, made).state == "importing"
    with store.read() as connection:
        now = time.time()
        assert not jobs.due(connection, ["import"], now + 1)
        assert jobs.due(connection, ["import"], now + 60)
    left[:] = [10**12]
    assert projects.import_now(store, made, 1)
    assert projects.get(store, made).state == "ready"
    assert projects.import_job(store, made).error is None


def test_an_import_stops_while_labels_still_have_room_and_keeps_what_is_in(
    store: Store, left: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "CHUNK_SECONDS", 0.0)
    monkeypatch.setattr(workers, "BATCH_ENTRIES", 10)
    for number in range(60):
        Image.new("RGB", (8, 8), (number, 7, 7)).save(tmp_path / f"{number:02d}.png")
    spec = {"kind": "folder", "path": str(tmp_path)}
    made = projects.create(store, "folder", spec, "none", BY_HAND, ["a", "b"])
    other = Tab(store, project(store))
    left[:] = [10**12] * 5 + [RESERVE - 1]
    with pytest.raises(NoRoom):
        projects.import_now(store, made, 1)
    imported = sum(projects.item_counts(store, made).values())
    assert 0 < imported < 60
    other.answer(other.next())  # a label has room
    left[:] = [10**12]
    assert projects.import_now(store, made, 1)
    assert sum(projects.item_counts(store, made).values()) == 60


def test_what_is_uploaded_leaves_the_reserve(workspace: Workspace, left: list[int]) -> None:
    uploads = Uploads(lambda: workspace.uploads)
    uploads.allow("session")
    left[:] = [RESERVE]
    files = {"file": ("a.zip", b"abc", "application/zip")}
    http = TestClient(Shield(Starlette(), ["*"], uploads, tuple))
    answer = http.put("/_stcore/upload_file/session/file", files=files)
    assert answer.status_code == 507 and "no room" in answer.json()["message"]
    assert not workspace.uploads.exists()
