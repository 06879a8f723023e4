"""Owns the files that several computers share by an object store; each has a local copy.

Writers upload what has changed, and say so by rows in the transaction that commits whatever refers
to it. Readers ask for a project's folder; what their copy lacks, or has shorter than the rows say,
is fetched first, by one process at a time. Without an object store the folder is all there is.

What a local copy has is noted beside it, by object: an append-only file that begins with the same
objects gets what is missing at its end, any other file is replaced whole. Sizes in bytes.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from contextvars import ContextVar
from dataclasses import asdict, dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import IO

import structlog
from filelock import FileLock
from sqlalchemy import Connection

from alcore import disk
from alcore.config import Workspace
from alcore.errors import FilesUnreachable, NoRoom, ObjectMissing, WorkspaceBusy
from alcore.object_store import ObjectStore
from alcore.store import stored_files
from alcore.store.stored_files import Part, Parts

PART = 32_000_000
"""Bytes of an object, at most: what one request moves, and what memory takes meanwhile."""
REST = 10.0
"""Seconds for which nobody who can do without asks an object store that has just failed."""
MOST_STAGED = 1_000
"""Uploads that are remembered until they are recorded; more are of transactions long ago."""
UPLOADS = "uploads/"
_GROWING = re.compile(r"projects/\d+/(pixels-[^/]*\.u8|originals\.pack|features/[^/]*\.f16)")
"""Names of files that are only ever appended to, or replaced whole."""
_UNFINISHED = re.compile(r"unpublished-.*|.*\.(part|tmp)")

_insists: ContextVar[bool] = ContextVar("insists", default=False)
log = structlog.get_logger()

Stamp = tuple[int, int, int]
"""Number, bytes and time of change of a file: another file, or another content, has another."""


@dataclass(frozen=True)
class Copy:
    """What is known of a local file."""

    objects: tuple[str, ...]
    size: int
    """Bytes that these objects have."""
    stamp: Stamp
    pending: bool = False
    """Whether the transaction that says so had not ended when this was noted."""


class SharedFiles:
    """The files of a workspace's projects, in an object store or in the folder alone."""

    def __init__(
        self, workspace: Workspace, read: Callable[[], AbstractContextManager[Connection]]
    ) -> None:
        self.workspace = workspace
        self.objects = ObjectStore(workspace.files) if workspace.files else None
        self._read = read
        self._seen: dict[int, tuple[int, int]] = {}
        self._staged: dict[tuple[Stamp, tuple[str, ...]], Parts] = {}
        self._failed_at = float("-inf")

    # -- readers -------------------------------------------------------------------------------

    def folder(self, project_id: int) -> Path:
        """Return the folder of a project, with all that the rows of this moment name.

        Where the object store is out of reach it has what this computer has; who insists gets
        the error instead: FilesUnreachable, ObjectMissing, NoRoom.
        """
        folder = self.workspace.project(project_id)
        if self.objects is None:
            return folder
        insists = _insists.get()
        if not insists and time.monotonic() - self._failed_at < REST:
            return folder
        try:
            self._keep_up(project_id)
        except (FilesUnreachable, ObjectMissing, NoRoom) as error:
            if insists:
                raise
            self._failed_at = time.monotonic()
            log.warning("files not fetched", project=project_id, error=str(error))
        return folder

    @contextmanager
    def insisting(self, project_id: int) -> Iterator[None]:
        """Let `folder` raise where files cannot be had, as jobs need them; fetch uploads too."""
        if self.objects is None:
            yield
            return
        token = _insists.set(True)
        try:
            self._seen.pop(project_id, None)
            self._keep_up(project_id, uploads=True)
            yield
        finally:
            _insists.reset(token)

    def _keep_up(self, project_id: int, uploads: bool = False) -> None:
        with self._read() as connection:
            version = stored_files.version(connection, project_id)
        if self._seen.get(project_id) == version:
            return
        thorough = project_id not in self._seen
        with self._lock(project_id, "fetch"):
            for attempt in (1, 2, 3):
                with self._read() as connection:
                    version = stored_files.version(connection, project_id)
                    files = stored_files.of_project(connection, project_id)
                try:
                    self._bring(project_id, files, uploads, thorough)
                except ObjectMissing:  # it may have been replaced meanwhile
                    with self._read() as connection:
                        same = stored_files.version(connection, project_id) == version
                    if same or attempt == 3:
                        raise
                    continue
                self._seen[project_id] = version
                return

    def _bring(
        self, project_id: int, files: Mapping[str, Parts], uploads: bool, thorough: bool
    ) -> None:
        """Make the local copy what the rows say; what cannot be had is said after the rest.

        thorough: also look whether what was noted is still there. A job of this computer may be
        writing meanwhile: what it notes counts, not what was noted before.
        """
        copies, problem = self._copies(project_id), None
        for name, parts in files.items():
            if name.startswith(UPLOADS) and not uploads:
                continue
            objects, before = tuple(part.object for part in parts), copies.get(name)
            settled = before is not None and not before.pending and before.objects == objects
            if settled and not thorough:
                continue
            before = self._copies(project_id).get(name)
            try:
                copy = self._brought(name, parts, before)
            except ObjectMissing as error:
                problem = error
                continue
            if copy != before:
                self._note(project_id, {name: copy}, {name: before})
        for name, copy in copies.items():
            if name not in files and not copy.pending:
                self._forget_local(name, copy)
                self._note(project_id, {name: None}, copies)
        if problem is not None:
            raise problem

    def _brought(self, name: str, parts: Parts, copy: Copy | None) -> Copy:
        """Fetch what a local file lacks; return what is known of it then."""
        path, objects = self._path(name), tuple(part.object for part in parts)
        size = path.stat().st_size if path.exists() else 0
        if copy is None and size:
            there = _alike(path, parts)
        else:
            there = _same(objects, copy.objects if copy else ())
        while there and _end(parts[:there]) > size:
            there -= 1
        if there == len(parts):
            if copy is not None and copy.objects[:there] == objects:
                return replace(copy, pending=copy.pending and copy.objects != objects)
            return Copy(objects, _end(parts), _stamp(path))
        disk.check_room(self.workspace.root, _end(parts[there:]) if there else _end(parts))
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            if there and _GROWING.fullmatch(name):
                with path.open("rb+") as file:
                    file.truncate(file.seek(_end(parts[:there])))
                    self._write(file, name, parts[there:])
                    disk.sync(file)
            if not (there and _GROWING.fullmatch(name)) or path.stat().st_size != _end(parts):
                self._fetch_whole(path, name, parts)
        except OSError as error:
            raise disk.unusable(path, error) from error
        log.info("file fetched", file=name, parts=len(parts) - there)
        return Copy(objects, _end(parts), _stamp(path))

    def _fetch_whole(self, path: Path, name: str, parts: Parts) -> None:
        beside = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            with beside.open("wb") as file:
                self._write(file, name, parts)
                disk.sync(file)
            os.replace(beside, path)
            disk.sync_names(path.parent)
        finally:
            with suppress(OSError):  # there is nothing left after the renaming
                beside.unlink()

    def _write(self, file: IO[bytes], name: str, parts: Parts) -> None:
        for part in parts:
            file.write(self._content(name, part))

    def _content(self, name: str, part: Part) -> bytes:
        """Fetch a part of a file. Raises ObjectMissing where it is not as it was written."""
        assert self.objects is not None
        try:
            data = self.objects.get(part.object)
        except ObjectMissing as error:
            raise _lost(name, part, self.objects, "is missing") from error
        if _digest(data) != part.digest:
            raise _lost(name, part, self.objects, "is not as it was written")
        return data

    # -- writers -------------------------------------------------------------------------------

    def stage(
        self, project_id: int | None, patterns: Sequence[str], also: Sequence[Path] = ()
    ) -> None:
        """Upload what has changed, before the transaction that records it; nothing refers to it.

        patterns: of files in the project's folder; also: others. Raises FilesUnreachable.
        """
        if self.objects is None or not (patterns or also):
            return
        with self._read() as connection:
            files = stored_files.of_project(connection, project_id) if project_id else {}
        copies = self._copies(project_id) if project_id else {}
        for path in self._matching(project_id, patterns, also, unfinished=True):
            name = self._name(path)
            self._uploaded(path, name, files.get(name, ()), copies.get(name))

    def record(
        self,
        connection: Connection,
        project_id: int,
        patterns: Sequence[str],
        also: Sequence[Path] = (),
    ) -> list[str]:
        """Say in a transaction which objects make up the project's files from its end on.

        What was not staged is uploaded. Returns what to `settle` after the transaction.
        Raises FilesUnreachable, and WorkspaceBusy where another computer has changed a file.
        """
        if self.objects is None or not (patterns or also):
            return []
        files = stored_files.of_project(connection, project_id)
        copies, gone = self._copies(project_id), []
        fresh: dict[str, Copy | None] = {}
        for path in self._matching(project_id, patterns, also):
            name = self._name(path)
            there = files.get(name, ())
            stamp, parts = self._uploaded(path, name, there, copies.get(name))
            if parts is None:
                continue
            gone += stored_files.replace(connection, project_id, name, there, parts)
            objects = tuple(part.object for part in parts)
            fresh[name] = Copy(objects, _end(parts), stamp, pending=True)
        self._note(project_id, fresh)
        return gone

    def record_missing(
        self, connection: Connection, project_id: int, patterns: Sequence[str]
    ) -> list[str]:
        """Say that files are gone that this computer had, as a job leaves them that insisted.

        Returns objects to `discard`.
        """
        files, copies = stored_files.of_project(connection, project_id), self._copies(project_id)
        top = self._name(self.workspace.project(project_id))
        gone: list[str] = []
        for name, parts in files.items():
            mine = any(Path(name).match(f"{top}/{pattern}") for pattern in patterns)
            objects = tuple(part.object for part in parts)
            had = name in copies and copies[name].objects == objects
            if mine and had and not self._path(name).exists():
                gone += stored_files.replace(connection, project_id, name, parts, ())
                self._note(project_id, {name: None})
        return gone

    def settle(self, project_id: int, gone: Sequence[str]) -> None:
        """Take note that the transaction of a record has committed; delete what it has replaced."""
        if self.objects is None:
            return
        copies = {n: c for n, c in self._copies(project_id).items() if c.pending}
        if copies:
            with self._read() as connection:
                files = stored_files.of_project(connection, project_id)
            settled = {
                name: replace(copy, pending=False)
                for name, copy in copies.items()
                if copy.objects == tuple(part.object for part in files.get(name, ()))
            }
            self._note(project_id, settled, copies)
        self.discard(gone)

    def discard(self, objects: Sequence[str]) -> None:
        """Delete objects that no row names any more; those that stay `alcore check` finds."""
        if self.objects is None or not objects:
            return
        try:
            self.objects.remove(objects)
        except FilesUnreachable as error:
            log.warning("objects left", objects=len(objects), error=str(error))

    def unrecorded(self, project_id: int, patterns: Sequence[str]) -> list[str]:
        """List local files that the object store lacks, or has otherwise."""
        if self.objects is None:
            return []
        with self._read() as connection:
            files = stored_files.of_project(connection, project_id)
        copies = self._copies(project_id)
        return [
            name
            for path in self._matching(project_id, patterns, ())
            if (name := self._name(path)) not in files
            or _is_new(_stamp(path), files[name], copies.get(name))
        ]

    def forget(self, project_id: int) -> None:
        """Forget what is known of the local copy of a project that was deleted."""
        for path in self._place.glob(f"{project_id}.*"):
            path.unlink(missing_ok=True)

    def put_back(self, name: str, part: Part) -> bool:
        """Write a lost object again from the local file; tell whether that has it as it was."""
        data = b""
        with suppress(OSError), self._path(name).open("rb") as file:
            file.seek(part.start)
            data = file.read(part.size)
        if self.objects is None or _digest(data) != part.digest:
            return False
        self.objects.put(part.object, data)
        return True

    def is_sound(self, part: Part) -> bool:
        """Tell whether an object is there, as it was written. Raises FilesUnreachable."""
        try:
            self._content("", part)
        except ObjectMissing:
            return False
        return True

    def is_shared(self, path: Path) -> bool:
        """Tell whether a small file of no project is as the rows say."""
        with self._read() as connection:
            parts = stored_files.of_project(connection, None).get(self._name(path), ())
        return bool(parts) and _digest(path.read_bytes()) == parts[0].digest

    def agree(self, connection: Connection, path: Path) -> bool:
        """Let the first computer's small file be everybody's; tell whether it is another here."""
        assert self.objects is not None
        name = self._name(path)
        parts = stored_files.of_project(connection, None).get(name, ())
        if not parts:
            data = path.read_bytes()
            part = Part(0, len(data), _digest(data), self.objects.new_name())
            self.objects.put(part.object, data)
            stored_files.replace(connection, None, name, (), (part,))
            return False
        beside = path.with_name(f".{path.name}.{os.getpid()}.part")
        beside.touch(0o600)
        try:
            beside.write_bytes(self._content(name, parts[0]))
            os.replace(beside, path)
        finally:
            beside.unlink(missing_ok=True)
        return True

    def _uploaded(
        self, path: Path, name: str, there: Parts, copy: Copy | None
    ) -> tuple[Stamp, Parts | None]:
        """Upload what a file has more than its parts; return all parts, None where it is as noted.

        A file that changes meanwhile is uploaded once more, when it is recorded.
        """
        assert self.objects is not None
        try:
            stamp = _stamp(path)
        except FileNotFoundError:  # deleted since it was listed
            return (0, 0, 0), None
        if not stamp[1] or not _is_new(stamp, there, copy):
            return stamp, None
        kept = there[: self._kept(name, stamp, there, copy)]
        key = (stamp, tuple(part.object for part in kept))
        if key not in self._staged:
            parts, start = list(kept), _end(kept)
            with path.open("rb") as file:
                file.seek(start)
                while data := file.read(min(PART, stamp[1] - start)):
                    parts.append(Part(start, len(data), _digest(data), self.objects.new_name()))
                    self.objects.put(parts[-1].object, data)
                    start += len(data)
            if len(self._staged) >= MOST_STAGED:
                self._staged.clear()
            self._staged[key] = tuple(parts)
        return stamp, self._staged[key]

    @staticmethod
    def _kept(name: str, stamp: Stamp, there: Parts, copy: Copy | None) -> int:
        """Count the parts that stay as they are. Raises WorkspaceBusy."""
        if not there or copy is None or copy.stamp[0] != stamp[0] or not _GROWING.fullmatch(name):
            return 0
        if _same(tuple(p.object for p in there), copy.objects) < len(there):
            raise WorkspaceBusy(f"another computer has changed {name} meanwhile")
        return len(there) if stamp[1] >= _end(there) else 0

    # -- the local copy ------------------------------------------------------------------------

    def _matching(
        self,
        project_id: int | None,
        patterns: Sequence[str],
        also: Sequence[Path],
        unfinished: bool = False,
    ) -> Iterator[Path]:
        """List files by patterns, and others that are in the workspace."""
        if project_id is not None:
            folder = self.workspace.project(project_id)
            for pattern in patterns:
                for path in sorted(folder.glob(pattern)):
                    finished = _UNFINISHED.fullmatch(path.name) is None
                    if path.is_file() and path.name[0] != "." and (finished or unfinished):
                        yield path
        yield from (p for p in also if p.is_relative_to(self.workspace.root) and p.is_file())

    def _name(self, path: Path) -> str:
        return path.relative_to(self.workspace.root).as_posix()

    def _path(self, name: str) -> Path:
        return self.workspace.root / name

    @property
    def _place(self) -> Path:
        return self.workspace.root / "stored"

    def _lock(self, project_id: int, what: str) -> FileLock:
        self._place.mkdir(parents=True, exist_ok=True)
        return FileLock(self._place / f"{project_id}.{what}.lock")

    def _copies(self, project_id: int) -> dict[str, Copy]:
        try:
            content = json.loads((self._place / f"{project_id}.json").read_bytes())
        except (OSError, ValueError):
            return {}
        return {
            name: Copy(tuple(c["objects"]), c["size"], _as_stamp(c["stamp"]), c["pending"])
            for name, c in content.items()
        }

    def _note(
        self,
        project_id: int,
        changes: Mapping[str, Copy | None],
        based_on: Mapping[str, Copy | None] | None = None,
    ) -> None:
        """Note what local files have, unless another process has noted something since."""
        if not changes:
            return
        with self._lock(project_id, "note"):
            copies: dict[str, Copy | None] = dict(self._copies(project_id))
            for name, copy in changes.items():
                if based_on is None or copies.get(name) == based_on.get(name):
                    copies[name] = copy
            content = {name: asdict(copy) for name, copy in copies.items() if copy is not None}
            path = self._place / f"{project_id}.json"
            beside = path.with_suffix(f".{os.getpid()}.part")
            beside.write_text(json.dumps(content))
            os.replace(beside, path)

    def _forget_local(self, name: str, copy: Copy) -> None:
        """Delete a local file that other computers have deleted, unless it is another by now."""
        path = self._path(name)
        with suppress(OSError):
            if not name.startswith(UPLOADS) and _stamp(path) == copy.stamp:
                path.unlink(missing_ok=True)


def _is_new(stamp: Stamp, there: Parts, copy: Copy | None) -> bool:
    """Tell whether a local file has changed since it was noted, or was noted in vain."""
    if copy is None or copy.stamp != stamp:
        return True
    return copy.pending and copy.objects != tuple(part.object for part in there)


def _same(one: Sequence[str], other: Sequence[str]) -> int:
    """Count what two lists have in common at their beginning."""
    n = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        n += 1
    return n


def _alike(path: Path, parts: Parts) -> int:
    """Count the parts with which a local file begins of which nothing was noted."""
    n = 0
    with path.open("rb") as file:
        for part in parts:
            if _digest(file.read(part.size)) != part.digest:
                break
            n += 1
    return n


def _end(parts: Sequence[Part]) -> int:
    return sum(part.size for part in parts)


def _stamp(path: Path) -> Stamp:
    about = path.stat()
    return about.st_ino, about.st_size, about.st_mtime_ns


def _as_stamp(numbers: Sequence[int]) -> Stamp:
    number, size, changed = numbers
    return number, size, changed


def _digest(data: bytes) -> str:
    return blake2b(data, digest_size=16).hexdigest()


def _lost(name: str, part: Part, objects: ObjectStore, what: str) -> ObjectMissing:
    return ObjectMissing(
        f"{name} cannot be fetched: object {part.object} in {objects.address} {what}; run "
        "alcore check --mend on a computer that has the file"
    )
