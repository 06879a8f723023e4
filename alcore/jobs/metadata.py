"""Owns the job that reads metadata of paths and of the images themselves, a few at a time.

It goes on behind the newest image that was looked at, so that more images later cost themselves
alone, and a stopped job is gone on with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from alcore.datasets import exif
from alcore.datasets.ingest import read_original
from alcore.errors import UnreadableImage
from alcore.metadata import PathPattern, Value, parse
from alcore.records import Item
from alcore.store import items, metadata_values, projects
from alcore.store.metadata_values import MetadataColumn
from alcore.workers.attempts import Running

AT_ONCE = 500
"""Images between two transactions."""


def run_metadata(running: Running) -> None:
    """Read what columns from paths and EXIF do not know yet."""
    read_known(running)
    with running.publish():
        pass


def read_known(running: Running) -> None:
    """Bring columns from paths and EXIF up to the newest image."""
    store, project_id = running.store, running.job.project_id
    with store.read() as connection:
        columns = metadata_values.columns(connection, project_id)
        spec, _ = projects.source(connection, project_id)
        total = sum(items.count(connection, project_id).values())
    reading = [column for column in columns if column.origin != "table"]
    if not reading:
        return
    reader = _Reader(store.folder(project_id), spec, reading)
    after, done = min(column.last_item for column in reading), 0
    while True:
        with store.read() as connection:
            block = items.page(connection, project_id, after, AT_ONCE)
        if not block:
            return
        values = reader.values(block)
        after, done = block[-1].id, done + len(block)
        with running.write() as connection:
            for column in metadata_values.columns(connection, project_id):
                if column.id in values and column.last_item < after:
                    metadata_values.put(connection, project_id, column.id, values[column.id])
                    metadata_values.looked_at(connection, [column.id], after)
            running.advance(connection)
        running.report("reading metadata", done / max(1, total))


class _Reader:
    """Reads columns of images' paths and of what cameras wrote into them."""

    def __init__(
        self, folder: Path, spec: Mapping[str, Any], columns: Sequence[MetadataColumn]
    ) -> None:
        self._folder, self._spec, self._columns = folder, spec, columns
        self._patterns = [(c, PathPattern.of(c.pattern)) for c in columns if c.origin == "path"]
        self._exif = [column for column in columns if column.origin == "exif"]

    def values(self, block: Sequence[Item]) -> dict[int, dict[int, Value]]:
        """Return values by column id and item id, of images that a column has not looked at."""
        values: dict[int, dict[int, Value]] = {column.id: {} for column in self._columns}
        for item in block:
            texts = [(c, (p.values(item.name) or {}).get(c.name)) for c, p in self._patterns]
            if any(item.id > column.last_item for column in self._exif):
                camera = self._of_camera(item)
                texts += [(column, camera.get(column.pattern)) for column in self._exif]
            for column, text in texts:
                value = parse(column.kind, text) if text else None
                if value is not None and item.id > column.last_item:
                    values[column.id][item.id] = value
        return values

    def _of_camera(self, item: Item) -> dict[str, str]:
        try:
            return exif.read(read_original(self._folder, item, self._spec))
        except UnreadableImage:
            return {}
