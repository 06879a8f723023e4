"""Owns copying a project's rows into another project: images, classes, examples, labels."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    String,
    and_,
    cast,
    insert,
    literal,
    or_,
    select,
    text,
)
from sqlalchemy.dialects.sqlite import insert as insert_or

from alcore.store.tables import (
    answer,
    example,
    item,
    label_event,
    project,
    project_class,
    skipped_file,
    today,
    vote,
)

_METADATA = (
    "INSERT INTO metadata_text (project_id, text) SELECT :copy, text FROM metadata_text "
    "WHERE project_id = :project ORDER BY id",
    "INSERT INTO metadata_column (project_id, name, kind, origin, pattern, last_item, accepted, "
    "grouping, created_at) SELECT :copy, c.name, c.kind, c.origin, c.pattern, "
    "coalesce((SELECT there.id FROM item JOIN item there ON there.position = item.position "
    "AND there.project_id = :copy WHERE item.id = c.last_item), 0), true, c.grouping, c.created_at "
    "FROM metadata_column c WHERE c.project_id = :project AND c.accepted ORDER BY c.id",
    "INSERT INTO metadata_value (column_id, item_id, value) SELECT new.id, there.id, "
    "CASE c.kind WHEN 'text' THEN (SELECT t.id FROM metadata_text t JOIN metadata_text old "
    "ON old.text = t.text WHERE t.project_id = :copy AND old.id = v.value) ELSE v.value END "
    "FROM metadata_column c JOIN metadata_column new ON new.project_id = :copy "
    "AND new.name = c.name JOIN metadata_value v ON v.column_id = c.id "
    "JOIN item ON item.id = v.item_id JOIN item there ON there.project_id = :copy "
    "AND there.position = item.position WHERE c.project_id = :project AND c.accepted",
)

_NEAR = (
    "INSERT INTO near_duplicate (item_id, project_id, first_id) SELECT there.id, :copy, "
    "first_there.id FROM near_duplicate d JOIN item ON item.id = d.item_id "
    "JOIN item there ON there.project_id = :copy AND there.position = item.position "
    "JOIN item first ON first.id = d.first_id JOIN item first_there "
    "ON first_there.project_id = :copy AND first_there.position = first.position "
    "WHERE d.project_id = :project",
    "UPDATE project SET compared = (SELECT compared FROM project WHERE id = :project) "
    "WHERE id = :copy",
)

_there = item.alias("there")
_class_here = project_class.alias("class_here")
_class_there = project_class.alias("class_there")


def images(connection: Connection, project_id: int, copy_id: int) -> None:
    """Copy classes that are offered and all images, with which of them are near-duplicates."""
    classes = select(
        literal(copy_id),
        project_class.c.name,
        project_class.c.position,
        project_class.c.created_at,
        project_class.c.description,
    ).where(project_class.c.project_id == project_id, project_class.c.gone_at.is_(None))
    names = ["project_id", "name", "position", "created_at", "description"]
    connection.execute(insert(project_class).from_select(names, classes))
    others = [c.name for c in item.c if c.name not in ("id", "project_id", "true_class")]
    rows = (
        select(literal(copy_id), _in_copy(copy_id, item.c.true_class), *(item.c[n] for n in others))
        .where(item.c.project_id == project_id)
        .order_by(item.c.position)
    )
    connection.execute(insert(item).from_select(["project_id", "true_class", *others], rows))
    left_out = select(literal(copy_id), skipped_file.c.name, skipped_file.c.reason)
    connection.execute(
        insert(skipped_file).from_select(
            ["project_id", "name", "reason"],
            left_out.where(skipped_file.c.project_id == project_id),
        )
    )
    source = select(project.c.channels, project.c.state).where(project.c.id == project_id)
    channels, state = connection.execute(source).one()
    connection.execute(
        project.update().where(project.c.id == copy_id).values(channels=channels, state=state)
    )
    for statement in _NEAR:
        connection.execute(text(statement), {"project": project_id, "copy": copy_id})


def metadata(connection: Connection, project_id: int, copy_id: int) -> None:
    """Copy what is known of images."""
    for statement in _METADATA:
        connection.execute(text(statement), {"project": project_id, "copy": copy_id})


def examples(connection: Connection, project_id: int, copy_id: int) -> None:
    """Copy what classes look like."""
    class_id = _in_copy(copy_id, example.c.class_id)
    kept = ("name", "pixels", "mime", "annotator_id", "created_at")
    rows = (
        select(literal(copy_id), class_id, _there.c.id, *(example.c[n] for n in kept))
        .outerjoin(item, item.c.id == example.c.item_id)
        .outerjoin(
            _there, and_(_there.c.project_id == copy_id, _there.c.position == item.c.position)
        )
        .where(example.c.project_id == project_id, class_id.is_not(None))
        .order_by(example.c.id)
    )
    names = ["project_id", "class_id", "item_id", *kept]
    connection.execute(insert_or(example).from_select(names, rows).on_conflict_do_nothing())


def labels(connection: Connection, project_id: int, copy_id: int) -> int:
    """Copy each person's last word on each image, and owners' last words; return how many.

    The copies keep who, when and how long; which model had asked is of the other project.
    """
    class_id = _in_copy(copy_id, label_event.c.class_id)
    kept = ("annotator_id", "kind", "created_at", "seconds", "origin", "note")
    last = select(vote.c.event_id).where(vote.c.project_id == project_id)
    final = select(answer.c.event_id).where(answer.c.project_id == project_id, answer.c.final)
    rows = (
        select(
            literal(copy_id),
            _there.c.id,
            class_id,
            f"copy-{copy_id}-" + cast(label_event.c.id, String),
            *(label_event.c[n] for n in kept),
        )
        .join(item, item.c.id == label_event.c.item_id)
        .join(_there, and_(_there.c.project_id == copy_id, _there.c.position == item.c.position))
        .where(
            or_(label_event.c.id.in_(last), label_event.c.id.in_(final)),
            or_(label_event.c.class_id.is_(None), class_id.is_not(None)),
        )
        .order_by(label_event.c.id)
    )
    names = ["project_id", "item_id", "class_id", "key", *kept]
    return connection.execute(insert(label_event).from_select(names, rows)).rowcount


def _in_copy(copy_id: int, class_id: ColumnElement[Any]) -> ColumnElement[Any]:
    """The class of the copy that has the name of the one that counts for a class today."""
    return (
        select(_class_there.c.id)
        .join(_class_here, _class_here.c.name == _class_there.c.name)
        .where(_class_there.c.project_id == copy_id, _class_here.c.id == today(class_id))
        .correlate_except(_class_here, _class_there)
        .scalar_subquery()
    )
