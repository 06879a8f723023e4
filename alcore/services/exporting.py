"""Owns labels on their way out: which, with what beside them, in which format, block by block."""

from __future__ import annotations

import io
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, cast

from alcore import label_formats
from alcore.disk import whole_file
from alcore.errors import ExportFailed, InvalidSettings, UnknownItem
from alcore.label_formats import FORMATS, Format, zips
from alcore.loop import incoming_labels
from alcore.loop.label_sets import revision
from alcore.records import Project
from alcore.services.export_rows import PARTS, Missing, Rows
from alcore.services.rights import check_owner
from alcore.services.snapshots import SnapshotRows
from alcore.store import Connection, Store, completions, exports, projects, snapshots

__all__ = ["FORMATS", "PARTS"]

USUAL = ("provenance", "seconds", "suggestions", "remarks")


@dataclass(frozen=True)
class Wish:
    """What somebody wants exported."""

    format: str
    parts: tuple[str, ...] = USUAL
    on_disk: bool = False
    """Paths as they are on this computer's disk, where originals stay there."""
    snapshot: int | None = None
    """The labels of a snapshot instead of those of now."""


@dataclass
class Export:
    """Labels that are ready to be written, once."""

    store: Store
    project: Project
    wish: Wish
    format: Format
    total: int
    """Labels that there are."""
    missing: Missing = field(default_factory=Missing)
    written: int = 0

    @property
    def name(self) -> str:
        """For a file."""
        return file_name(self.project, self.format.suffix)

    def blocks(self) -> Iterator[bytes]:
        """Yield the file in blocks as it is made; nothing of it is kept."""
        sink = Sink()
        for written in self._write(cast(IO[bytes], sink)):
            self.written = written
            yield sink.take()
        yield sink.take()

    def save(self, path: Path, progress: Callable[[float], None] = lambda share: None) -> None:
        """Write the file; it appears whole or not at all. Raises ExportFailed."""
        with whole_file(path) as file:
            for block in self.blocks():
                file.write(block)
                progress(self.written / max(1, self.total))

    def lay_out(
        self, folder: Path, links: bool, progress: Callable[[float], None] = lambda share: None
    ) -> None:
        """Write folders of images on disk instead of a zip; they appear whole or not at all.

        links: to originals that stay on this disk, so that they take no room; others are copied.
        Raises InvalidSettings, ExportFailed.
        """
        if not self.format.holdout:
            known = ", ".join(form.name for form in FORMATS.values() if form.holdout)
            raise InvalidSettings(f"{self.format.title} is one file; folders of images are {known}")
        if folder.exists():
            raise InvalidSettings(f"{folder} is there already; name a folder that is not")
        part = folder.with_name(f".{folder.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        try:
            part.mkdir(parents=True)
            with self.store.read() as connection:
                rows = self._rows(connection, links)
                originals = rows.root if isinstance(rows, Rows) else None
                form, header = self.format, rows.header()
                for self.written in zips.lay_out(part, header, rows, form.holdout, originals):
                    progress(self.written / max(1, self.total))
            part.rename(folder)
        except OSError as error:
            raise ExportFailed(f"{folder} cannot be written: {error.strerror}") from error
        finally:
            shutil.rmtree(part, ignore_errors=True)

    def _write(self, out: IO[bytes]) -> Iterator[int]:
        in_place = self.wish.on_disk and self.format.content == "labels"
        with self.store.read() as connection:
            rows = self._rows(connection, in_place)
            yield from self.format.write(out, rows.header(), rows)

    def _rows(self, connection: Connection, in_place: bool) -> Rows | SnapshotRows:
        parts = self.wish.parts
        if self.wish.snapshot is None:
            return Rows(self.store, connection, self.project, parts, in_place, self.missing)
        return SnapshotRows(
            self.store, connection, self.project, self.wish.snapshot, parts, self.missing
        )


class Sink(io.RawIOBase):
    """Takes what is written until it is fetched."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        block = bytes(data)
        self._parts.append(block)
        self._size += len(block)
        return len(block)

    def tell(self) -> int:
        return self._size

    def take(self) -> bytes:
        block, self._parts = b"".join(self._parts), []
        return block


def prepare(store: Store, project_id: int, wish: Wish, by: int | None = None) -> Export:
    """Get labels ready to be written. Raises UnknownFormat, InvalidSettings, NotAllowed."""
    form = label_formats.get(wish.format)
    unknown = sorted(set(wish.parts) - set(PARTS))
    if unknown:
        raise InvalidSettings(
            f"there is no {', '.join(unknown)} to export; choose from {', '.join(PARTS)}"
        )
    with store.read() as connection:
        check_owner(connection, project_id, by)
    incoming_labels.finish(store, project_id)  # no file holds half of another
    with store.read() as connection:
        project = projects.get(connection, project_id)
        total = exports.count(connection, project_id)
        if "model labels" in wish.parts:
            total += _count_model_labels(connection, project_id, form)
        if wish.snapshot is not None:
            total = _check_snapshot(connection, project_id, wish)
    return Export(store, project, wish, form, total)


def _count_model_labels(connection: Connection, project_id: int, form: Format) -> int:
    """Count the model's labels. Raises InvalidSettings where a file cannot say which they are."""
    n = completions.count(connection, project_id)
    if n and not form.holds_more:
        raise InvalidSettings(
            f"{form.title} cannot say which labels are the model's; leave the model labels out, or "
            "choose another format"
        )
    return n


def _check_snapshot(connection: Connection, project_id: int, wish: Wish) -> int:
    """Return how many labels a snapshot has. Raises InvalidSettings for what it does not keep."""
    if not {"probabilities", "model labels"}.isdisjoint(wish.parts) or wish.on_disk:
        raise InvalidSettings(
            "a snapshot keeps neither what a model says nor where images lie on disk; leave that "
            "out, or export the labels of now"
        )
    for one in snapshots.of_project(connection, project_id):
        if one.id == wish.snapshot:
            return one.labels
    raise UnknownItem(f"the project has no snapshot {wish.snapshot}")


def outlook(store: Store, project_id: int) -> tuple[int, str]:
    """Count the labels that an export would write, and name the set of them."""
    with store.read() as connection:
        project = projects.get(connection, project_id)
        return exports.count(connection, project_id), revision(connection, project)


def file_name(project: Project, suffix: str) -> str:
    """Name a file after a project, as every system takes it."""
    plain = re.sub(r'[\x00-\x1f<>:"/\\|?*%]+', "-", project.name).strip(" .-") or "labels"
    return plain[:60] + suffix
