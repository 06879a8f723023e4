"""Owns what a review that made room for a training has found so far, so that it can go on.

One file per project: the labels it was begun with, and what each finished network says of them.
"""

from __future__ import annotations

import logging
import os
import zipfile
from dataclasses import dataclass, field, fields
from pathlib import Path

import numpy as np

from alcore.store.opinions import Judged

_NAME = "unfinished review.npz"

log = logging.getLogger(__name__)


@dataclass
class Unfinished:
    """A review on its way."""

    path: Path
    judged: Judged
    recipe: str
    """All that its networks are trained with besides the labels."""
    said: dict[int, np.ndarray] = field(default_factory=dict)
    """(L, C) by fold."""

    def keep(self, fold: int, said: np.ndarray) -> None:
        """Add what a network says, and write all to the file."""
        self.said[fold] = said
        part = self.path.with_suffix(f".{os.getpid()}")
        try:
            with part.open("wb") as file:
                np.savez(
                    file,
                    recipe=np.array(self.recipe),
                    **vars(self.judged),
                    **{f"said {k}": answers for k, answers in self.said.items()},
                )
            part.replace(self.path)
        except OSError as error:  # then an interrupted review begins anew
            log.warning("a review cannot keep what it found: %s", error)
            part.unlink(missing_ok=True)

    def forget(self) -> None:
        """Remove the file: the review is finished."""
        self.path.unlink(missing_ok=True)


def begin(folder: Path, judged: Judged, recipe: str) -> Unfinished:
    """Return the review of a project's folder that was begun, or a new one of these labels.

    It goes on where all its labels still count and its recipe is the same; labels that came
    since wait for the next one.
    """
    path = folder / _NAME
    fresh = Unfinished(path, judged, recipe)
    try:
        with np.load(path, allow_pickle=False) as arrays:
            begun = Judged(**{part.name: arrays[part.name] for part in fields(Judged)})
            said = {
                int(name.split()[1]): arrays[name] for name in arrays if name.startswith("said ")
            }
            same = str(arrays["recipe"]) == recipe
    except FileNotFoundError:
        return fresh
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):  # cut off by a crash
        return fresh
    if not same or not np.isin(begun.event_ids, judged.event_ids).all():
        return fresh
    return Unfinished(path, begun, recipe, said)
