"""Owns the table of a selection: each image with its label and what the newest model says."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from alcore.errors import UnknownItem
from alcore.folding import fold_of
from alcore.loop import maps
from alcore.loop.maps import Layout
from alcore.records import Project, RoundSummary
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
    label = dict(zip(answers.item_ids.tolist(), answers.class_ids.tolist(), strict=True))
    shown = maps.read(folder, maps.basis_of(folder, latest, len(images.ids)), "pca")
    points = shown.points if shown is not None else np.zeros((0, 2))
    predicted = _predicted(project, latest, shown)

    def row(position: int) -> dict[str, Any]:
        item_id = int(images.ids[position])
        known = classes[label[item_id]] if item_id in label else ""
        line = {"item": item_id, "file": names[position], "class": known}
        if shown is not None and position < len(shown.steps):
            x, y = points[position]
            line |= {"x": f"{x:.4f}", "y": f"{y:.4f}", **predicted(position)}
        return {column: line.get(column, "") for column in COLUMNS}

    positions = np.flatnonzero(np.isin(images.ids, selected)).tolist()

    def blocks() -> Iterator[bytes]:
        for start in range(0, len(positions), _AT_ONCE):
            out = io.StringIO()
            write_csv(out, COLUMNS, map(row, positions[start : start + _AT_ONCE]))
            text = out.getvalue()
            yield (text if not start else text.partition("\n")[2]).encode()

    return file_name(project, "selection.csv"), blocks()


def _predicted(
    project: Project, latest: RoundSummary | None, shown: Layout | None
) -> Callable[[int], dict[str, str]]:
    """Return what writes down what the model of a layout says of the image at a position."""
    if shown is None or shown.predicted is None or shown.unsure is None:
        return lambda position: {}
    predicted, unsure = shown.predicted, shown.unsure
    by_position = {c.position: c.name for c in project.classes}
    places = None if latest is None else fold_of(project, latest).places

    def columns(position: int) -> dict[str, str]:
        name = "" if places is None else by_position.get(int(places[predicted[position]]), "")
        return {"predicted class": name, "uncertainty": f"{unsure[position] / 255:.3f}"}

    return columns
