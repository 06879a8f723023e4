"""Owns the proof that pictures are kept, come in with their class, and teach what they show."""

from __future__ import annotations

import base64
import io
import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
from made import old_database
from PIL import Image

from alcore import processes
from alcore.config import Workspace
from alcore.errors import (
    ExplanationImpossible,
    InvalidSettings,
    NotAllowed,
    NothingToUndo,
    UnknownItem,
    UnreadableImage,
)
from alcore.learner import feature_heads, quick_heads
from alcore.services import labeling, people, projects, teaching
from alcore.services.teaching import NewPicture, Teacher
from alcore.store import Store, contributions, items, jobs
from alcore.teaching.desk import Desk

STRIPES, CHECKS = "stripes", "checks"


@pytest.fixture
def store(workspace: Workspace) -> Iterator[Store]:
    opened = Store.open(workspace)
    yield opened
    opened.close()


def picture(kind: str, seed: int) -> bytes:
    """Draw red stripes or blue checks, each different from the others."""
    drawn = np.random.default_rng(seed)
    step, (x, y) = int(drawn.integers(6, 12)), np.mgrid[:64, :64] + drawn.integers(0, 9)
    pattern = (x // step) % 2 if kind == STRIPES else (x // step + y // step) % 2
    colour = np.array([220, 40, 40] if kind == STRIPES else [40, 60, 220])
    pixels = 255 - pattern[..., None] * (255 - colour) + drawn.integers(-9, 1, (64, 64, 3))
    out = io.BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(out, "PNG")
    return out.getvalue()


@dataclass
class Room:
    """A project with two classes, and who teaches it."""

    store: Store
    project_id: int
    teacher: Teacher

    @classmethod
    def of(cls, store: Store, names: tuple[str, ...] = (STRIPES, CHECKS)) -> Room:
        project_id = teaching.begin(store, "my classes", names)
        who = people.annotator(store, "Ana").id
        return cls(store, project_id, Teacher(project_id, who))

    def class_id(self, name: str) -> int:
        classes = projects.get(self.store, self.project_id).classes
        return next(c.id for c in classes if c.name == name)

    def new(self, kind: str, seed: int, as_class: str | None = "") -> NewPicture:
        name = kind if as_class == "" else as_class
        class_id = None if name is None else self.class_id(name)
        return NewPicture(uuid.uuid4().hex, "camera.jpg", picture(kind, seed), class_id)

    def take(self, *pictures: NewPicture) -> None:
        teaching.take(self.store, self.teacher, pictures)

    def bring_in(self) -> None:
        projects.import_now(self.store, self.project_id, 1)

    def labels(self) -> dict[str, int]:
        """Count labels that count by class name."""
        seen = teaching.overview(self.store, self.project_id)
        names = {c.id: c.name for c in seen.project.classes}
        return {names[c]: n for c, n in seen.counts.items() if n and c}


def test_pictures_wait_and_come_in_as_items_labeled_by_who_took_them(store: Store) -> None:
    room = Room.of(store)
    assert teaching.taught_here(store, room.teacher.annotator_id)[0].state == "importing"
    first = room.new(STRIPES, 0)
    room.take(first)
    with store.read() as connection:  # one picture is no project yet
        assert jobs.newest(connection, room.project_id, "import") is None
    room.take(*(room.new(STRIPES, i) for i in range(1, 6)))
    room.take(first)  # sent again, as when the answer was lost
    assert len(teaching.overview(store, room.project_id).waiting) == 6
    room.bring_in()
    seen = teaching.overview(store, room.project_id)
    assert (seen.project.state, seen.waiting, room.labels()) == ("ready", (), {STRIPES: 6})
    assert {one.annotator_id for one in seen.pictures} == {room.teacher.annotator_id}
    said = labeling.history(store, room.project_id, room.teacher.annotator_id, 10)
    assert {(event.kind, event.origin) for event, _ in said} == {("label", "contribution")}

    more = [room.new(CHECKS, i) for i in range(10, 14)]
    loose = [room.new(CHECKS, i, None) for i in range(20, 26)]
    room.take(*more)
    room.take(*loose)
    # What is there already is labeled at once, whatever it was called.
    room.take(NewPicture(uuid.uuid4().hex, "same.png", loose[0].data, room.class_id(CHECKS)))
    room.bring_in()
    room.take(NewPicture(uuid.uuid4().hex, "same.png", loose[1].data, room.class_id(CHECKS)))
    assert room.labels() == {STRIPES: 6, CHECKS: 6}
    room.bring_in()
    with store.read() as connection:
        counts = items.count(connection, room.project_id)
    assert sum(counts.values()) == 16 and counts["holdout"] == 3  # a fifth measures
    folder = store.workspace.project(room.project_id) / "photographs"
    assert list(folder.iterdir()) == []
    assert teaching.overview(store, room.project_id).waiting == ()


def test_a_picture_is_taken_back_before_it_is_in_and_after(store: Store) -> None:
    room = Room.of(store)
    taken = [room.new(STRIPES, i) for i in range(4)]
    room.take(*taken)
    teaching.take_back(store, room.teacher, taken[0].key, "undo-1")
    room.bring_in()
    assert room.labels() == {STRIPES: 3}
    with store.read() as connection:  # what was taken back before is nowhere
        assert len(items.ids(connection, room.project_id)) == 3
    other = Teacher(room.project_id, people.annotator(store, "Ben").id)
    with pytest.raises(NothingToUndo):
        teaching.take_back(store, other, taken[1].key, "undo-2")
    teaching.take_back(store, room.teacher, taken[1].key, "undo-3")
    assert room.labels() == {STRIPES: 2}
    with store.read() as connection:
        assert len(items.ids(connection, room.project_id)) == 3


def test_nothing_is_kept_of_what_is_refused_and_what_waits_stays(store: Store) -> None:
    room = Room.of(store)
    good = room.new(STRIPES, 0)
    room.take(good)
    broken = NewPicture("broken", "x.png", b"\x89PNG\r\n\x1a\n and no more", good.class_id)
    with pytest.raises(UnreadableImage):
        room.take(broken)
    with pytest.raises(UnknownItem):
        room.take(NewPicture("k", "x.png", picture(STRIPES, 1), 999))
    for text in ("no base64!", "", base64.b64encode(bytes(teaching.MOST_BYTES + 1)).decode()):
        with pytest.raises(InvalidSettings):
            teaching.decoded(text)
    people.set_role(store, room.project_id, None, people.annotator(store, "Eva").id, "owner")
    with pytest.raises(NotAllowed):
        room.take(room.new(STRIPES, 2))
    seen = teaching.overview(store, room.project_id)
    assert [one.key for one in seen.waiting] == [good.key] and seen.unread == 1


def test_the_process_tells_classes_apart_from_pictures_that_are_on_their_way(store: Store) -> None:
    room, desk = Room.of(store), Desk(store)

    class Here:
        """Stands where the process that is taught does, and answers in this one."""

        def ask(self, question: dict) -> dict:
            return json.loads(json.dumps(processes.reply(desk.answer, question)))

    def look(frame: bytes | None) -> dict:
        said = teaching.look(Here(), room.project_id, frame)
        while said["left"]:
            said = teaching.look(Here(), room.project_id, frame)
        return said

    room.take(*(room.new(STRIPES, i) for i in range(5)))
    alone = look(picture(STRIPES, 99))
    stripes, checks = str(room.class_id(STRIPES)), str(room.class_id(CHECKS))
    assert alone["probabilities"] is None and alone["learned"] == {stripes: 5}
    room.take(*(room.new(CHECKS, i) for i in range(10, 15)))
    both = look(picture(STRIPES, 99))
    assert both["learned"] == {stripes: 5, checks: 5} and both["version"] > alone["version"]
    assert both["probabilities"][stripes] > 0.8
    assert look(picture(CHECKS, 98))["probabilities"][checks] > 0.8
    assert look(picture(CHECKS, 98))["version"] == both["version"]  # nothing new, the same model

    room.bring_in()
    inside = look(picture(STRIPES, 99))
    assert inside["kept"] == 2 and inside["right"] == 2
    assert sum(inside["learned"].values()) == 8  # what measures is not learned from
    assert inside["probabilities"][stripes] > 0.8

    # Said the other way round, it says the other class: it is this project's model that answers.
    for one in teaching.overview(store, room.project_id).pictures:
        other = room.class_id(CHECKS if one.class_id == room.class_id(STRIPES) else STRIPES)
        with store.read() as connection:
            place = items.get(connection, room.project_id, one.item_id)
        kind, seeds = (STRIPES, range(5)) if other == int(checks) else (CHECKS, range(10, 15))
        data = next(p for s in seeds if (p := picture(kind, s)) and _hash(p) == place.content_hash)
        room.take(NewPicture(uuid.uuid4().hex, "again.png", data, other))
    turned = look(picture(STRIPES, 99))
    assert turned["probabilities"][checks] > 0.8 and turned["version"] > inside["version"]
    with pytest.raises(UnreadableImage):
        teaching.look(Here(), room.project_id, b"no picture")
    with pytest.raises(ExplanationImpossible):
        teaching.look(Here(), 999, None)


def _hash(data: bytes) -> str:
    return NewPicture("", "", data, None).content_hash


def test_the_head_that_is_fitted_while_one_watches_is_the_regression_of_features() -> None:
    drawn = np.random.default_rng(0)
    points = drawn.normal(size=(50, 30)).astype(np.float32)
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    labels = drawn.integers(0, 3, 50)
    logits = [
        points @ head[:-1] + head[-1]
        for head in (quick_heads.fit(points, labels, 3), feature_heads.fit(points, labels, 3))
    ]
    ours, theirs = (one - one.mean(axis=1, keepdims=True) for one in logits)
    np.testing.assert_allclose(ours, theirs, atol=0.02)


def test_a_database_of_the_version_before_takes_contributions(bare_workspace: Workspace) -> None:
    old_database(bare_workspace, "0027")
    store = Store.open(bare_workspace)
    room = Room.of(store)
    room.take(room.new(STRIPES, 0))
    with store.read() as connection:
        (waiting,) = contributions.waiting(connection, room.project_id)
    assert waiting.class_id == room.class_id(STRIPES)
    store.close()
