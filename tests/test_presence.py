"""Owns the proof that a second app is noticed and named, and that a start says what is amiss."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from made import project, web_store
from starlette.applications import Starlette
from starlette.testclient import TestClient
from streamlit.testing.v1 import AppTest

from alcore.config import Workspace
from alcore.errors import WorkspaceUnusable
from alcore.store import Store, engine
from alcore.web import routes
from alcore.web.tickets import TicketOffice
from alcore.workers.presence import apart, others, present

ROOT = Path(__file__).parent.parent
STAY = """
import sys
from pathlib import Path
from alcore.config import Workspace
from alcore.workers.presence import present
what, address, app = sys.argv[2:]
with present(Workspace(Path(sys.argv[1])), what, address, int(app)):
    print("here", flush=True)
    sys.stdin.read()
"""


@contextmanager
def somebody(
    workspace: Workspace, what: str = "app", address: str = "", app: int = 0
) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that works in the workspace."""
    process = subprocess.Popen(
        [sys.executable, "-c", STAY, str(workspace.root), what, address, str(app)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None and process.stdin is not None
    assert process.stdout.readline() == b"here" + os.linesep.encode()
    yield process
    process.stdin.close()
    process.wait(60)
    process.stdout.close()


def test_another_app_is_named_until_it_ends_however_it_ends(workspace: Workspace) -> None:
    assert others(workspace) == []
    with present(workspace, "app"):
        assert others(workspace) == []
        with somebody(workspace, address="http://localhost:8600") as process:
            (other,) = others(workspace)
            assert (other.what, other.pid) == ("app", process.pid)
            assert f"an app at http://localhost:8600, process {process.pid} on" in str(other)
            process.kill()
            process.wait()
            assert others(workspace) == []
        with somebody(workspace):
            assert len(others(workspace)) == 1
        assert others(workspace) == []
    assert list((workspace.root / "running").iterdir()) == []


def test_an_apps_own_trainer_is_nobody_else_and_one_alone_is(workspace: Workspace) -> None:
    with present(workspace, "app"), somebody(workspace, "trainer", app=os.getpid()):
        assert others(workspace) == []
        with somebody(workspace, "trainer") as alone:
            assert [one.pid for one in others(workspace)] == [alone.pid]
        with somebody(workspace) as app, somebody(workspace, "trainer", app=app.pid):
            assert len(others(workspace)) == 2
            assert [one.pid for one in apart(others(workspace))] == [app.pid]


def test_the_set_up_page_names_who_else_works_in_the_workspace(workspace: Workspace) -> None:
    with web_store(workspace.root) as store, somebody(workspace) as process:
        project(store)
        test = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
        test.run().switch_page("pages/setup.py").run()
        assert f"process {process.pid} on" in test.warning[0].value


def test_a_secret_that_cannot_be_read_keeps_the_app_from_starting(workspace: Workspace) -> None:
    (workspace.root / "secret").mkdir()
    with pytest.raises(WorkspaceUnusable, match=r"secret cannot be read .* delete it"):
        TicketOffice.of(workspace)
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.headless", "true"]
    ended = subprocess.run(
        [*command, "--server.port", "0"],
        cwd=ROOT,
        env={**os.environ, "ALCORE_WORKSPACE": str(workspace.root)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ended.returncode == 1 and "Traceback" not in ended.stderr
    assert "alcore cannot start:" in ended.stderr and "secret cannot be read" in ended.stderr


@pytest.mark.sqlite
def test_a_database_that_cannot_be_written_is_neither_opened_nor_healthy(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    with web_store(workspace.root) as store:
        http = TestClient(Starlette(routes=routes.routes()))
        assert http.get("/alcore/health").json() == {"ok": True}
        may = os.access
        monkeypatch.setattr(
            engine.os, "access", lambda path, mode: path != workspace.database and may(path, mode)
        )
        answer = http.get("/alcore/health")
        assert answer.status_code == 503
        assert "give it the right" in answer.json()["message"]
        assert str(workspace.root) not in answer.text
        with pytest.raises(WorkspaceUnusable, match="cannot be read and written by this account"):
            Store.open(workspace)
        assert store.workspace == workspace
