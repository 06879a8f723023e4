"""Owns which folders and files of the server a page may name.

Whoever opens a page is not whoever owns the server's disk: beyond loopback only listed folders
can be named, and of any other path nothing is said, not even whether it is there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alcore.config import ProjectSettings, Workspace, user_path
from alcore.errors import InvalidSettings, NotAllowed


@dataclass(frozen=True)
class Folders:
    """What a page may name."""

    listed: tuple[Path, ...] | None = None
    """Folders, resolved, below which all may be named; None: everything."""

    @property
    def closed(self) -> bool:
        """Nothing of the server can be named."""
        return self.listed == ()

    def check(self, path: str) -> None:
        """Raise NotAllowed for a path that may not be named, whether or not it is there."""
        if self.listed is None:
            return
        try:
            place = user_path(path).resolve()
        except (InvalidSettings, OSError, ValueError):  # nobody's home, a loop, a null character
            place = None
        if place is None or not any(place.is_relative_to(folder) for folder in self.listed):
            raise NotAllowed(self._instead())

    def _instead(self) -> str:
        if self.closed:
            return (
                "pages of this app name no folder or file of the server; upload an archive, or "
                "ask whoever runs it to list folders in ALCORE_FOLDERS"
            )
        where = ", ".join(map(str, self.listed or ()))
        return f"that lies outside of what pages of this app may name; choose below {where}"


def check_source(folders: Folders, spec: Mapping[str, Any], workspace: Workspace) -> None:
    """Raise NotAllowed for a source in a place that may not be named; uploads may be."""
    place = spec.get("path", spec.get("root"))
    if place is None or _is_upload(str(place), workspace):
        return
    folders.check(str(place))


def check_settings(folders: Folders, settings: ProjectSettings) -> None:
    """Raise NotAllowed for weights in a file that may not be named."""
    if settings.learner.weights == "file":
        folders.check(settings.learner.weights_file)
    if settings.learner.extractor_file:
        folders.check(settings.learner.extractor_file)


def _is_upload(path: str, workspace: Workspace) -> bool:
    return Path(path).resolve().parent == workspace.uploads.resolve()
