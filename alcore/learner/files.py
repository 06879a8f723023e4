"""Owns files of tensors: safetensors, never pickle, with a description in JSON.

A file appears whole or not at all: it is written beside its place, flushed to disk, renamed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from torch import Tensor

from alcore import disk
from alcore.errors import CheckpointMismatch


def write(path: Path, tensors: Mapping[str, Tensor], form: str, about: Mapping[str, Any]) -> None:
    """Write tensors and what they are; whatever happens, an older file there is whole.

    Raises WorkspaceUnusable where the disk is full or cannot be written.
    """
    path = Path(path)
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    raw = safetensors.torch.save(plain, {"format": form, "model": json.dumps(about)})
    beside = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        _write(beside, raw)
        os.replace(beside, path)
        disk.sync_names(path.parent)
    except OSError as error:
        raise disk.unusable(path, error) from error
    finally:
        with suppress(OSError):  # there is nothing left after the renaming
            beside.unlink()


def read(path: Path, form: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the tensors of a file and what it says of them.

    Raises CheckpointMismatch for a missing or damaged file and for another format.
    """
    path = Path(path)
    try:
        with safetensors.safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError as error:
        raise CheckpointMismatch(f"there is no checkpoint {path.name}") from error
    except (safetensors.SafetensorError, OSError) as error:
        raise CheckpointMismatch(f"checkpoint {path.name} is damaged: {error}") from error
    if metadata.get("format") != form:
        raise CheckpointMismatch(
            f"{path.name} has format {metadata.get('format')!r}; must be {form!r}"
        )
    try:
        return tensors, dict(json.loads(metadata["model"]))
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointMismatch(f"checkpoint {path.name} says nothing of itself") from error


def form_of(path: Path) -> str | None:
    """Return which format a file of tensors says it has; None where it says nothing.

    Raises CheckpointMismatch for a missing or damaged file.
    """
    path = Path(path)
    try:
        with safetensors.safe_open(path, "pt") as file:
            return (file.metadata() or {}).get("format")
    except FileNotFoundError as error:
        raise CheckpointMismatch(f"there is no checkpoint {path.name}") from error
    except (safetensors.SafetensorError, OSError) as error:
        raise CheckpointMismatch(f"checkpoint {path.name} is damaged: {error}") from error


def check(tensors: Mapping[str, Tensor], expected: Mapping[str, Tensor], name: str) -> None:
    """Raise CheckpointMismatch naming what is missing, unknown or of another shape."""
    if missing := sorted(set(expected) - set(tensors)):
        raise CheckpointMismatch(f"{name} lacks {', '.join(missing[:5])}")
    if extra := sorted(set(tensors) - set(expected)):
        raise CheckpointMismatch(f"{name} has unknown {', '.join(extra[:5])}")
    for key, tensor in tensors.items():
        if tensor.shape != expected[key].shape:
            raise CheckpointMismatch(
                f"{key} in {name} has shape {tuple(tensor.shape)}; "
                f"must be {tuple(expected[key].shape)}"
            )


def _write(path: Path, raw: bytes) -> None:
    with open(path, "wb") as file:
        file.write(raw)
        disk.sync(file)
