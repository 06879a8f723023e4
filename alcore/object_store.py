"""Owns objects in a bucket, or in what else fsspec speaks: none has a name that another had.

An object is written once and never changed, so that whoever reads its name reads its content.
Sizes in bytes.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from alcore.errors import FilesUnreachable, InvalidSettings, ObjectMissing
from alcore.filesystems import open_filesystem, protocol_of

TRIES = 3
PAUSE = 0.5
"""Seconds before the second try; twice as long before each further one."""
_OPTIONS: dict[str, dict[str, Any]] = {
    "file": {"auto_mkdir": True},
    "s3": {"config_kwargs": {"connect_timeout": 5, "read_timeout": 60}},
}


@dataclass(frozen=True)
class Stored:
    """An object as it is listed."""

    size: int
    written_at: float
    """In Unix seconds; 0 where the service does not say."""


class ObjectStore:
    """The objects below one address, such as s3://bucket/prefix."""

    def __init__(self, address: str) -> None:
        self.address = address.rstrip("/")
        self.protocol = protocol_of(self.address)
        self._opening = threading.Lock()

    def new_name(self) -> str:
        """Draw the name of an object that there never was."""
        return secrets.token_hex(16)

    def put(self, name: str, data: bytes) -> None:
        """Write an object whole. Raises FilesUnreachable."""
        self._tried("written", lambda: self._service.pipe_file(self._place(name), data))

    def get(self, name: str) -> bytes:
        """Read an object. Raises ObjectMissing, FilesUnreachable."""
        data: bytes = self._tried("read", lambda: self._service.cat_file(self._place(name)))
        return data

    def remove(self, names: Iterable[str]) -> None:
        """Delete objects, also where some are gone already. Raises FilesUnreachable."""
        for name in names:
            try:
                self._tried("deleted", lambda name=name: self._service.rm_file(self._place(name)))
            except ObjectMissing:
                continue

    def listed(self) -> dict[str, Stored]:
        """List all objects by name. Raises FilesUnreachable."""
        try:
            files: dict[str, dict[str, Any]] = self._tried(
                "listed", lambda: self._service.find(self._root, detail=True)
            )
        except ObjectMissing:
            return {}
        return {
            path.rpartition("/")[2]: Stored(int(about.get("size") or 0), _written_at(about))
            for path, about in files.items()
        }

    def _place(self, name: str) -> str:
        """Name where an object lies: in one of 256 folders, as file systems like it."""
        return f"{self._root}/{name[:2]}/{name}"

    @cached_property
    def _root(self) -> str:
        root: str = self._service._strip_protocol(self.address)
        return root.rstrip("/")

    @property
    def _service(self) -> Any:
        with self._opening:
            return self._opened

    @cached_property
    def _opened(self) -> Any:
        """What fsspec has for the protocol. Raises InvalidSettings, FilesUnreachable."""
        try:
            options = _OPTIONS.get(self.protocol, {})
            return open_filesystem(self.protocol, FilesUnreachable, **options)
        except (FilesUnreachable, InvalidSettings) as error:
            raise type(error)(f"ALCORE_FILES is {self.address}: {error}") from error
        except Exception as error:  # some services look for credentials here
            raise self._unreachable("opened", error) from error

    def _tried(self, done: str, act: Any) -> Any:
        """Do something, a few times where the service fails in passing."""
        for attempt in range(TRIES):
            try:
                return act()
            except (FilesUnreachable, InvalidSettings):
                raise
            except FileNotFoundError as error:
                if done == "written":
                    raise self._unreachable(done, error) from error
                raise ObjectMissing(f"there is no such object in {self.address}") from error
            except PermissionError as error:
                raise self._unreachable(done, error) from error
            except Exception as error:  # each service raises errors of its own
                if attempt == TRIES - 1 or _is_about_credentials(error):
                    raise self._unreachable(done, error) from error
                time.sleep(PAUSE * 2**attempt)
        raise AssertionError("unreachable")

    def _unreachable(self, done: str, error: Exception) -> FilesUnreachable:
        if isinstance(error, PermissionError):
            return FilesUnreachable(
                f"files in {self.address} may not be {done} with these credentials; give the "
                "right to list, read, write and delete there"
            )
        if isinstance(error, FileNotFoundError):
            return FilesUnreachable(
                f"there is no place {self.address}; make the bucket, or look at the spelling of "
                "ALCORE_FILES"
            )
        if _is_about_credentials(error):
            return FilesUnreachable(
                f"there are no credentials for {self.address}; give them by the environment, for "
                "S3 as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            )
        return FilesUnreachable(
            f"files cannot be {done} in {self.address} now ({type(error).__name__}); this is "
            "tried again, and what is in stays"
        )


def _is_about_credentials(error: BaseException | None) -> bool:
    while error is not None:
        if "Credentials" in type(error).__name__:
            return True
        error = error.__cause__
    return False


def _written_at(about: dict[str, Any]) -> float:
    at = about.get("LastModified") or about.get("updated") or about.get("mtime") or 0.0
    return float(at.timestamp()) if hasattr(at, "timestamp") else float(at)
