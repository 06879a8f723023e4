"""Owns scikit-learn's handwritten digits as a source: 1,797 grey images of 8×8 pixels.

The packaged file is read without importing scikit-learn, which would cost a second and 60 MB.
"""

from __future__ import annotations

import gzip
import importlib.util
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from alcore.datasets.encoding import png
from alcore.datasets.entries import Entry, Listing
from alcore.errors import DatasetUnavailable


@dataclass
class DigitsSource:
    """The default data set, embedded in scikit-learn."""

    kind: str = "digits"
    in_place: bool = False
    inline_below: float = float("inf")

    @cached_property
    def _table(self) -> np.ndarray:
        """(1797, 65) uint8: 64 grey values 0–16, then the digit."""
        spec = importlib.util.find_spec("sklearn")
        where = Path(spec.origin).parent if spec and spec.origin else None
        file = where / "datasets" / "data" / "digits.csv.gz" if where else None
        if file is None or not file.is_file():
            raise DatasetUnavailable(
                "the digits come with scikit-learn, which is not installed; "
                "run pip install scikit-learn"
            )
        with gzip.open(file, "rt") as lines:
            return np.loadtxt(lines, delimiter=",", dtype=np.uint8)

    def listing(self) -> Listing:
        return Listing(self.entries(), "class folders")

    def entries(self) -> list[Entry]:
        return [
            Entry(f"digits/{row + 1:04}.png", str(digit), None, row)
            for row, digit in enumerate(self._table[:, -1])
        ]

    def read(self, entry: Entry) -> bytes:
        grey = np.rint(self._table[entry.handle, :64] * (255 / 16)).astype(np.uint8)
        return png(grey.reshape(8, 8))

    def path_of(self, entry: Entry) -> None:
        return None
