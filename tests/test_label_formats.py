"""Owns the proof that every format of labels comes in again as it went out, and what is refused."""

from __future__ import annotations

import hashlib
import io
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from made import BY_HAND, exported, label_rows
from PIL import Image
from trained import add_round

from alcore import linear_head, names
from alcore.config import Workspace
from alcore.loop import embeddings
from alcore.loop.round_files import round_arrays
from alcore.records import NewEvent
from alcore.services import exporting, label_import, people
from alcore.services import projects as known_projects
from alcore.services.export_rows import PARTS
from alcore.services.exporting import FORMATS, Wish
from alcore.services.label_import import LabelFile
from alcore.store import Store, items, labels, projects

FILES = (
    "plain.png",
    "Bären/größe 1.png",
    "птицы/сова.png",
    "猫/写真.png",
    "קוף/תמונה.png",
    "क्ष/चित्र.png",
    "=1+1.png",
    "-1/it's \"quoted\", and; more.png",
    "two\nlines\tand a tab.png",
    "back\\slash % and [brackets]?.png",
    "<b>&amp;</b>.png",
    "same/1.png",
    "other/1.png",
    "x" * 200 + ".png",
    "長" * 80 + ".png",
    " spaces .png",
    ".hidden.png",
    "no ending",
)
CLASSES = (
    "cat",
    "Käuze & Eulen",
    "сова",
    "猫",
    "קוף",
    "क्ष",
    "=1+1",
    "it's \"quoted\", and; more",
    "a/b",
    "..",
    "back\\slash",
    "<b>",
    "50 %",
    "1",
    "-1",
    "x" * 180,
    "👩\u200d🚀",
    "CON",
)
MANY = 2_000


def picture(number: int) -> bytes:
    out = io.BytesIO()
    noise = np.random.default_rng(number).integers(0, 256, (9, 7, 3), np.uint8)
    Image.fromarray(noise).save(out, "PNG")
    return out.getvalue()


def place(store: Store, root: Path, name: str, classes: tuple[str, ...] = ()) -> int:
    """A project of FILES that lie in a folder, the last three in the holdout."""
    rows, now = [], time.time()
    for position, file in enumerate(FILES):
        data = picture(position)
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_bytes(data)
        rows.append(
            {
                "position": position,
                "name": names.of_file(file),
                "content_hash": hashlib.blake2b(data, digest_size=16).hexdigest(),
                "width": 7,
                "height": 9,
                "split": "holdout" if position >= len(FILES) - 3 else "pool",
                "true_class": None,
                "offset": None,
                "length": None,
                "path": file,
            }
        )
    spec = {"kind": "folder", "path": str(root), "copy": False}
    with store.write() as connection:
        made = projects.add(connection, name, BY_HAND, spec, "none", now)
        projects.add_classes(connection, made, classes, now)
        items.add(connection, [{"project_id": made, **row} for row in rows])
        projects.set_state(connection, made, "ready")
    return made


def say(store: Store, project_id: int, item_id: int, class_id: int, who: str = "=Ana") -> None:
    annotator = people.annotator(store, who)
    with store.write() as connection:
        labels.append(
            connection,
            NewEvent(
                project_id,
                item_id,
                annotator.id,
                "label",
                f"{who} {project_id} {item_id} {time.time_ns()}",
                time.time(),
                class_id=class_id,
                seconds=1.25,
                note='a "note"\nof two lines, \x0b and more',
            ),
        )


def model(store: Store, project_id: int) -> np.ndarray:
    """A made-up newest model; returns its probabilities (N, C)."""
    number = add_round(store, project_id, 0.8, holdout_ids=(), files=False).number
    n, c = len(FILES), len(known_projects.get(store, project_id).classes)
    rng = np.random.default_rng(0)
    embedded, head = rng.normal(size=(n, 4)).astype(np.float32), rng.normal(size=(5, c))
    path = round_arrays(store.workspace.project(project_id), number)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, head=head.astype(np.float32))
    embeddings.save(embeddings.path(path.parent.parent, number), embedded)
    return linear_head.probabilities(embedded, head.astype(np.float32))


def item_ids(store: Store, project_id: int) -> list[int]:
    with store.read() as connection:
        return items.ids(connection, project_id).tolist()


def counting(store: Store, project_id: int) -> dict[str, str]:
    """Class by file of the labels that count."""
    return {row["file"]: row["class"] for row in label_rows(store, project_id)}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    opened = Store.open(Workspace(tmp_path_factory.mktemp("formats")))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pictures")


@pytest.fixture(scope="module")
def source(store: Store, root: Path) -> int:
    """All images labeled, with odd names, in a project of 2,000 classes that has a model."""
    many = (*CLASSES, *(f"class {n}" for n in range(MANY - len(CLASSES))))
    made = place(store, root, "from «here»", many)
    classes = known_projects.get(store, made).classes
    for number, item_id in enumerate(item_ids(store, made)):
        say(store, made, item_id, classes[number].id)
        if number % 3 == 0:
            say(store, made, item_id, classes[number].id, "Бен")
        if number % 4 == 0:
            say(store, made, item_id, classes[0].id, "Cem")
            say(store, made, item_id, classes[number].id, "Dea")
    model(store, made)
    return made


# -- every format ------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMATS)
def test_what_goes_out_comes_in_again_and_a_second_time_changes_nothing(
    store: Store, root: Path, source: int, tmp_path: Path, form: str
) -> None:
    path = tmp_path / f"labels{FORMATS[form].suffix}"
    exporting.prepare(store, source, Wish(form, tuple(PARTS))).save(path)
    assert path.read_bytes() == exported(store, source, form)
    assert LabelFile(path).form.read is FORMATS[form].read
    target = place(store, root, f"to {form}")
    plan = label_import.preview(store, target, LabelFile(path))
    assert counting(store, target) == {}
    assert len(plan.class_of) == len(FILES) and not plan.problems, plan.reasons
    assert not plan.same_but_case and set(plan.new_classes) == set(CLASSES[: len(FILES)])
    label_import.bring(store, target, LabelFile(path))
    assert counting(store, target) == counting(store, source)
    again = label_import.bring(store, target, LabelFile(path))
    assert (again.class_of, again.unchanged) == ({}, len(FILES))
    assert label_import.preview(store, source, LabelFile(path)).unchanged == len(FILES)
