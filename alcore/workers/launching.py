"""Owns the processes that the app starts: the dispatcher, which ends with it, and experiments."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

from alcore.config import Runtime

PACKAGE = Path(__file__).parent.parent
RESTART_PAUSE = 1.0
_experiments: dict[str, subprocess.Popen[bytes]] = {}


class Dispatcher:
    """Keeps one `python -m alcore work` alive. It ends by itself when this process is gone."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._over = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._keep, name="dispatcher", daemon=True)

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Close the dispatcher's input, which ends it, and wait for that."""
        self._over.set()
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            try:
                self._process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                self._process.kill()

    def _keep(self) -> None:
        environment = environment_of(self._runtime)
        while not self._over.is_set():
            self._process = subprocess.Popen(
                [sys.executable, "-m", "alcore", "work", "--until-input-closes"],
                stdin=subprocess.PIPE,
                env=environment,
            )
            self._process.wait()
            if not self._over.is_set():
                time.sleep(RESTART_PAUSE)


def started_experiments() -> set[str]:
    """Name the experiments whose processes were started here and live."""
    return {name for name, process in _experiments.items() if process.poll() is None}


def start_experiment(runtime: Runtime, name: str, workers: int) -> None:
    """Start a process of its own that goes on with an experiment; it outlives the app.

    What it says goes to a log file beside the experiments' data.
    """
    folder = runtime.workspace.experiments
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "alcore", "experiment", "resume", "--workers", str(workers)]
    with (folder / "log.txt").open("ab") as log:
        process = subprocess.Popen(
            [*command, "--", name],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment_of(runtime),
            start_new_session=True,
        )
    _experiments[name] = process
    # Somebody must hear of its end, or it stays in the process table.
    threading.Thread(target=process.wait, name="experiment", daemon=True).start()


def environment_of(runtime: Runtime) -> dict[str, str]:
    """Return the environment in which a process of the app finds alcore and the workspace."""
    environment = runtime.to_environment()
    # The app may have been started from any folder.
    places = [str(PACKAGE.parent), environment.get("PYTHONPATH", "")]
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, places))
    return environment
