"""Owns teaching by pictures: a project of one's own classes, whose pictures come one by one.

A picture is an item like any other once its import is through; until then it waits in the
project's folder, with its class in the store. Sizes in bytes unless they say pixels.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alcore import disk
from alcore.config import LearnerRule, ProjectSettings
from alcore.errors import ExplanationImpossible, InvalidSettings, UnreadableImage
from alcore.job_kinds import INCOMING
from alcore.loop.contributions import FOLDER, settle
from alcore.records import NewUndo, Project
from alcore.services import audit, images, lease_rules, more_images, projects, rights
from alcore.services.classes import clean_classes
from alcore.store import Connection, Store, additions, contributions, jobs, labels
from alcore.store import projects as stored
from alcore.store.contributions import Contribution, LabeledPicture
from alcore.workers.answering import Answering

MOST_BYTES = 1_000_000
"""Of one picture."""
AT_ONCE = 6
"""Pictures of one request."""
SHOWN = 400
"""Labeled pictures that are listed, the newest."""
SOON = 1.5
"""Seconds to wait for the rest of a burst before its import starts."""
_LOOK = 160
"""Pixels a side at which a picture is read once, to see that it is one."""
SETTINGS = ProjectSettings(resolution=64, learner=LearnerRule(kind="features"), instant=True)
"""Of a project that is taught: features of a network that knows photographs, quick to follow."""


@dataclass(frozen=True)
class Teacher:
    """Somebody who teaches a project."""

    project_id: int
    annotator_id: int


@dataclass(frozen=True)
class NewPicture:
    """A picture as somebody brings it."""

    key: str
    """Made up by who brings it; of its label too."""
    name: str
    """As it was called."""
    data: bytes
    class_id: int | None
    """None for one whose class shall be asked."""

    @property
    def content_hash(self) -> str:
        return hashlib.blake2b(self.data, digest_size=16).hexdigest()

    @property
    def file(self) -> str:
        """As it is called while it waits: pictures of a camera are all called alike."""
        return more_images.waiting_name(self.name, self.content_hash[:16])


@dataclass(frozen=True)
class Overview:
    """What a project has been taught."""

    project: Project
    pictures: tuple[LabeledPicture, ...]
    """Labeled images, the newest first, not all where there are many."""
    counts: dict[int, int]
    """Labels that count by class id, with those that were kept aside."""
    waiting: tuple[Contribution, ...]
    """Pictures that are not in yet, oldest first."""
    unread: int
    """Files that wait, these pictures among them."""


def taught_here(store: Store, annotator_id: int) -> list[Project]:
    """List the projects that somebody takes part in whose images came as photographs, by age."""
    visible = rights.visible(store, annotator_id)
    with store.read() as connection:
        return [p for p in visible if stored.source(connection, p.id)[0].get("kind") == FOLDER]


def begin(store: Store, name: str, class_names: Sequence[str]) -> int:
    """Make a project without any image; return its id.

    Its import starts with the first pictures. Raises DuplicateProject, InvalidClasses,
    InvalidSettings.
    """
    classes, clean, now = clean_classes(class_names), projects.clean_name(name), time.time()
    with store.write() as connection:
        project_id = stored.add(connection, clean, SETTINGS, {"kind": FOLDER}, "none", now)
        folder = store.folder(project_id) / FOLDER
        stored.set_source(connection, project_id, {"kind": FOLDER, "path": str(folder)})
        stored.add_classes(connection, project_id, classes, now)
    return project_id


def take(store: Store, teacher: Teacher, pictures: Sequence[NewPicture]) -> None:
    """Keep pictures with their classes, and let them come in.

    Once this returns they are on the disk. One that was kept before, known by its key, is not
    kept again. Raises NotAllowed, ProjectArchived, ClassDeleted, UnknownItem, UnreadableImage,
    InvalidSettings, NoRoom, WorkspaceUnusable; then none of them is kept.
    """
    folder = store.folder(teacher.project_id)
    with store.read() as connection:
        _check(connection, teacher, pictures)
    disk.check_room(store.workspace.root, sum(len(one.data) for one in pictures))
    _write(folder / FOLDER, pictures)
    now = time.time()
    with store.publish(teacher.project_id, INCOMING) as connection:
        project = _check(connection, teacher, pictures)
        for one in pictures:
            if one.class_id is not None:
                _note(connection, teacher, one, lease_rules.check_class(project, one.class_id), now)
        if project.state == "ready":
            settle(connection, project, folder, now)
        _request(connection, project, teacher, folder / FOLDER, now)


def take_back(store: Store, teacher: Teacher, key: str, undo_key: str) -> None:
    """Take the class of a picture back; one that still waits is deleted.

    Raises NotAllowed, ProjectArchived, NothingToUndo where it is somebody else's.
    """
    folder, now = store.folder(teacher.project_id) / FOLDER, time.time()
    with store.write() as connection:
        project = _check(connection, teacher, ())
        waiting = contributions.waiting(connection, project.id)
        mine = [
            one for one in waiting if (one.key, one.annotator_id) == (key, teacher.annotator_id)
        ]
        if mine:
            contributions.remove(connection, project.id, key)
            if sum(one.file == mine[0].file for one in waiting) == 1:
                (folder / mine[0].file).unlink(missing_ok=True)
            return
        undo = NewUndo(project.id, teacher.annotator_id, undo_key, key, now)
        labels.take_back(connection, undo)


def overview(store: Store, project_id: int) -> Overview:
    """Read what a project has been taught. Raises UnknownProject."""
    folder = store.folder(project_id) / FOLDER
    with store.read() as connection:
        counts: dict[int, int] = {}
        for (_, class_id), n in labels.counts(connection, project_id).items():
            counts[class_id] = counts.get(class_id, 0) + n
        return Overview(
            project=stored.get(connection, project_id),
            pictures=tuple(contributions.labeled(connection, project_id, SHOWN)),
            counts=counts,
            waiting=tuple(contributions.waiting(connection, project_id)),
            unread=_waiting_files(folder),
        )


def look(answering: Answering, project_id: int, frame: bytes | None) -> dict[str, Any]:
    """Let the model learn some pictures that it does not know, and say what a frame shows.

    frame: a picture that is kept nowhere; None to learn only. Returns what `Desk.answer` does.
    Raises AnswerLate, ExplanationImpossible, UnreadableImage.
    """
    text = None if frame is None else base64.b64encode(frame).decode()
    reply: dict[str, Any] = answering.ask({"project": project_id, "frame": text})
    if "error" in reply:
        unreadable = reply.get("kind") == "UnreadableImage"
        raise (UnreadableImage if unreadable else ExplanationImpossible)(reply["error"])
    return reply


def decoded(text: str) -> bytes:
    """Read the bytes of a picture as browsers send it. Raises InvalidSettings."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidSettings("a picture is sent in base64; this is none") from None
    if not 0 < len(data) <= MOST_BYTES:
        raise InvalidSettings(
            f"a picture has 1 to {MOST_BYTES:,} bytes here; this one has {len(data):,}"
        )
    return data


def _check(connection: Connection, teacher: Teacher, pictures: Sequence[NewPicture]) -> Project:
    rights.check_owner(connection, teacher.project_id, teacher.annotator_id)
    rights.check_not_archived(connection, teacher.project_id)
    project = stored.get(connection, teacher.project_id)
    for one in pictures:
        if one.class_id is not None:
            lease_rules.check_class(project, one.class_id)
    return project


def _write(folder: Path, pictures: Sequence[NewPicture]) -> None:
    """Write pictures so that they survive a power cut. Raises UnreadableImage where one is none."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for one in pictures:
            # The import lists no hidden files.
            part = folder / f".{one.key}.part"
            try:
                with part.open("wb") as file:
                    file.write(one.data)
                    disk.sync(file)
                images.encoded_upload(part, _LOOK, None)
                part.replace(folder / one.file)
            finally:
                with contextlib.suppress(OSError):
                    part.unlink(missing_ok=True)
        disk.sync_names(folder)
    except OSError as error:
        raise disk.unusable(folder, error) from error


def _note(
    connection: Connection, teacher: Teacher, picture: NewPicture, class_id: int, now: float
) -> None:
    """Note the class of a picture, unless its label is in the log already."""
    if labels.by_key(connection, picture.key) is not None:
        return
    contributions.add(
        connection,
        Contribution(
            project_id=teacher.project_id,
            content_hash=picture.content_hash,
            file=picture.file,
            class_id=class_id,
            annotator_id=teacher.annotator_id,
            key=picture.key,
            created_at=now,
        ),
    )


def _request(
    connection: Connection, project: Project, teacher: Teacher, folder: Path, now: float
) -> None:
    """Ask for the import of what waits; of a new project once there are two pictures."""
    if project.state != "ready" and _waiting_files(folder) < 2:
        return
    if project.state == "failed":
        stored.set_state(connection, project.id, "importing")
    if project.state == "ready":
        additions.request(connection, project.id, {"kind": FOLDER, "path": str(folder)}, "", now)
    newest = jobs.newest(connection, project.id, "import")
    if newest is None or newest.state != "waiting":
        audit.note(connection, project.id, teacher.annotator_id, "more images", source=FOLDER)
    jobs.request(connection, project.id, "import", now, SOON)


def _waiting_files(folder: Path) -> int:
    """Count the pictures that wait, without those that are being written."""
    if not folder.is_dir():
        return 0
    return sum(1 for path in folder.iterdir() if not path.name.startswith("."))
