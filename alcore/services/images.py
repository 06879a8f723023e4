"""Owns an item's picture as a browser gets it: decoded, upright, without metadata.

Small pictures are decoded where they are asked for, in a few milliseconds. All others are decoded
by processes with limits, once, and kept on disk. Sizes in pixels unless they say bytes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from alcore import names
from alcore.config import Workspace, user_path
from alcore.datasets.decoder import AT_ONCE as AT_ONCE
from alcore.datasets.decoder import Decoders
from alcore.datasets.decoding import display, exact
from alcore.datasets.ingest import read_original
from alcore.datasets.renditions import Rendition as Rendition
from alcore.datasets.renditions import Renditions
from alcore.records import Item
from alcore.store import Store, items, projects

LARGEST = 1024
"""Longest side of what is shown."""
MOST_WHOLE = 50_000_000
LONGEST_WHOLE = 8_192
"""Pixels up to which a zoom gets all of an original, and the longest side of larger ones."""
LIGHT = 1_000_000
LIGHT_BYTES = 8_000_000
"""Pixels, and bytes of the original, up to which an image is decoded in this process."""
_TAKES_A_LIBRARY = (".dcm", ".dicom", ".heic", ".heif", ".hif")
MOST_KEPT = 2_000_000_000
"""Bytes of renditions that a workspace keeps."""

_here = threading.BoundedSemaphore(AT_ONCE)


def is_lasting(store: Store, project_id: int) -> bool:
    """Tell whether pictures look the same for ever; a range of values can be changed."""
    with store.read() as connection:
        return projects.get(connection, project_id).settings.pixel_range.scale is None


def shown(
    store: Store, project_id: int, item_id: int, largest: int | None = LARGEST
) -> Rendition | Callable[[], Rendition]:
    """Return an item's picture, encoded anew, or what makes it where that takes long.

    largest: the longest side; None: all pixels, for a zoom. Of what it returns `AT_ONCE` should
    be called at a time; further calls wait. Both raise UnreadableImage, and it UnknownItem.
    """
    with store.read() as connection:
        item = items.get(connection, project_id, item_id)
        spec, _ = projects.source(connection, project_id)
        scale = projects.get(connection, project_id).settings.pixel_range.scale
    folder = store.folder(project_id)
    if largest is None and item.width * item.height > MOST_WHOLE:
        largest = LONGEST_WHOLE
    if _is_light(item, spec):
        with _here:
            data = read_original(folder, item, spec)
            encoded = exact(data, scale) if largest is None else display(data, largest, scale)
        return Rendition.of(*encoded)
    kept = _renditions(store.workspace)
    name = kept.name(project_id, item.content_hash, largest, scale)

    def make() -> Rendition:
        rendition = kept.find(name)  # whoever asked before may have made it
        if rendition is not None:
            return rendition
        request = {"folder": str(folder), "item": asdict(item), "spec": dict(spec)}
        data, mime = _decoders().encode(request | {"largest": largest, "scale": scale})
        kept.keep(name, data, mime)
        return kept.find(name) or Rendition.of(data, mime)

    return kept.find(name) or make


def encoded_upload(path: Path, largest: int, scale: tuple[float, ...] | None) -> tuple[bytes, str]:
    """Encode an uploaded picture anew, no side longer than `largest`.

    Returns its bytes and their media type. Raises UnreadableImage.
    """
    return _decoders().encode({"file": str(path), "largest": largest, "scale": scale})


def _is_light(item: Item, spec: dict[str, Any]) -> bool:
    """Tell whether decoding an item takes next to nothing, and no library that is not here yet."""
    if item.name.lower().endswith(_TAKES_A_LIBRARY):
        return False
    if item.width * item.height > LIGHT:
        return False
    if item.length is not None:
        return item.length <= LIGHT_BYTES
    if item.path is None or "path" not in spec:
        return True  # there is nothing to decode
    try:
        return (user_path(spec["path"]) / names.page_of(item.path)[0]).stat().st_size <= LIGHT_BYTES
    except (OSError, ValueError):
        return True  # reading it says what is wrong


@cache
def _decoders() -> Decoders:
    return Decoders()


@cache
def _renditions(workspace: Workspace) -> Renditions:
    return Renditions(workspace.renditions, MOST_KEPT)
