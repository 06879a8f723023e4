"""Owns the table of a selection: each image with its label and what the newest model says."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import numpy as np

from alcore.errors import UnknownItem
from alcore.folding import fold_of
from alcore.loop import maps
from alcore.services import rights
from alcore.services.exporting import file_name
from alcore.spreadsheets import write_csv
from alcore.store import Store, map_points, projects, rounds, selections

COLUMNS = ("item", "file", "class", "predicted class", "uncertainty", "x", "y")
_AT_ONCE = 2_000


def table(
    store: Store, project_id: int, selection_id: int, by: int | None
) -> tuple[str, Iterator[bytes]]:
    """Return a file's name and its blocks: CSV, a line per image, by position.

    x and y are those of the map by principal components. Raises UnknownItem for a selection that
    is gone, NotAllowed.
    """
    folder = store.folder(project_id)
    with store.read() as connection:
        rights.check_owner(connection, project_id, by)
        project = projects.get(connection, project_id)
        selected = selections.ids(connection, project_id, selection_id)
        images = map_points.images(connection, project_id)
        names = map_points.names(connection, project_id)
        answers = map_points.answers(connection, project_id)
        latest = rounds.latest(connection, project_id)
    if not len(selected):
        raise UnknownItem("this selection is gone; select the images again")
    classes = {c.id: c.name for c in project.classes} | {0: "unsure"}
    by_position = {c.position: c.name for c in project.classes}
    places = None if latest is None else fold_of(project, latest).places
    label = dict(zip(answers.item_ids.tolist(), answers.class_ids.tolist(), strict=True))
    shown = maps.read(folder, maps.basis_of(folder, latest, len(images.ids)), "pca")

    def row(position: int) -> dict[str, Any]:
        item_id = int(images.ids[position])
        known = item_id in label
        line = {"item": item_id, "file": names[position]}
        line["class"] = classes[label[item_id]] if known else ""
        if shown is not None and position < len(shown.steps):
            x, y = points[position]
            line |= {"x": f"{x:.4f}", "y": f"{y:.4f}"}
            if shown.predicted is not None and shown.unsure is not None:
                line["predicted class"] = (
                    ""
                    if places is None
                    else by_position.get(int(places[shown.predicted[position]]), "")
                )
                line["uncertainty"] = f"{shown.unsure[position] / 255:.3f}"
        return {column: line.get(column, "") for column in COLUMNS}

    points = shown.points if shown is not None else np.zeros((0, 2))
    positions = np.flatnonzero(np.isin(images.ids, selected)).tolist()

    def blocks() -> Iterator[bytes]:
        for start in range(0, len(positions), _AT_ONCE):
            out = io.StringIO()
            write_csv(out, COLUMNS, map(row, positions[start : start + _AT_ONCE]))
            text = out.getvalue()
            yield (text if not start else text.partition("\n")[2]).encode()

    return file_name(project, "selection.csv"), blocks()
