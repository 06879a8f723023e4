"""Owns the proof that a picture of no project is told what a project's image would be."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from made import label_rows
from made import project as small_project
from PIL import Image
from test_explanations import Here, Taught, teach

from alcore import processes
from alcore.config import Runtime, Workspace
from alcore.datasets.ingest import read_original
from alcore.errors import (
    ExplanationImpossible,
    InvalidSettings,
    NotAllowed,
    UnreadableImage,
)
from alcore.explanations.answers import Desk
from alcore.explanations.models import Subject
from alcore.heat_maps import unpack
from alcore.services import people, projects, trying
from alcore.services.pool_predictions import PredictionCache
from alcore.services.trying import Picture
from alcore.store import Store, items
from alcore.web.overlays import overlay
from alcore.workers.answering import Answering


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Taught]:
    root = tmp_path_factory.mktemp("tried")
    store = Store.open(Workspace(root))
    yield teach(store, "network")
    store.close()


def picture(taught: Taught, path: Path, name: str = "photo.png", who: str = "Ana") -> Picture:
    return Picture(taught.project_id, people.annotator(taught.store, who).id, path, name)


def written(path: Path, seed: int = 0) -> Path:
    pixels = np.random.default_rng(seed).integers(0, 256, (20, 24, 3), np.uint8)
    Image.fromarray(pixels).resize((48, 40)).save(path)
    return path


def asked(taught: Taught, one: Picture) -> trying.Answer:
    return trying.ask(taught.store, taught.here, PredictionCache(taught.store), one)


def test_a_copy_of_a_projects_image_is_told_what_that_is_and_known_again(
    taught: Taught, tmp_path: Path
) -> None:
    store, item_id = taught.store, taught.free()
    with store.read() as connection:
        item = items.get(connection, taught.project_id, item_id)
    spec = {"kind": "shapes", "size": 36, "classes": 3}
    path = tmp_path / "copy.png"
    path.write_bytes(read_original(store.workspace.project(taught.project_id), item, spec))
    answer = asked(taught, picture(taught, path))
    predictions = PredictionCache(store).get(taught.project_id)
    assert predictions is not None
    expected = predictions.output.probabilities[predictions.row(item_id)]
    classes = [c.id for c in projects.get(store, taught.project_id).classes]
    said = dict(answer.ranked)
    np.testing.assert_allclose([said[c] for c in classes], expected, atol=2e-3)
    assert answer.ranked[0][1] == max(said.values()) and answer.known == item_id
    labeled = {row["item"] for row in label_rows(store, taught.project_id)}
    assert len(answer.neighbours) == trying.NEIGHBOURS
    assert {one.row.item_id for one in answer.neighbours} <= labeled
    values = [one.value for one in answer.neighbours]
    assert values == sorted(values, reverse=True) and values[0] <= 1.001
    assert answer.reliability is None or answer.reliability.images > 0


def test_a_picture_has_a_heat_map_that_lies_over_it(taught: Taught, tmp_path: Path) -> None:
    one = picture(taught, written(tmp_path / "noise.jpg"))
    reply = trying.heat_map(taught.store, taught.here, one, "Grad-CAM")
    assert unpack(reply["map"]).shape == (16, 16) and reply["words"]
    assert overlay(reply["map"]).startswith("data:image/png;base64,")
    with pytest.raises(InvalidSettings, match="no method called 'x'"):
        trying.heat_map(taught.store, taught.here, one, "x")


def test_what_is_no_picture_is_said_and_the_next_one_is_answered(
    taught: Taught, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\n and no more")

    class Process(Here):
        def ask(self, question: dict) -> dict:
            return processes.reply(self.desk.answer, question)

    here = Process(Desk(taught.store, 1))
    cached = PredictionCache(taught.store)
    with pytest.raises(UnreadableImage):
        trying.ask(taught.store, here, cached, picture(taught, broken))
    large = tmp_path / "large.png"
    with large.open("wb") as file:
        file.truncate(trying.MOST_BYTES + 1)
    with pytest.raises(UnreadableImage, match="at most 50 can be tried"):
        trying.ask(taught.store, here, cached, picture(taught, large))
    fine = picture(taught, written(tmp_path / "fine.png"))
    assert trying.ask(taught.store, here, cached, fine).known is None
    with pytest.raises(ExplanationImpossible, match="own images only"):
        _ = Subject.read(taught.store, taught.project_id, fine.path).item


def test_without_a_model_and_for_who_is_shut_out_there_is_no_answer(
    taught: Taught, tmp_path: Path
) -> None:
    path = written(tmp_path / "photo.png")
    empty = small_project(taught.store, 5, name="empty")
    who = people.annotator(taught.store, "Ana").id
    nobody = Answering(
        "alcore.nobody_answers", Runtime(taught.store.workspace, 1)
    )  # what would compute it is not begun
    with pytest.raises(ExplanationImpossible, match="there is no model yet"):
        trying.ask(
            taught.store,
            nobody,
            PredictionCache(taught.store),
            Picture(empty, who, path, "photo.png"),
        )
    assert nobody.pid is None
    owner, shut_out = (people.annotator(taught.store, n).id for n in ("Owner", "Ben"))
    people.set_role(taught.store, empty, None, owner, "owner")
    people.set_role(taught.store, empty, None, shut_out, "removed")
    with pytest.raises(NotAllowed):
        asked(taught, Picture(empty, shut_out, path, "photo.png"))
    with pytest.raises(NotAllowed):
        trying.add(taught.store, Picture(empty, who, path, "photo.png"))
    with pytest.raises(NotAllowed):
        trying.label(taught.store, Picture(empty, who, path, "photo.png"), 1, "key")


def test_a_picture_is_added_and_labeled_once_it_is_in(taught: Taught, tmp_path: Path) -> None:
    store = taught.store
    one = picture(taught, written(tmp_path / "mine.png", seed=5), "my: photo/1.png")
    trying.add(store, one)
    assert trying.label(store, one, taught.classes[1], "a key") is None
    projects.import_now(store, taught.project_id, 1)
    item_id = trying.label(store, one, taught.classes[1], "a key")
    assert item_id == trying.label(store, one, taught.classes[1], "a key")
    (row,) = [r for r in label_rows(store, taught.project_id) if r["item"] == item_id]
    assert (row["source"], row["annotator"]) == ("contribution", "Ana")
    assert asked(taught, one).known == item_id
