"""Owns the newest schema for PostgreSQL: the tables, with views and triggers in its language.

What each of them means is told where SQLite's are made, in `migrations/versions`. A migration that
changes one changes it here too, and on both databases.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, Index, MetaData, UniqueConstraint, text
from sqlalchemy.schema import CreateIndex

from alcore.store.experiment_tables import metadata

_VIEWS = (
    """
    CREATE VIEW class_today AS
    SELECT id, project_id, CASE WHEN gone_at IS NULL THEN id ELSE merged_into END AS class_id
    FROM project_class
    """,
    """
    CREATE VIEW current_answer AS
    SELECT e.* FROM answer a JOIN label_event e ON e.id = a.event_id
    """,
    """
    CREATE VIEW current_label AS
    SELECT e.* FROM answer a JOIN label_event e ON e.id = a.event_id
    WHERE a.class_id IS NOT NULL
    """,
    """
    CREATE VIEW verdict AS
    SELECT project_id, item_id, event_id, class_id, final FROM (
      SELECT project_id, item_id, event_id, class_id, final, row_number() OVER (
        PARTITION BY project_id, item_id ORDER BY final DESC, votes DESC, event_id DESC) AS place
      FROM (
        SELECT e.project_id, e.item_id, e.id AS event_id, t.class_id, true AS final, 0 AS votes
        FROM label_event e LEFT JOIN class_today t ON t.id = e.class_id
        WHERE e.origin = 'adjudicated' AND e.kind IN ('label', 'unsure')
          AND (e.class_id IS NULL OR t.class_id IS NOT NULL)
          AND NOT EXISTS (SELECT 1 FROM label_event u WHERE u.undoes = e.id)
          AND NOT EXISTS (
            SELECT 1 FROM label_event l WHERE l.item_id = e.item_id AND l.id > e.id
              AND l.origin = 'adjudicated' AND l.kind IN ('label', 'unsure')
              AND NOT EXISTS (SELECT 1 FROM label_event u WHERE u.undoes = l.id))
        UNION ALL
        SELECT project_id, item_id, max(event_id), class_id, false, count(*) FROM vote
        GROUP BY project_id, item_id, class_id
      ) said
    ) placed WHERE place = 1
    """,
)
_REFUSE = "RAISE integrity_constraint_violation USING MESSAGE = TG_TABLE_NAME || ' is append-only';"
_ADD_ITEM = """
  INSERT INTO item_count (project_id, split, total) VALUES (new.project_id, new.split, 1)
  ON CONFLICT (project_id, split) DO UPDATE SET total = item_count.total + 1;
"""
_TAKE_ITEM = """
  UPDATE item_count SET total = total - 1
  WHERE project_id = old.project_id AND split = old.split;
"""
_ADD_ANSWER = """
  INSERT INTO answer_count (project_id, split, class_id, total)
  VALUES (new.project_id, new.split, coalesce(new.class_id, 0), 1)
  ON CONFLICT (project_id, split, class_id) DO UPDATE SET total = answer_count.total + 1;
"""
_TAKE_ANSWER = """
  UPDATE answer_count SET total = total - 1
  WHERE project_id = old.project_id AND split = old.split
    AND class_id = coalesce(old.class_id, 0);
"""
_ADD_WORK = """
  INSERT INTO work (project_id, annotator_id, labels, skipped, unsure, undone, last_at)
  VALUES (new.project_id, new.annotator_id, (new.kind = 'label')::int, (new.kind = 'skip')::int,
    (new.kind = 'unsure')::int, 0, new.created_at)
  ON CONFLICT (project_id, annotator_id) DO UPDATE SET labels = work.labels + excluded.labels,
    skipped = work.skipped + excluded.skipped, unsure = work.unsure + excluded.unsure,
    last_at = greatest(work.last_at, excluded.last_at);
  IF new.kind = 'label' THEN
    INSERT INTO work_time (project_id, quarter, annotator_id, labels)
    VALUES (new.project_id, floor(new.created_at / 900), new.annotator_id, 1)
    ON CONFLICT (project_id, quarter, annotator_id) DO UPDATE SET labels = work_time.labels + 1;
  END IF;
"""
_TAKE_WORK = """
  UPDATE work SET labels = labels - (e.kind = 'label')::int,
    skipped = skipped - (e.kind = 'skip')::int, unsure = unsure - (e.kind = 'unsure')::int,
    undone = undone + 1
  FROM label_event e WHERE e.id = new.undoes AND e.kind IN ('label', 'skip', 'unsure')
    AND work.project_id = e.project_id AND work.annotator_id = e.annotator_id;
  UPDATE work_time SET labels = work_time.labels - 1
  FROM label_event e WHERE e.id = new.undoes AND e.kind = 'label'
    AND work_time.project_id = e.project_id AND work_time.annotator_id = e.annotator_id
    AND work_time.quarter = floor(e.created_at / 900);
"""
_ANSWERS = """
  DELETE FROM vote WHERE item_id = new.item_id AND annotator_id = new.annotator_id;
  INSERT INTO vote (item_id, annotator_id, project_id, event_id, class_id)
  SELECT s.item_id, s.annotator_id, s.project_id, s.id, t.class_id FROM (
    SELECT e.item_id, e.annotator_id, e.project_id, e.id, e.class_id FROM label_event e
    WHERE e.item_id = new.item_id AND e.annotator_id = new.annotator_id
      AND e.kind IN ('label', 'import', 'unsure') AND e.origin != 'adjudicated'
      AND NOT EXISTS (SELECT 1 FROM label_event u WHERE u.undoes = e.id)
    ORDER BY e.id DESC LIMIT 1
  ) s LEFT JOIN class_today t ON t.id = s.class_id
  WHERE s.class_id IS NULL OR t.class_id IS NOT NULL;
  DELETE FROM answer WHERE item_id = new.item_id;
  INSERT INTO answer (item_id, project_id, event_id, class_id, split, final, votes)
  SELECT i.id, i.project_id, v.event_id, v.class_id, i.split, v.final,
    (SELECT count(*) FROM vote WHERE vote.item_id = i.id)
  FROM verdict v JOIN item i ON i.id = v.item_id
  WHERE v.item_id = new.item_id AND v.project_id = new.project_id;
"""
_KEEP = f"""
  IF TG_OP = 'UPDATE'
    OR (SELECT deleted_at FROM project WHERE id = old.project_id) IS NULL THEN {_REFUSE}
  END IF;
  RETURN old;
"""
_TRIGGERS = {
    "item_counted AFTER INSERT ON item": _ADD_ITEM,
    "item_uncounted AFTER DELETE ON item": _TAKE_ITEM,
    "item_moved AFTER UPDATE OF split ON item WHEN (old.split != new.split)": _TAKE_ITEM
    + _ADD_ITEM
    + "UPDATE answer SET split = new.split WHERE item_id = new.id;",
    "answer_counted AFTER INSERT ON answer": _ADD_ANSWER,
    "answer_uncounted AFTER DELETE ON answer": _TAKE_ANSWER,
    "answer_changed AFTER UPDATE OF class_id, split ON answer "
    "WHEN (old.class_id IS DISTINCT FROM new.class_id OR old.split != new.split)": _TAKE_ANSWER
    + _ADD_ANSWER,
    "label_event_answers AFTER INSERT ON label_event WHEN (new.kind != 'skip')": _ANSWERS,
    "label_event_counted AFTER INSERT ON label_event "
    "WHEN (new.kind IN ('label', 'skip', 'unsure'))": _ADD_WORK,
    "label_event_uncounted AFTER INSERT ON label_event WHEN (new.kind = 'undo')": _TAKE_WORK,
    "label_event_kept BEFORE UPDATE OR DELETE ON label_event": _KEEP,
    "class_event_kept BEFORE UPDATE OR DELETE ON class_event": _KEEP,
    "audit_event_kept BEFORE UPDATE OR DELETE ON audit_event": _REFUSE,
}
_MANY = {"item", "label_event"}
"""Tables of which a deletion takes many rows."""


def create(connection: Connection, revision: str) -> None:
    """Make tables, views and triggers where there are none, and note which revision they are of."""
    metadata.create_all(connection)
    for index in _of_references():
        connection.execute(CreateIndex(index))
    for view in _VIEWS:
        connection.execute(text(view))
    for head, body in _TRIGGERS.items():
        name, what = head.split(" ", 1)
        table, _, condition = what.partition(" ON ")[2].partition(" ")
        connection.exec_driver_sql(
            f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN {body} RETURN NULL; END $$"
        )
        connection.exec_driver_sql(
            f"CREATE TRIGGER {name} {what.partition(' ON ')[0]} ON {table} FOR EACH ROW "
            f"{condition} EXECUTE FUNCTION {name}()"
        )
    connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) PRIMARY KEY)"))
    stamp = text("INSERT INTO alembic_version (version_num) VALUES (:revision)")
    connection.execute(stamp, {"revision": revision})


def _of_references() -> Iterator[Index]:
    """Make an index for each reference to many rows that has none: each deletion looks there.

    SQLite need not: it deletes a project's rows without a look. Tables are copied, since an index
    stays with the table that it is made for, and a database of SQLite has none of these.
    """
    copy = MetaData()
    for table in [one.to_metadata(copy) for one in metadata.sorted_tables]:
        unique = [one for one in table.constraints if isinstance(one, UniqueConstraint)]
        first = {next(iter(key.columns)).name for key in (table.primary_key, *unique)}
        first |= {next(iter(index.columns)).name for index in table.indexes}
        for column in table.columns:
            targets = {key.column.table.name for key in column.foreign_keys}
            if targets & _MANY and column.name not in first:
                yield Index(f"ix_{table.name}_refers_{column.name}", column)
