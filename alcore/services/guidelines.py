"""Owns what people are told about the classes: a text, and example images of each class."""

from __future__ import annotations

import time
from pathlib import Path

from alcore.errors import InvalidSettings, UnknownItem
from alcore.records import Example, NewExample
from alcore.services import audit
from alcore.services.images import Rendition, encoded_upload
from alcore.services.rights import check_active, check_owner
from alcore.store import Connection, Store, examples, items, projects

MOST_EXAMPLES = 8
"""Per class: beside the image there is room for few."""
LARGEST = 512
"""Longest side of an uploaded picture as it is kept, in pixels."""
LONGEST_NAME = 200


def of_project(store: Store, project_id: int) -> list[Example]:
    """Read the example images of all classes by age."""
    with store.read() as connection:
        return examples.of_project(connection, project_id)


def choose(store: Store, project_id: int, annotator_id: int, item_id: int, class_id: int) -> None:
    """Make an item an example of a class. Raises UnknownItem, InvalidSettings, NotAllowed."""
    with store.write() as connection:
        check_active(connection, project_id, annotator_id)
        check_owner(connection, project_id, annotator_id)
        item = items.get(connection, project_id, item_id)
        _check_room(connection, project_id, class_id)
        new = NewExample(project_id, class_id, annotator_id, item.name, time.time(), item_id)
        examples.add(connection, new)
        _note(connection, project_id, annotator_id, item.name, class_id)


def upload(
    store: Store, project_id: int, annotator_id: int, class_id: int, name: str, sent: Path
) -> None:
    """Add a picture that is no item as an example of a class, encoded anew and made small.

    sent: its file, which is only read. Raises UnreadableImage, UnknownItem, InvalidSettings,
    NotAllowed.
    """
    with store.read() as connection:
        scale = projects.get(connection, project_id).settings.pixel_range.scale
    pixels, mime = encoded_upload(sent, LARGEST, scale)
    with store.write() as connection:
        check_active(connection, project_id, annotator_id)
        check_owner(connection, project_id, annotator_id)
        _check_room(connection, project_id, class_id)
        new = NewExample(
            project_id,
            class_id,
            annotator_id,
            name[:LONGEST_NAME],
            time.time(),
            pixels=pixels,
            mime=mime,
        )
        examples.add(connection, new)
        _note(connection, project_id, annotator_id, name[:LONGEST_NAME], class_id)


def remove(store: Store, project_id: int, annotator_id: int, example_id: int) -> None:
    """Take an example away; an item stays as it is."""
    with store.write() as connection:
        check_active(connection, project_id, annotator_id)
        check_owner(connection, project_id, annotator_id)
        names = {e.id: e.name for e in examples.of_project(connection, project_id)}
        if example_id in names:
            examples.remove(connection, project_id, example_id)
            which = names[example_id]
            audit.note(connection, project_id, annotator_id, "remove example", name=which)


def picture(store: Store, project_id: int, example_id: int) -> Rendition:
    """Read the picture of an uploaded example. Raises UnknownItem."""
    with store.read() as connection:
        return Rendition.of(*examples.picture(connection, project_id, example_id))


def _note(
    connection: Connection, project_id: int, annotator_id: int, name: str, class_id: int
) -> None:
    (class_name,) = (c.name for c in projects.classes(connection, project_id) if c.id == class_id)
    audit.note(connection, project_id, annotator_id, "example", name=name, class_name=class_name)


def _check_room(connection: Connection, project_id: int, class_id: int) -> None:
    if class_id not in {c.id for c in projects.classes(connection, project_id)}:
        raise UnknownItem(f"the project has no class {class_id}")
    if examples.count(connection, project_id, class_id) >= MOST_EXAMPLES:
        raise InvalidSettings(f"a class has {MOST_EXAMPLES} examples at most; take one away first")
