"""Owns which folders and files of the server a page may name.

Whoever opens a page is not whoever owns the server's disk: beyond loopback only listed folders
can be named, and of any other path nothing is said, not even whether it is there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from alcore.config import ProjectSettings, Workspace, user_path
from alcore.datasets import addresses, remote
from alcore.errors import InvalidSettings, NotAllowed


@dataclass(frozen=True)
class Folders:
    """What a page may name."""

    listed: tuple[Path, ...] | None = None
    """Folders, resolved, below which all may be named; None: everything."""
    remote: tuple[str, ...] | None = None
    """Addresses, such as s3://bucket/folder, below which all may be named; None: everything."""

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

    @property
    def closed_remotely(self) -> bool:
        """No bucket or server can be named."""
        return self.remote == ()

    def check_remote(self, address: str) -> None:
        """Raise NotAllowed for an address that may not be named, InvalidSettings for none."""
        if self.remote is None:
            return
        place = remote.check(address) + "/"
        if not any(place.startswith(f"{remote.check(known)}/") for known in self.remote):
            where = ", ".join(self.remote) or "nothing"
            raise NotAllowed(
                "pages of this app name no such address; whoever runs it lists what may be named "
                f"in ALCORE_REMOTE, which has {where}"
            )

    def check_address(self, address: str) -> None:
        """Raise NotAllowed for the address of an image that may not be named."""
        if self.remote is None:
            return
        parts = urlsplit(address)
        place = f"{parts.scheme}://{parts.netloc}{parts.path}/"
        if not any(place.startswith(f"{remote.check(known)}/") for known in self.remote):
            where = ", ".join(self.remote) or "nothing"
            raise NotAllowed(
                f"{parts.hostname} is no server that pages of this app name; whoever runs it lists "
                f"them in ALCORE_REMOTE, which has {where}"
            )

    def _instead(self) -> str:
        if self.closed:
            return (
                "pages of this app name no folder or file of the server; upload an archive, or "
                "ask whoever runs it to list folders in ALCORE_FOLDERS"
            )
        where = ", ".join(map(str, self.listed or ()))
        return f"that lies outside of what pages of this app may name; choose below {where}"


ANYWHERE = Folders()
"""Whoever types commands may name everything."""


def check_source(folders: Folders, spec: Mapping[str, Any], workspace: Workspace) -> None:
    """Raise NotAllowed for a source in a place that may not be named; uploads may be."""
    place = spec.get("path", spec.get("root"))
    if spec.get("kind") == "remote":
        return folders.check_remote(str(place))
    if place is None:
        return
    if not _is_upload(str(place), workspace):
        folders.check(str(place))
    if spec.get("kind") == "addresses" and folders.remote is not None:
        for address in addresses.of_list(user_path(str(place))).addresses:
            folders.check_address(address.text)


def check_settings(folders: Folders, settings: ProjectSettings) -> None:
    """Raise NotAllowed for weights in a file that may not be named."""
    if settings.learner.weights == "file":
        folders.check(settings.learner.weights_file)
    if settings.learner.extractor_file:
        folders.check(settings.learner.extractor_file)


def _is_upload(path: str, workspace: Workspace) -> bool:
    return Path(path).resolve().parent == workspace.uploads.resolve()
