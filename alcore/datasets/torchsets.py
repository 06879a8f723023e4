"""Owns torchvision's data sets as a source: from a local copy, or downloaded when asked.

torch is imported inside functions only. Images are (N, H, W) grey or (N, H, W, 3) RGB uint8.
"""

from __future__ import annotations

import gzip
import shutil
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, get_args

import numpy as np

from alcore.datasets.encoding import png
from alcore.datasets.entries import Entry, GivenSplit, Listing
from alcore.errors import DatasetUnavailable, InvalidSettings


@dataclass(frozen=True)
class _Known:
    cls: str
    """Class in torchvision.datasets."""
    title: str
    folder: str
    """Where torchvision looks, below the root."""
    files: str
    by_split: bool = False
    """Asked for with split="train" instead of train=True."""
    options: tuple[tuple[str, str], ...] = ()


# What torchvision and its file readers raise on missing or damaged files.
_LOAD_ERRORS = (
    RuntimeError,
    OSError,
    ValueError,
    LookupError,
    EOFError,
    TypeError,
    AssertionError,
)
_IDX = "{}-images-idx3-ubyte and {}-labels-idx1-ubyte (.gz or unpacked)"
_MNIST_FILES = f"{_IDX.format('train', 'train')}, and the same two with t10k"
KNOWN: MappingProxyType[str, _Known] = MappingProxyType(
    {
        "mnist": _Known("MNIST", "MNIST", "MNIST/raw", _MNIST_FILES),
        "fashionmnist": _Known("FashionMNIST", "FashionMNIST", "FashionMNIST/raw", _MNIST_FILES),
        "kmnist": _Known("KMNIST", "KMNIST", "KMNIST/raw", _MNIST_FILES),
        "emnist": _Known(
            "EMNIST",
            "EMNIST (balanced)",
            "EMNIST/raw",
            _IDX.format("emnist-balanced-train", "emnist-balanced-train")
            + ", and the same two with test",
            options=(("split", "balanced"),),
        ),
        "cifar10": _Known(
            "CIFAR10",
            "CIFAR-10",
            "cifar-10-batches-py",
            "data_batch_1 to data_batch_5, test_batch and batches.meta from cifar-10-python.tar.gz",
        ),
        "cifar100": _Known(
            "CIFAR100",
            "CIFAR-100",
            "cifar-100-python",
            "train, test and meta from cifar-100-python.tar.gz",
        ),
        "svhn": _Known("SVHN", "SVHN", ".", "train_32x32.mat and test_32x32.mat", by_split=True),
        "stl10": _Known(
            "STL10",
            "STL-10",
            "stl10_binary",
            "train_X.bin, train_y.bin, unlabeled_X.bin, test_X.bin, test_y.bin and "
            "class_names.txt from stl10_binary.tar.gz",
            by_split=True,
        ),
    }
)


@dataclass
class TorchvisionSource:
    """One of torchvision's data sets; its test images are the given test split."""

    name: str
    root: Path
    download: bool = False
    kind: str = "torchvision"
    in_place: bool = False
    # The images are in memory once loaded; workers would each load them again.
    inline_below: float = float("inf")

    def __post_init__(self) -> None:
        if self.name not in KNOWN:
            raise InvalidSettings(
                f"no torchvision data set called {self.name!r}; choose from {', '.join(KNOWN)}"
            )

    @cached_property
    def _parts(self) -> dict[GivenSplit, tuple[np.ndarray, list[str]]]:
        """Images and class names of "train" and "test"."""
        return {split: _arrays(self._load(split)) for split in get_args(GivenSplit)}

    def listing(self) -> Listing:
        """List all images; raises DatasetUnavailable when they cannot be had."""
        return Listing(self.entries(), "train/test, class folders")

    def entries(self) -> list[Entry]:
        return [
            Entry(f"{self.name}/{split}/{row + 1:05}.png", name, split, (split, row))
            for split, (_, names) in self._parts.items()
            for row, name in enumerate(names)
        ]

    def read(self, entry: Entry) -> bytes:
        split, row = entry.handle
        return png(self._parts[split][0][row])

    def path_of(self, entry: Entry) -> None:
        return None

    def _load(self, split: str) -> Any:
        try:
            from torchvision import datasets
        except ImportError as error:
            raise DatasetUnavailable(
                "torchvision is not installed; run pip install torchvision"
            ) from error
        known = KNOWN[self.name]
        part = {"split": split} if known.by_split else {"train": split == "train"}
        _unpack(self.root / known.folder)
        try:
            return getattr(datasets, known.cls)(
                self.root, **part, **dict(known.options), download=self.download
            )
        except _LOAD_ERRORS as error:
            raise DatasetUnavailable(self._missing(known, str(error))) from error

    def _missing(self, known: _Known, why: str) -> str:
        folder = (self.root / known.folder).resolve()
        here = f"no usable copy of {known.title} in {folder}: put {known.files} there"
        if self.download:
            return f"{known.title} could not be downloaded ({why.strip()}), and there is {here}"
        return f"{here}, or allow the download (needs a network)"


def _unpack(folder: Path) -> None:
    """Unpack the .gz files that MNIST is handed around in; torchvision reads unpacked ones."""
    for packed in folder.glob("*-ubyte.gz"):
        unpacked = packed.with_suffix("")
        if unpacked.exists():
            continue
        temporary = unpacked.with_suffix(".tmp")
        try:
            with gzip.open(packed) as source, temporary.open("wb") as target:
                shutil.copyfileobj(source, target)
            temporary.replace(unpacked)
        except (OSError, EOFError, zlib.error) as error:
            temporary.unlink(missing_ok=True)
            raise DatasetUnavailable(f"{packed} cannot be unpacked: {error}") from error


def _arrays(data: Any) -> tuple[np.ndarray, list[str]]:
    """Images and a class name for each, out of a torchvision data set."""
    images = np.asarray(data.data)
    kind = type(data).__name__
    if kind == "EMNIST":
        # The files hold each character mirrored along its diagonal.
        images = images.transpose(0, 2, 1)
    elif images.ndim == 4 and images.shape[1] == 3:
        images = images.transpose(0, 2, 3, 1)
    targets = np.asarray(data.targets if hasattr(data, "targets") else data.labels)
    names = _class_names(data, kind, int(targets.max()) + 1)
    return np.ascontiguousarray(images), [names[t] for t in targets.tolist()]


def _class_names(data: Any, kind: str, count: int) -> Sequence[str]:
    if kind == "MNIST" or not hasattr(data, "classes"):
        # MNIST calls its classes "0 - zero" and SVHN has no names: the digit is enough.
        return [str(digit) for digit in range(count)]
    return data.classes
