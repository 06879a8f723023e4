"""Owns a real Dask cluster on loopback, each of its parts a process that may be killed."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parent.parent


def start(*command: str, **environment: str) -> subprocess.Popen:
    everything = {**os.environ, "PYTHONPATH": str(ROOT), "DASK_LOGGING__DISTRIBUTED": "error"}
    return subprocess.Popen(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        env=everything | environment,
        stderr=subprocess.DEVNULL,
    )


@contextmanager
def running(folder: Path, **environment: str) -> Iterator[tuple[str, list[subprocess.Popen]]]:
    """Run a scheduler and two workers with this environment; give its address, and the workers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    port = address.rpartition(":")[2]
    scheduler = start(
        "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", port, "--no-dashboard"
    )
    workers = [
        start(
            "distributed.cli.dask_worker", address, "--host", "127.0.0.1", "--nthreads", "1",
            "--no-nanny", "--no-dashboard", "--local-directory", str(folder / f"worker {i}"),
            **environment,
        )
        for i in range(2)
    ]  # fmt: skip
    try:
        yield address, workers
    finally:
        for process in (*workers, scheduler):
            process.kill()
            process.wait()
