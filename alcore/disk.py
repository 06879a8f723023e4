"""Owns how files are made to survive a power cut."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO


def sync(file: IO[bytes]) -> None:
    """Wait until all that was written to a file is on the disk. Raises OSError."""
    file.flush()
    os.fsync(file.fileno())


def sync_names(folder: Path) -> None:
    """Wait until new names and renamings in a folder are on the disk; Windows has no such call.

    Raises OSError.
    """
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
