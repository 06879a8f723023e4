"""Owns the images of experiments: any source, decoded once, as one table on disk.

N images, (N, H, W, 3) uint8; classes are positions 0 … C − 1; shares are 0–1.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from alcore.config import RESOLUTIONS
from alcore.datasets.archives import without_zip
from alcore.datasets.decoding import decode_pixels
from alcore.datasets.entries import Entry
from alcore.datasets.measuring import scale_of
from alcore.datasets.sources import KINDS, open_source
from alcore.datasets.workers import Examined, examine_all
from alcore.errors import InvalidSettings, WorkspaceUnusable
from alcore.experiments.options import between, unknown

PROJECT = "project"
_SIDES = {"digits": 8, "shapes": 32}
_INLINE = 3_000
"""Generated images up to which decoding here is quicker than starting processes."""


@dataclass(frozen=True)
class DataSpec:
    """A data set and what is done to it."""

    source: Mapping[str, Any]
    """As for an import: kind and its settings; or kind "project" and the project's name."""
    name: str = ""
    resolution: int = 0
    """0 takes what suits the source."""
    items: int = 0
    """Pool items that a trial takes at random; 0 for all."""
    holdout: float = 0.2
    """Share of the items, or above 1 their number; a source with a test part holds that out."""
    long_tail: float = 1.0
    """Items of the first class over those of the last; 1 leaves them as they are."""
    duplicates: float = 0.0
    """Share of the pool that are near-duplicates of the rest."""
    noise: float = 0.0
    """Deviation of noise on all images, in grey levels of 255."""

    def __post_init__(self) -> None:
        kind = self.source.get("kind")
        if kind not in (*KINDS, PROJECT):
            raise unknown("data source", kind, (*KINDS, PROJECT))
        if kind == PROJECT and not self.source.get("name"):
            raise InvalidSettings("the data source 'project' needs the project's name")
        if kind != PROJECT:
            open_source(self.source)
        what = f"of the data set {self.title!r}"
        if self.resolution not in (0, *RESOLUTIONS):
            raise InvalidSettings(
                f"the resolution {what} is {self.resolution}; "
                f"choose from {', '.join(map(str, RESOLUTIONS))}"
            )
        between(f"the number of items {what}", self.items, 0, 10**7)
        between(f"the holdout {what}", self.holdout, 1e-6, 10**7)
        between(f"the long tail {what}", self.long_tail, 1, 10_000)
        between(f"the share of duplicates {what}", self.duplicates, 0, 0.95)
        between(f"the noise {what}", self.noise, 0, 128)

    @property
    def title(self) -> str:
        """How the data set is called in tables and figures."""
        if self.name:
            return self.name
        name = str(self.source.get("name") or self.source.get("kind"))
        if self.source.get("path"):
            name = without_zip(Path(str(self.source["path"])).name)
        changes = [
            text
            for changed, text in (
                (self.long_tail != 1, f"long tail {self.long_tail:g}"),
                (self.duplicates > 0, f"{self.duplicates:.0%} duplicates"),
                (self.noise > 0, f"noise {self.noise:g}"),
                (self.items > 0, f"{self.items:,} items"),
            )
            if changed
        ]
        return ", ".join([name, *changes])

    @property
    def side(self) -> int:
        return self.resolution or _SIDES.get(str(self.source.get("kind")), 32)

    @property
    def changes_pixels(self) -> bool:
        return self.duplicates > 0 or self.noise > 0

    @property
    def key(self) -> str:
        """Name of the table on disk: it changes with the source and the resolution only."""
        about: dict[str, Any] = {"source": dict(self.source), "side": self.side}
        path = self.source.get("path")
        if path and os.path.exists(path):
            state = os.stat(path)
            about["file"] = [state.st_size, int(state.st_mtime)]
        digest = blake2b(json.dumps(about, sort_keys=True).encode(), digest_size=8).hexdigest()
        return f"{self.source['kind']}-{digest}"


@dataclass(frozen=True)
class Table:
    """All images of a source."""

    pixels: np.ndarray
    classes: np.ndarray
    """(N,) int64."""
    test: np.ndarray
    """(N,) bool: the part that the source itself holds out; all False where it has none."""
    class_names: tuple[str, ...]
    channels: int


def prepare(spec: DataSpec, folder: Path, workers: int = 0) -> Path:
    """Decode a source into a table under a folder, once; return where it lies.

    Raises InvalidSettings where there is no answer key. Projects are put there by whoever may
    read them.
    """
    where = Path(folder) / spec.key
    if not (where / "about.json").exists():
        if spec.source["kind"] == PROJECT:
            raise InvalidSettings(
                f"the images of the project {spec.source['name']!r} are not on this machine; "
                "run where the workspace is, or give a data source that every machine can read"
            )
        save(where, _decode(spec, workers))
    return where


def save(where: Path, table: Table) -> None:
    """Write a table, whole or not at all; one that is there already stays.

    Raises InvalidSettings where fewer than two classes are known, WorkspaceUnusable where the
    disk is full.
    """
    if len(np.unique(table.classes)) < 2:
        raise InvalidSettings(
            "the data set has no answer key: experiments need images of at least two known "
            "classes, such as one folder per class"
        )
    beside = where.with_name(f"{where.name}.{os.getpid()}.part")
    about = {"class_names": table.class_names, "channels": table.channels}
    try:
        beside.mkdir(parents=True, exist_ok=True)
        for name in ("pixels", "classes", "test"):
            np.save(beside / f"{name}.npy", getattr(table, name), allow_pickle=False)
        (beside / "about.json").write_text(json.dumps(about), encoding="utf-8")
        if not where.exists():
            beside.replace(where)
    except OSError as error:
        if not where.exists():
            raise WorkspaceUnusable(
                f"cannot write the images of the experiment to {where}: "
                f"{error.strerror or error}; make room and start again"
            ) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


@lru_cache(maxsize=8)
def load(where: Path) -> Table:
    """Map a table that was saved."""
    about = json.loads((where / "about.json").read_text(encoding="utf-8"))
    arrays = {
        name: np.load(where / f"{name}.npy", mmap_mode="r" if name == "pixels" else None,
                      allow_pickle=False)
        for name in ("pixels", "classes", "test")
    }  # fmt: skip
    return Table(**arrays, class_names=tuple(about["class_names"]), channels=about["channels"])


def to_json(spec: DataSpec) -> dict[str, Any]:
    """Return the spec as plain JSON."""
    return {**asdict(spec), "source": dict(spec.source)}


def _decode(spec: DataSpec, workers: int) -> Table:
    source = open_source(spec.source)
    entries = [e for e in source.listing().entries if e.class_name is not None]
    scale = scale_of(source, entries)
    names = sorted({e.class_name for e in entries if e.class_name is not None})
    place = {name: i for i, name in enumerate(names)}
    images: list[Entry] = []
    pixels: list[np.ndarray] = []
    grey = True
    if source.kind in _SIDES and len(entries) <= _INLINE:
        for entry in entries:
            reduced = decode_pixels(source.read(entry), spec.side)
            images.append(entry)
            pixels.append(reduced.pixels)
            grey &= reduced.grey
    else:
        for batch in examine_all(source, entries, spec.side, max(1, workers), scale):
            for result in batch:
                if isinstance(result, Examined):
                    images.append(result.entry)
                    pixels.append(result.reduced.pixels)
                    grey &= result.reduced.grey
    return Table(
        pixels=np.stack(pixels) if pixels else np.zeros((0, spec.side, spec.side, 3), np.uint8),
        classes=np.array(
            [place[e.class_name] for e in images if e.class_name is not None], np.int64
        ),
        test=np.array([e.given_split == "test" for e in images], bool),
        class_names=tuple(names),
        channels=1 if grey else 3,
    )
