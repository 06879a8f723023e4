"""Owns the rows of completions: what a model may label by itself, and what people checked of it.

Times are Unix seconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from alcore.errors import CompletionUnready
from alcore.records import CheckCounts, Completion, Item, Label, NewModelLabel
from alcore.store import assignment
from alcore.store.tables import annotator, answer, completion, item, model_label, round_, today

_AT_ONCE = 2_000
_class = today(model_label.c.class_id)
_counts = and_(completion.c.written_at.is_not(None), completion.c.withdrawn_at.is_(None))
_answered = select(answer.c.item_id).where(answer.c.item_id == model_label.c.item_id).exists()
_ABOUT = (
    select(completion, round_.c.number, annotator.c.name.label("who"))
    .outerjoin(round_, round_.c.id == completion.c.round_id)
    .outerjoin(annotator, annotator.c.id == completion.c.annotator_id)
)
_CHECKS = (
    select(model_label.c.item_id)
    .join(item, item.c.id == model_label.c.item_id)
    .where(
        model_label.c.project_id == bindparam("project"),
        model_label.c.draw.is_not(None),
        assignment.is_check,
        assignment.anew(answers=1),
    )
    .order_by(assignment.skips, model_label.c.draw)
    .limit(bindparam("n"))
)
_IS_CHECK = select(item.c.id).where(item.c.id == bindparam("item"), assignment.is_check)


def begin(connection: Connection, project_id: int, new: Completion, by: int | None) -> int:
    """Add a completion that is not drawn yet; return its id.

    Raises CompletionUnready where the project has one that is neither written nor withdrawn.
    """
    undrawn = select(completion.c.id).where(
        completion.c.project_id == project_id, completion.c.drawn_at.is_(None)
    )
    for number in connection.execute(undrawn).scalars().all():
        connection.execute(delete(model_label).where(model_label.c.completion_id == number))
        connection.execute(delete(completion).where(completion.c.id == number))
    values = {
        "project_id": project_id,
        "round_id": new.round_id,
        "source": "" if new.round_id is not None else new.author,
        "precision": new.precision,
        "threshold": new.threshold,
        "expected": new.expected,
        "images": new.images,
        "annotator_id": by,
        "created_at": new.created_at,
    }
    row = insert(completion).values(values).returning(completion.c.id)
    try:
        return connection.execute(row).scalar_one()
    except IntegrityError as error:
        raise CompletionUnready(
            "images are drawn already; write their labels or discard them first"
        ) from error


def add_labels(
    connection: Connection, project_id: int, completion_id: int, rows: Sequence[NewModelLabel]
) -> None:
    """Keep what the model says of images, which does not count yet."""
    of_completion = {"completion_id": completion_id, "project_id": project_id}
    connection.execute(insert(model_label), [of_completion | vars(row) for row in rows])


def set_drawn(connection: Connection, completion_id: int, now: float) -> None:
    """Note that all of a completion's images are there, so that its sample is asked."""
    _set(connection, completion_id, drawn_at=now)


def write(connection: Connection, completion_id: int, right: int, now: float) -> None:
    """Let the model's labels count. right: images of the sample where it was."""
    _set(connection, completion_id, written_at=now, right=right)


def withdraw(connection: Connection, completion_id: int, now: float) -> None:
    """Let the model's labels count no more; `forget_labels` frees their room."""
    _set(connection, completion_id, withdrawn_at=now)


def _set(connection: Connection, completion_id: int, **values: float) -> None:
    connection.execute(update(completion).where(completion.c.id == completion_id).values(**values))


def forget_labels(connection: Connection, completion_id: int) -> bool:
    """Delete some of the labels that were withdrawn; return whether there may be more."""
    some = (
        select(model_label.c.item_id)
        .where(model_label.c.completion_id == completion_id)
        .limit(_AT_ONCE)
    )
    gone = connection.execute(
        delete(model_label).where(
            model_label.c.completion_id == completion_id, model_label.c.item_id.in_(some)
        )
    )
    return gone.rowcount > 0


def of_project(connection: Connection, project_id: int) -> list[Completion]:
    """List a project's completions that are open or written, newest first."""
    rows = connection.execute(
        _ABOUT.where(
            completion.c.project_id == project_id,
            completion.c.drawn_at.is_not(None),
            completion.c.withdrawn_at.is_(None),
        ).order_by(completion.c.id.desc())
    )
    return [
        Completion(
            id=row.id,
            author=row.source or f"model {row.number}",
            round_id=row.round_id,
            model=row.number,
            precision=row.precision,
            threshold=row.threshold,
            expected=row.expected,
            images=row.images,
            who=row.who,
            created_at=row.created_at,
            written_at=row.written_at,
            right=row.right,
        )
        for row in rows
    ]


def checks(connection: Connection, completion_id: int) -> CheckCounts:
    """Count the sample of a completion: how many there are, were answered, and were right.

    An image that people were unsure of is answered, and not right.
    """
    asked = model_label.c.draw.is_not(None)
    right = asked & (answer.c.class_id == _class)
    row = connection.execute(
        select(
            func.count().filter(asked),
            func.count().filter(asked & answer.c.item_id.is_not(None)),
            func.count().filter(right),
            func.count().filter(~asked & answer.c.item_id.is_(None) & _class.is_not(None)),
        )
        .select_from(model_label)
        .outerjoin(answer, answer.c.item_id == model_label.c.item_id)
        .where(model_label.c.completion_id == completion_id)
    ).one()
    return CheckCounts(*row)


def next_checks(
    connection: Connection, project_id: int, annotator_id: int, now: float, n: int
) -> list[int]:
    """Read the ids of up to n images of a sample that this person may check now.

    Those that they skipped come last.
    """
    who = {"project": project_id, "annotator": annotator_id, "now": now, "n": n}
    return list(connection.execute(_CHECKS, who).scalars())


def is_check(connection: Connection, item_id: int) -> bool:
    """Tell whether an image is in a sample that is being checked."""
    return connection.execute(_IS_CHECK, {"item": item_id}).first() is not None


def labeled(connection: Connection, project_id: int) -> np.ndarray:
    """Read the ids (n,) int64 of images whose model labels count."""
    rows = connection.execute(
        select(model_label.c.item_id)
        .join(completion, completion.c.id == model_label.c.completion_id)
        .where(_of_model(project_id))
    )
    return np.array(rows.scalars().all(), np.int64)


def count(connection: Connection, project_id: int) -> int:
    """Count the model labels that count."""
    return connection.execute(
        select(func.count())
        .select_from(model_label)
        .join(completion, completion.c.id == model_label.c.completion_id)
        .where(_of_model(project_id))
    ).scalar_one()


def labels(
    connection: Connection, project_id: int
) -> Iterator[list[tuple[Label, Item, float | None]]]:
    """Read the model labels that count, with images and probabilities, block by block."""
    rows = connection.execution_options(yield_per=_AT_ONCE).execute(
        select(
            _class,
            completion.c.written_at,
            completion.c.source,
            round_.c.number,
            model_label.c.probability,
            *item.c,
        )
        .select_from(model_label)
        .join(completion, completion.c.id == model_label.c.completion_id)
        .outerjoin(round_, round_.c.id == completion.c.round_id)
        .join(item, item.c.id == model_label.c.item_id)
        .where(_of_model(project_id))
        .order_by(completion.c.id, item.c.position)
    )
    for block in rows.partitions():
        found = []
        for class_id, at, source, number, probability, *columns in block:
            image = Item(*columns)
            label = Label(
                image.id, class_id, source or f"model {number}", at, None, "model", number
            )
            found.append((label, image, probability))
        yield found


def _of_model(project_id: int) -> ColumnElement[bool]:
    """Which rows are labels that count: written, of a class of today, and nobody answered."""
    return and_(
        model_label.c.project_id == project_id,
        _counts,
        model_label.c.draw.is_(None),
        ~_answered,
        _class.is_not(None),
    )
