"""Owns a process that answers questions, so that the web process need not load what computes them.

A question and its answer are a line of JSON each. The process starts with the first question and
ends when nobody has asked for a while, or with this one. Times in seconds.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from queue import Empty, SimpleQueue
from typing import Any

import structlog

from alcore.config import Runtime
from alcore.errors import AnswerLate
from alcore.workers.launching import environment_of

IDLE = 900.0
"""A process that nobody has asked for so long is ended."""
PATIENCE = 60.0
"""A question that takes longer, a start included, is given up, and its process ended."""

log = structlog.get_logger()


class Answering:
    """One process of `python -m module`, asked by one thread at a time."""

    def __init__(
        self,
        module: str,
        runtime: Runtime,
        patience: float = PATIENCE,
        idle: float = IDLE,
        remedy: str = "try fewer points or a simpler model",
    ) -> None:
        """remedy: what is said to whoever has waited in vain."""
        self._command = [sys.executable, "-m", module]
        self._environment = environment_of(runtime) | {"OMP_NUM_THREADS": "1"}
        self._patience = patience
        self._idle = idle
        self._remedy = remedy
        self._turn = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._lines: SimpleQueue[str] = SimpleQueue()
        self._asked = 0.0

    @property
    def pid(self) -> int | None:
        """Name the process, None while there is none."""
        process = self._process
        return process.pid if process and process.poll() is None else None

    def ask(self, question: Mapping[str, Any]) -> Any:
        """Return the answer. Raises AnswerLate where none comes in time.

        A process that has died in between is started again, once for a question.
        """
        with self._turn:
            for again in (True, False):
                answer = self._answer(json.dumps(question) + "\n")
                self._asked = time.monotonic()
                if answer:
                    return json.loads(answer)
                log.warning("answering process ended", again=again)
                self._end()
            raise AnswerLate("what computes this has ended twice; try again")

    def close(self) -> None:
        """End the process."""
        with self._turn:
            self._end()

    def _answer(self, question: str) -> str:
        """Ask once; empty where the process ends instead."""
        process = self._running()
        assert process.stdin is not None
        try:
            process.stdin.write(question)
            process.stdin.flush()
            return self._lines.get(timeout=self._patience)
        except OSError:
            return ""
        except Empty:
            self._end()
            raise AnswerLate(
                f"this was not computed within {self._patience:.0f} s; {self._remedy}"
            ) from None

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None or self._process.poll() is not None:
            self._lines = SimpleQueue()
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=self._environment,
                text=True,
            )
            for work in (_hear, self._watch):
                arguments = (self._process, self._lines)
                threading.Thread(target=work, args=arguments, name="answering", daemon=True).start()
        return self._process

    def _watch(self, process: subprocess.Popen[str], lines: SimpleQueue[str]) -> None:
        """End the process once nobody has asked for long."""
        self._asked = time.monotonic()
        while process.poll() is None:
            rest = self._idle - (time.monotonic() - self._asked)
            if rest > 0:
                time.sleep(min(rest, 5.0))
                continue
            with self._turn:
                if process is self._process and time.monotonic() - self._asked >= self._idle:
                    self._end()

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()


def _hear(process: subprocess.Popen[str], lines: SimpleQueue[str]) -> None:
    """Pass the answers on; an empty one says that the process has ended."""
    assert process.stdout is not None
    for line in process.stdout:
        lines.put(line)
    lines.put("")
