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
LOCK_ON_A_SERVER = """
import psycopg, sys
connection = psycopg.connect(sys.argv[1])
turn = "hashtextextended('alcore ' || current_schema(), 0)"
connection.execute(f"SELECT pg_advisory_xact_lock({turn})")
tables = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
for (name,) in connection.execute(tables).fetchall():
    connection.execute(f'LOCK TABLE "{name}" IN EXCLUSIVE MODE')
print("locked", flush=True)
sys.stdin.read()
connection.rollback()
"""


@contextmanager
def locked(workspace: Workspace) -> Iterator[None]:
    """Hold the database as another program does that writes for long; who reads does not wait."""
    script, database = LOCK, str(workspace.database)
    if workspace.url:
        script, database = LOCK_ON_A_SERVER, workspace.url
    other = subprocess.Popen(
        [sys.executable, "-c", script, database],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert other.stdout.readline() == b"locked\n"
    try:
        yield
    finally:
        other.communicate()
