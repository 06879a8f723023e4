"""Owns another program that holds the database. It must be a process: locks bind no others."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from alcore.config import Workspace

LOCK = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=600)
connection.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
sys.stdin.read()
connection.execute("ROLLBACK")
"""


@contextmanager
def locked(workspace: Workspace) -> Iterator[None]:
    """Hold the database as another program does that writes for long."""
    other = subprocess.Popen(
        [sys.executable, "-c", LOCK, str(workspace.database)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert other.stdout.readline() == b"locked\n"
    try:
        yield
    finally:
        other.communicate()
