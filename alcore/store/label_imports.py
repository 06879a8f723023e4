"""Owns what an import of labels asks and writes: what an image has already, what is on its way.

Labels of a file are staged first, which nobody sees, then accepted at once, then come in a few at a
time. Times are Unix seconds.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import (
    Connection,
    Float,
    Integer,
    String,
    bindparam,
    cast,
    delete,
    func,
    insert,
    literal_column,
    select,
    text,
    update,
)

from alcore.records import Split
from alcore.store import labels
from alcore.store.functions import nth_number
from alcore.store.tables import (
    annotator,
    answer,
    item,
    label_event,
    label_import,
    project,
    staged_label,
    today,
    vote,
)

FORGOTTEN = 24 * 3600.0
"""Seconds after which nobody asks any more what became of a file."""


# -- statements that bring a lot: the labels of a file up to an item ------------------------------
_class_ids = (
    select(label_import.c.class_ids)
    .where(label_import.c.id == bindparam("import"))
    .scalar_subquery()
)
_class_id = nth_number(_class_ids, staged_label.c.place)
_of_file = (staged_label.c.import_id == bindparam("import"), text("NOT kept"))
_of_lot = (*_of_file, staged_label.c.item_id <= bindparam("last"))
_answered = (
    select(answer.c.item_id)
    .join(label_event, label_event.c.id == answer.c.event_id)
    .where(
        answer.c.item_id == staged_label.c.item_id,
        answer.c.class_id.is_not(None),
        label_event.c.kind != "import",
    )
    .correlate(staged_label)
)
_said = (
    select(vote.c.item_id)
    .join(label_event, label_event.c.id == vote.c.event_id)
    .where(
        vote.c.item_id == staged_label.c.item_id,
        vote.c.annotator_id == bindparam("importer"),
        vote.c.class_id == _class_id,
        label_event.c.kind == "import",
    )
    .correlate(staged_label)
)
_new = (*_of_lot, ~_answered.exists(), ~_said.exists())
"""As `Standing.has_not` says it."""
_next = select(staged_label.c.item_id).where(*_of_file).order_by(staged_label.c.item_id)
_LOT_END = select(func.max(_next.limit(bindparam("n")).subquery().c.item_id))
_KEEP = (
    update(staged_label)
    .where(*_of_lot, _answered.where(answer.c.class_id != _class_id).exists())
    .values(kept=True)
)
_ASK_ONE = (
    update(item)
    .where(item.c.answers != 1, item.c.id.in_(select(staged_label.c.item_id).where(*_new)))
    .values(answers=1)
)
_APPEND = labels.append_from(
    select(
        bindparam("project", type_=Integer).label("project_id"),
        staged_label.c.item_id,
        bindparam("importer", type_=Integer).label("annotator_id"),
        literal_column("'import'").label("kind"),
        _class_id.label("class_id"),
        (bindparam("key", type_=String) + cast(staged_label.c.item_id, String)).label("key"),
        bindparam("now", type_=Float).label("created_at"),
        literal_column("'import'").label("origin"),
    )
    .where(*_new)
    .order_by(staged_label.c.item_id)
)
_TRUE_CLASSES = (
    update(item)
    .where(item.c.id.in_(select(staged_label.c.item_id).where(*_of_lot)))
    .values(
        true_class=select(_class_id)
        .where(staged_label.c.import_id == bindparam("import"))
        .where(staged_label.c.item_id == item.c.id)
        .scalar_subquery()
    )
)
_COME_IN = delete(staged_label).where(*_of_lot)


@dataclass(frozen=True, slots=True)
class Standing:
    """What an image has already."""

    name: str
    content_hash: str
    true_class: int | None
    class_id: int | None
    """Of the label that counts."""
    imported: int | None
    """What imports said of it last."""
    by_people: bool
    """Somebody has answered it."""
    split: Split

    @property
    def is_open(self) -> bool:
        """Nobody has answered it, and the model may learn from it."""
        return self.class_id is None and not self.by_people and self.split == "pool"

    def is_kept_from(self, class_id: int | None) -> bool:
        """Tell whether people labeled it, otherwise than a file does: then theirs stays."""
        return self.by_people and self.class_id is not None and self.class_id != class_id

    def has_not(self, class_id: int | None) -> bool:
        """Tell whether a label of a file is new, and comes in."""
        if self.by_people and self.class_id is not None:
            return False
        return class_id is None or self.imported != class_id


@dataclass(frozen=True)
class Incoming:
    """A file of labels that was accepted and has not come in whole yet."""

    id: int
    project_id: int
    key: str
    use: str
    class_ids: tuple[int, ...]


def begin(connection: Connection, project_id: int, use: str, now: float) -> int:
    """Note that a file of labels is being staged; return its id.

    What was given up before it was accepted, and what nobody has asked about, goes.
    """
    before = now - FORGOTTEN
    old = select(label_import.c.id).where(
        (label_import.c.finished_at < before)
        | (label_import.c.accepted_at.is_(None) & (label_import.c.created_at < before))
    )
    for number in connection.execute(old).scalars().all():
        forget(connection, number)
    new = insert(label_import).values(
        project_id=project_id, use=use, key=secrets.token_hex(8), created_at=now
    )
    return connection.execute(new.returning(label_import.c.id)).scalar_one()


def stage(connection: Connection, import_id: int, places: Sequence[tuple[int, int]]) -> None:
    """Keep labels, as item ids and places of classes, that do not count yet."""
    rows = [{"import_id": import_id, "item_id": i, "place": place} for i, place in places]
    if rows:
        connection.execute(insert(staged_label), rows)


def accept(connection: Connection, import_id: int, class_ids: Sequence[int], now: float) -> None:
    """Let what was staged come in, whatever happens to whoever brought it."""
    connection.execute(
        update(label_import)
        .where(label_import.c.id == import_id)
        .values(class_ids=list(class_ids), accepted_at=now)
    )


def waiting(connection: Connection, project_id: int | None = None) -> list[Incoming]:
    """List the files that are to come in, the oldest first; those of one project or of all."""
    query = select(label_import).where(
        label_import.c.accepted_at.is_not(None), label_import.c.finished_at.is_(None)
    )
    if project_id is not None:
        query = query.where(label_import.c.project_id == project_id)
    rows = connection.execute(query.order_by(label_import.c.id))
    return [
        Incoming(row.id, row.project_id, row.key, row.use, tuple(row.class_ids)) for row in rows
    ]


def lot_end(connection: Connection, import_id: int, n: int) -> int | None:
    """Return the item with which the next n labels of a file end; None where none waits."""
    return connection.execute(_LOT_END, {"import": import_id, "n": n}).scalar()


def let_in(connection: Connection, incoming: Incoming, last: int, now: float) -> None:
    """Say in the log what a file says of images up to `last`, where that is new.

    One statement for all of them: row by row the way to the database takes most of the time.
    What people have answered otherwise is kept, and marked so.
    """
    importer = labels.annotator_named(connection, labels.IMPORTER, now)
    values = {
        "import": incoming.id,
        "last": last,
        "project": incoming.project_id,
        "importer": importer.id,
        "key": f"import-{incoming.key}-",
        "now": now,
    }
    connection.execute(_KEEP, values)
    connection.execute(_ASK_ONE, values)
    connection.execute(_APPEND, values)
    connection.execute(_COME_IN, values)


def let_in_key(connection: Connection, incoming: Incoming, last: int) -> None:
    """Let what a file says of images up to `last` be their true classes."""
    values = {"import": incoming.id, "last": last}
    connection.execute(_TRUE_CLASSES, values)
    connection.execute(_COME_IN, values)


def finish(connection: Connection, import_id: int, now: float) -> bool:
    """Note that a file has come in whole; return whether that is news."""
    news = connection.execute(
        update(label_import)
        .where(label_import.c.id == import_id, label_import.c.finished_at.is_(None))
        .values(finished_at=now)
        .returning(label_import.c.id)
    )
    return news.first() is not None


def kept(connection: Connection, import_id: int) -> set[int]:
    """Read the items where people had labeled otherwise by the time a file came in."""
    rows = connection.execute(
        select(staged_label.c.item_id).where(
            staged_label.c.import_id == import_id, staged_label.c.kept
        )
    )
    return set(rows.scalars())


def forget(connection: Connection, import_id: int) -> None:
    """Delete what is known of a file that came in, or that was given up."""
    connection.execute(delete(staged_label).where(staged_label.c.import_id == import_id))
    connection.execute(delete(label_import).where(label_import.c.id == import_id))


def standings(connection: Connection, project_id: int) -> dict[int, Standing]:
    """Read what the images of a project are called and have, by item id."""
    importer = select(annotator.c.id).where(annotator.c.name == labels.IMPORTER).scalar_subquery()
    votes = (
        select(vote.c.item_id, vote.c.class_id)
        .join(label_event, label_event.c.id == vote.c.event_id)
        .where(
            vote.c.project_id == project_id,
            vote.c.annotator_id == importer,
            label_event.c.kind == "import",
        )
    )
    known = (
        select(
            item.c.id,
            item.c.name,
            item.c.content_hash,
            today(item.c.true_class),
            answer.c.class_id,
            label_event.c.kind,
            item.c.split,
        )
        .outerjoin(answer, answer.c.item_id == item.c.id)
        .outerjoin(label_event, label_event.c.id == answer.c.event_id)
        .where(item.c.project_id == project_id)
    )
    imported = dict(connection.execute(votes).all())
    return {
        number: Standing(
            name, digest, true, counting, imported.get(number), kind not in (None, "import"), split
        )
        for number, name, digest, true, counting, kind, split in connection.execute(known)
    }


def set_key(connection: Connection, project_id: int) -> None:
    """Let a project have an answer key: the true classes that are known.

    What people had answered of other holdout images is true from now on: they were measured by it.
    """
    answered = select(answer.c.class_id).where(answer.c.item_id == item.c.id).scalar_subquery()
    connection.execute(
        update(item)
        .where(
            item.c.project_id == project_id,
            item.c.split == "holdout",
            item.c.true_class.is_(None),
            answered.is_not(None),
        )
        .values(true_class=answered)
    )
    connection.execute(
        update(project).where(project.c.id == project_id).values(known_classes="answer key")
    )
