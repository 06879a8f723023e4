"""Owns how processes live and die, and how those that answer do so.

A child never outlives its parent, and yields to people.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

from alcore.errors import AlcoreError

NICENESS = 10


def become_worker(niceness: int) -> None:
    """Prepare a worker process: low priority, deaf to Ctrl+C, gone when its parent is."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(os, "nice"):
        os.nice(niceness)
    if hasattr(os, "setsid"):
        # Linux shares the processor among sessions first: what this process uses shall not count
        # as used by the web process that started it.
        os.setsid()
    end_with_parent()


def answer_lines(answer: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Answer a question per line of input, in JSON, until the input closes."""
    for line in sys.stdin:
        print(json.dumps(reply(answer, json.loads(line))), flush=True)


def reply(
    answer: Callable[[dict[str, Any]], dict[str, Any]], question: dict[str, Any]
) -> dict[str, Any]:
    """Answer a question; a refusal is an answer too: what was wrong as "error", and its "kind"."""
    try:
        return answer(question)
    except AlcoreError as error:
        return {"error": str(error), "kind": type(error).__name__}


def end_with_parent() -> None:
    """Let this process end as soon as the one that spawned it does, even if that was killed.

    Otherwise one that hangs would stay for ever. Nothing happens in a process nobody spawned.
    """
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: multiprocessing.process.BaseProcess) -> None:
    parent.join()
    os._exit(1)
