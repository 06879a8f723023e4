"""Owns an item's picture as a browser gets it: decoded, upright, without metadata."""

from __future__ import annotations

import threading

from alcore.datasets.decoding import display, exact
from alcore.datasets.ingest import read_original
from alcore.store import Store, items, projects

LARGEST = 1024
"""Longest side of what is shown, in pixels."""
MOST_WHOLE = 50_000_000
LONGEST_WHOLE = 8_192
"""Pixels up to which a zoom gets all of an original, and the longest side of larger ones."""
LARGE = 20_000_000
"""Pixels from which images are decoded one at a time: each takes hundreds of megabytes."""

_one_at_a_time = threading.Lock()


def is_lasting(store: Store, project_id: int) -> bool:
    """Tell whether pictures look the same for ever; a range of values can be changed."""
    with store.read() as connection:
        return projects.get(connection, project_id).settings.pixel_range.scale is None


def shown(
    store: Store, project_id: int, item_id: int, largest: int | None = LARGEST
) -> tuple[bytes, str]:
    """Return re-encoded pixels and their MIME type; largest None: all pixels, for a zoom.

    Raises UnknownItem, UnreadableImage.
    """
    with store.read() as connection:
        item = items.get(connection, project_id, item_id)
        spec, _ = projects.source(connection, project_id)
        scale = projects.get(connection, project_id).settings.pixel_range.scale
    data = read_original(store.workspace.project(project_id), item, spec)
    if largest is None:
        if item.width * item.height <= MOST_WHOLE:
            with _one_at_a_time:
                return exact(data, scale)
        largest = LONGEST_WHOLE
    if item.width * item.height < LARGE:
        return display(data, largest, scale)
    with _one_at_a_time:
        return display(data, largest, scale)
