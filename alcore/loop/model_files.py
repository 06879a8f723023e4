"""Owns where a project's packed model lies."""

from __future__ import annotations

from pathlib import Path


def package(folder: Path, number: int, class_change: int = 0) -> Path:
    """Name the zip of a round's model in its project's folder.

    class_change: the newest change of classes, after which a model is packed anew.
    """
    classes = f"-classes-{class_change}" if class_change else ""
    return folder / "exports" / f"model-{number:04d}{classes}.zip"
