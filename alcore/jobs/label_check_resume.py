"""Owns what a label check that made room for a training knows so far, so that it can go on.

One file per project: the labels it began with, and what each finished network says of them.
"""

from __future__ import annotations

import os
import zipfile
from dataclasses import dataclass, field, fields
from pathlib import Path

import numpy as np
import structlog

from alcore.store.label_checks import Judged

_NAME = "label check.npz"

log = structlog.get_logger()


@dataclass
class LabelCheckProgress:
    """A label check on its way."""

    path: Path
    judged: Judged
    recipe: str
    """All that its networks are trained with besides the labels."""
    probabilities: dict[int, np.ndarray] = field(default_factory=dict)
    """(L, C) by fold."""

    def keep(self, fold: int, probabilities: np.ndarray) -> bool:
        """Add what a network says, (L, C), and write all to the file; tell whether that worked."""
        self.probabilities[fold] = probabilities
        part = self.path.with_suffix(f".{os.getpid()}")
        try:
            with part.open("wb") as file:
                np.savez(
                    file,
                    allow_pickle=False,
                    recipe=np.array(self.recipe),
                    **vars(self.judged),
                    **{f"fold {k}": answers for k, answers in self.probabilities.items()},
                )
            part.replace(self.path)
            return True
        except OSError as error:  # then an interrupted check begins anew
            log.warning("label check not kept", error=type(error).__name__, number=error.errno)
            part.unlink(missing_ok=True)
            return False

    def forget(self) -> None:
        """Remove the file: the check is finished."""
        self.path.unlink(missing_ok=True)


def resume(folder: Path, judged: Judged, recipe: str) -> LabelCheckProgress:
    """Return the label check that a project's folder holds, or a new one of these labels.

    It goes on where all its labels still count and its recipe is the same; labels that came
    since wait for the next one.
    """
    path = folder / _NAME
    new = LabelCheckProgress(path, judged, recipe)
    try:
        with np.load(path, allow_pickle=False) as arrays:
            judged_before = Judged(**{part.name: arrays[part.name] for part in fields(Judged)})
            probabilities = {
                int(name.split()[1]): arrays[name] for name in arrays if name.startswith("fold ")
            }
            same = str(arrays["recipe"]) == recipe
    except FileNotFoundError:
        return new
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):  # cut off by a crash
        return new
    if not same or not np.isin(judged_before.event_ids, judged.event_ids).all():
        return new
    return LabelCheckProgress(path, judged_before, recipe, probabilities)
