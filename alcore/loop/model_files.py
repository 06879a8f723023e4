"""Owns where a project's packed model lies."""

from __future__ import annotations

from pathlib import Path


def package(folder: Path, number: int) -> Path:
    """Name the zip of a round's model in its project's folder."""
    return folder / "exports" / f"model-{number:04d}.zip"
