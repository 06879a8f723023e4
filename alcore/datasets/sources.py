"""Owns the way from a plain JSON description to a source of images."""

from __future__ import annotations

import concurrent.futures
import multiprocessing
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from alcore.config import Workspace, user_path
from alcore.datasets.addresses import AddressSource
from alcore.datasets.archives import DEFAULT_LIMIT_MB, ArchiveSource
from alcore.datasets.digits import DigitsSource
from alcore.datasets.entries import Entry, Listing, Source
from alcore.datasets.folders import FolderSource
from alcore.datasets.photographs import PhotographSource
from alcore.datasets.remote import RemoteSource, check
from alcore.datasets.remote_archives import RemoteArchive
from alcore.datasets.shapes import ShapesSource
from alcore.datasets.torchsets import KNOWN, TorchvisionSource
from alcore.errors import DatasetUnavailable, InvalidSettings

__all__ = ["Entry", "Listing", "Source", "SourceSummary", "open_source", "scan"]


@dataclass(frozen=True)
class SourceSummary:
    """What an import would find."""

    total: int
    """Files that look like images."""
    classes: dict[str, int]
    """Files per class, in order of the names."""
    layout: str
    has_test: bool
    notes: tuple[str, ...]
    unlabeled: int = 0
    """Files without a class."""


def here(spec: Mapping[str, Any], workspace: Workspace) -> dict[str, Any]:
    """Return a description as it holds here, of what may lie in another computer's workspace."""
    return {**spec, "path": workspace.here(str(spec["path"]))} if "path" in spec else dict(spec)


def open_source(spec: Mapping[str, Any]) -> Source:
    """Make a source of its description; nothing is read yet.

    Raises InvalidSettings for a description that cannot work.
    """
    kind = spec.get("kind")
    if not isinstance(kind, str) or kind not in _KINDS:
        raise InvalidSettings(f"no source called {kind!r}; choose from {', '.join(_KINDS)}")
    opener, known = _KINDS[kind]
    options = {key: value for key, value in spec.items() if key != "kind"}
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise InvalidSettings(
            f"{kind}: unknown setting {', '.join(unknown)}; known are {', '.join(known) or 'none'}"
        )
    return opener(**options)


def scan(spec: Mapping[str, Any]) -> SourceSummary:
    """Look at a source without importing it; raises as the import would.

    torchvision's data sets are looked at in a process of their own, since a web process must
    never import torch.
    """
    if spec.get("kind") == "torchvision":
        open_source(spec)
        spawn = multiprocessing.get_context("spawn")
        with concurrent.futures.ProcessPoolExecutor(1, mp_context=spawn) as executor:
            try:
                return executor.submit(_summarise, dict(spec)).result()
            except BrokenProcessPool as error:
                raise DatasetUnavailable(
                    f"the process that looked at {spec.get('name')} stopped; "
                    "there may be too little memory"
                ) from error
    return _summarise(spec)


def _summarise(spec: Mapping[str, Any]) -> SourceSummary:
    return summarise(open_source(spec).listing())


def summarise(listing: Listing) -> SourceSummary:
    """Count what a listing holds."""
    classes = [e.class_name for e in listing.entries if e.class_name is not None]
    skipped = len(listing.skipped)
    notes = listing.notes
    if skipped:
        first = listing.skipped[0]
        notes += (f"{skipped:,} left out, such as {first.name}: {first.reason}",)
    return SourceSummary(
        total=len(listing.entries),
        classes=dict(sorted(Counter(classes).items())),
        layout=listing.layout,
        has_test=any(entry.given_split == "test" for entry in listing.entries),
        notes=notes,
        unlabeled=len(listing.entries) - len(classes),
    )


def _folder(path: str = "", copy: bool = True, least: int = 2) -> FolderSource:
    return FolderSource(_path(path, "folder"), not copy, least)


def _archive(
    path: str = "", limit_mb: float = DEFAULT_LIMIT_MB, name: str = "", least: int = 2
) -> ArchiveSource:
    where = _path(path, "archive")
    return ArchiveSource(where, name or where.name, _limit(limit_mb), least)


def _torchvision(name: str = "", root: str = "", download: bool = False) -> TorchvisionSource:
    return TorchvisionSource(name, _path(root, "torchvision"), download)


def _photographs(path: str = "") -> PhotographSource:
    return PhotographSource(_path(path, "photographs"))


def _addresses(path: str = "", name: str = "") -> AddressSource:
    return AddressSource(_path(path, "addresses"), name)


def _remote(path: str = "", limit_mb: float = DEFAULT_LIMIT_MB) -> Source:
    address = check(path)
    if address.lower().endswith(".zip"):
        return RemoteArchive.at(address, _limit(limit_mb))
    return RemoteSource(address)


def _limit(limit_mb: object) -> float:
    if not isinstance(limit_mb, int | float) or not limit_mb > 0:
        raise InvalidSettings(f"archive: limit_mb is {limit_mb!r}; must be a number above 0")
    return limit_mb


def _path(text: str, kind: str) -> Path:
    if not isinstance(text, str) or not text.strip() or "\0" in text:
        raise InvalidSettings(f"{kind}: the path is {text!r}; name a folder or file")
    return user_path(text)


_KINDS: Mapping[str, tuple[Callable[..., Source], tuple[str, ...]]] = MappingProxyType(
    {
        "digits": (DigitsSource, ()),
        "shapes": (
            ShapesSource,
            (
                "size",
                "classes",
                "imbalance",
                "duplicates",
                "ambiguity",
                "shortcut",
                "swapped",
                "seed",
            ),
        ),
        "folder": (_folder, ("path", "copy", "least")),
        "archive": (_archive, ("path", "limit_mb", "name", "least")),
        "photographs": (_photographs, ("path",)),
        "remote": (_remote, ("path", "limit_mb")),
        "torchvision": (_torchvision, ("name", "root", "download")),
        "addresses": (_addresses, ("path", "name")),
    }
)
KINDS = tuple(_KINDS)
TORCHVISION_NAMES = MappingProxyType({name: known.title for name, known in KNOWN.items()})
