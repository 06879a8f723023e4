"""How the app starts where something is in its way: one sentence, no traceback."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def start(workspace: Path, port: int) -> subprocess.CompletedProcess[str]:
    """Start the app where it cannot start, and return what it said."""
    return subprocess.run(
        [sys.executable, "-m", "streamlit", "run", "app.py", "--server.headless", "true",
         "--server.port", str(port)],
        cwd=ROOT,
        env={**os.environ, "ALCORE_WORKSPACE": str(workspace)},
        capture_output=True,
        text=True,
        timeout=90,
    )  # fmt: skip


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_a_workspace_that_cannot_be_written_is_said_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = start(tmp_path / "file" / "workspace", free_port())
    assert done.returncode == 1
    assert f"the workspace {tmp_path}/file/workspace cannot be written" in done.stderr
    assert "ALCORE_WORKSPACE" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = start(tmp_path / "workspace", port)
    assert done.returncode == 1
    assert f"Port {port} is not available" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_garbage_is_collected_again_once_the_app_has_started() -> None:
    program = "import app, gc; off = gc.isenabled(); app._settle(); print(off, gc.isenabled())"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.stdout == "False True\n", done.stderr
