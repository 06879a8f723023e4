"""Owns the table of metadata that was given with a new project and waits until its images are in.

It lies in the project's folder, so that an import that was interrupted finds it again, and comes in
before the holdout is drawn: images that it keeps together lie all in it, or all in the pool.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from alcore import disk
from alcore.errors import ImportRefused, UnreadableLabels
from alcore.loop import metadata_import
from alcore.loop.metadata_import import MetadataFile
from alcore.metadata import clean_name
from alcore.store import Store, metadata_values

_NAME, _ABOUT = "waiting-table", "waiting-table.json"


def keep(folder: Path, file: MetadataFile, group: str) -> None:
    """Copy a table, whose columns are settled, into a project's folder.

    group: the column by which images stay together; empty for none. Raises ExportFailed where
    there is no room, UnreadableLabels.
    """
    folder.mkdir(parents=True, exist_ok=True)
    copy = folder / f"{_NAME}{file.path.suffix}"
    about = {
        "path": copy.name,
        "name": file.name or file.path.name,
        "image column": file.image_column,
        "columns": file.columns,
        "group": group,
    }
    try:
        source = file.path.open("rb")
    except OSError as error:
        raise UnreadableLabels(f"{file.path} cannot be read: {error.strerror}") from error
    with source, disk.whole_file(copy) as out:
        shutil.copyfileobj(source, out)
    with disk.whole_file(folder / _ABOUT) as out:
        out.write(json.dumps(about).encode())


def take_over(store: Store, project_id: int, folder: Path) -> None:
    """Bring the table that waits in; without one, do nothing. Run again, it changes nothing.

    Raises ImportRefused where it names none of the images, and as `metadata_import.bring`.
    """
    about = folder / _ABOUT
    if not about.exists():
        return
    said = json.loads(about.read_bytes())
    file = MetadataFile(
        folder / said["path"], said["image column"], tuple(said["columns"]), name=said["name"]
    )
    plan = metadata_import.bring(store, project_id, file)
    if not plan.images:
        first = plan.problems[0].file if plan.problems else ""
        raise ImportRefused(
            f"the table {file.name} names none of the images (its column {file.image_column!r} has "
            f"such as {first!r}): make the project anew, without it or with one that does"
        )
    with store.write() as connection:
        wanted = clean_name(said["group"]) if said["group"] else None
        for column in metadata_values.columns(connection, project_id):
            if column.name == wanted:
                metadata_values.set_grouping(connection, project_id, column.id)
    about.unlink()
    file.path.unlink(missing_ok=True)
