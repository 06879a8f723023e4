"""Owns ready projects: sources that need no path, of which a copy is there or can be made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alcore.config import Workspace
from alcore.datasets.torchsets import KNOWN
from alcore.errors import NotAllowed
from alcore.services.folders import Folders, check_source

DATA_SETS = {
    "fashionmnist": "70,000 grey images of clothes, 28 pixels a side, ten classes",
    "cifar10": "60,000 small photographs of animals and vehicles, ten classes",
}
"""Data sets that suit a first project, with a sentence each."""
ELSEWHERE = Path("~/datasets")
"""Where copies are looked for besides the workspace."""


@dataclass(frozen=True)
class Ready:
    """One source that can be had at a press."""

    title: str
    sentence: str
    spec: dict[str, Any]


SHORTCUT = Ready(
    "Shapes with a shortcut",
    "600 drawn shapes whose background tells the class: a model that is right for a wrong reason",
    {"kind": "shapes", "size": 600, "classes": 4, "shortcut": 1.0},
)


def offers(workspace: Workspace, folders: Folders) -> list[Ready]:
    """List what can be had here at once, as far as pages may name it."""
    offered = [SHORTCUT]
    for ready in _copies(workspace):
        try:
            check_source(folders, ready.spec, workspace)
        except NotAllowed:
            continue
        offered.append(ready)
    return offered


def missing(offered: list[Ready]) -> list[str]:
    """Name the data sets of which there is no copy, with where one would be found."""
    there = {ready.title for ready in offered}
    return [
        f"{KNOWN[name].title}: {name}.zip with one folder per class, or {KNOWN[name].folder} as "
        "torchvision keeps it"
        for name in DATA_SETS
        if KNOWN[name].title not in there
    ]


def _copies(workspace: Workspace) -> Iterator[Ready]:
    """Find the first copy of each data set, in torchvision's layout or as an archive."""
    for name, sentence in DATA_SETS.items():
        for root in (workspace.root, workspace.root / "datasets", ELSEWHERE.expanduser()):
            archive = root / f"{name}.zip"
            if _has_files(root / KNOWN[name].folder):
                spec = {"kind": "torchvision", "name": name, "root": str(root), "download": False}
            elif archive.is_file():
                spec = {"kind": "archive", "path": str(archive)}
            else:
                continue
            yield Ready(KNOWN[name].title, sentence, spec)
            break


def _has_files(folder: Path) -> bool:
    return folder.is_dir() and any(path.is_file() for path in folder.iterdir())
