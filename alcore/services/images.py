"""Owns an item's picture as a browser gets it: decoded, upright, without metadata."""

from __future__ import annotations

from alcore.datasets.decoding import decode, display, encode
from alcore.datasets.ingest import read_original
from alcore.store import Store, items, projects

LARGEST = 1024
"""Longest side of what is shown, in pixels."""


def shown(store: Store, project_id: int, item_id: int, largest: int = LARGEST) -> tuple[bytes, str]:
    """Return re-encoded pixels and their MIME type. Raises UnknownItem, UnreadableImage."""
    with store.read() as connection:
        item = items.get(connection, project_id, item_id)
        spec, _ = projects.source(connection, project_id)
    return display(read_original(store.workspace.project(project_id), item, spec), largest)


def whole(store: Store, project_id: int, item_id: int) -> tuple[bytes, str]:
    """Return all pixels of the original, for a zoom, and their MIME type.

    Raises UnknownItem, UnreadableImage.
    """
    with store.read() as connection:
        item = items.get(connection, project_id, item_id)
        spec, _ = projects.source(connection, project_id)
    return encode(decode(read_original(store.workspace.project(project_id), item, spec)))
