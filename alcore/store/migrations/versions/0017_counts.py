"""What pages count is kept by triggers; labels from files wait in rows until they come in."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0014"

PEOPLE = "('label', 'skip', 'unsure')"
ADD_ITEM = """
  INSERT INTO item_count (project_id, split, total) VALUES (new.project_id, new.split, 1)
  ON CONFLICT (project_id, split) DO UPDATE SET total = total + 1;
"""
TAKE_ITEM = """
  UPDATE item_count SET total = total - 1
  WHERE project_id = old.project_id AND split = old.split;
"""
ADD_ANSWER = """
  INSERT INTO answer_count (project_id, split, class_id, total)
  VALUES (new.project_id, new.split, coalesce(new.class_id, 0), 1)
  ON CONFLICT (project_id, split, class_id) DO UPDATE SET total = total + 1;
"""
TAKE_ANSWER = """
  UPDATE answer_count SET total = total - 1
  WHERE project_id = old.project_id AND split = old.split
    AND class_id = coalesce(old.class_id, 0);
"""
ADD_WORK = """
  INSERT INTO work (project_id, annotator_id, labels, skipped, unsure, undone, last_at)
  VALUES (new.project_id, new.annotator_id, new.kind = 'label', new.kind = 'skip',
    new.kind = 'unsure', 0, new.created_at)
  ON CONFLICT (project_id, annotator_id) DO UPDATE SET labels = labels + excluded.labels,
    skipped = skipped + excluded.skipped, unsure = unsure + excluded.unsure,
    last_at = max(last_at, excluded.last_at);
  INSERT INTO work_time (project_id, quarter, annotator_id, labels)
  SELECT new.project_id, CAST(new.created_at / 900 AS INTEGER), new.annotator_id, 1
  WHERE new.kind = 'label'
  ON CONFLICT (project_id, quarter, annotator_id) DO UPDATE SET labels = labels + 1;
"""
TAKE_WORK = f"""
  UPDATE work SET labels = labels - (e.kind = 'label'), skipped = skipped - (e.kind = 'skip'),
    unsure = unsure - (e.kind = 'unsure'), undone = undone + 1
  FROM label_event e WHERE e.id = new.undoes AND e.kind IN {PEOPLE}
    AND work.project_id = e.project_id AND work.annotator_id = e.annotator_id;
  UPDATE work_time SET labels = work_time.labels - 1
  FROM label_event e WHERE e.id = new.undoes AND e.kind = 'label'
    AND work_time.project_id = e.project_id AND work_time.annotator_id = e.annotator_id
    AND work_time.quarter = CAST(e.created_at / 900 AS INTEGER);
"""
TRIGGERS = {
    "item_counted AFTER INSERT ON item": ADD_ITEM,
    "item_uncounted AFTER DELETE ON item": TAKE_ITEM,
    "item_moved AFTER UPDATE OF split ON item WHEN old.split != new.split": TAKE_ITEM
    + ADD_ITEM
    + "UPDATE answer SET split = new.split WHERE item_id = new.id;",
    "answer_counted AFTER INSERT ON answer": ADD_ANSWER,
    "answer_uncounted AFTER DELETE ON answer": TAKE_ANSWER,
    "answer_changed AFTER UPDATE OF class_id, split ON answer "
    "WHEN old.class_id IS NOT new.class_id OR old.split != new.split": TAKE_ANSWER + ADD_ANSWER,
    f"label_event_counted AFTER INSERT ON label_event WHEN new.kind IN {PEOPLE}": ADD_WORK,
    "label_event_uncounted AFTER INSERT ON label_event WHEN new.kind = 'undo'": TAKE_WORK,
}
ANSWERS = """
CREATE TRIGGER label_event_answers AFTER INSERT ON label_event WHEN new.kind != 'skip' BEGIN
  DELETE FROM vote WHERE item_id = new.item_id AND annotator_id = new.annotator_id;
  INSERT INTO vote (item_id, annotator_id, project_id, event_id, class_id)
  SELECT e.item_id, e.annotator_id, e.project_id, e.id, e.class_id FROM label_event e
  WHERE e.item_id = new.item_id AND e.annotator_id = new.annotator_id
    AND e.kind IN ('label', 'import', 'unsure') AND e.origin != 'adjudicated'
    AND NOT EXISTS (SELECT 1 FROM label_event u WHERE u.undoes = e.id)
  ORDER BY e.id DESC LIMIT 1;
  DELETE FROM answer WHERE item_id = new.item_id;
  INSERT INTO answer (item_id, project_id, event_id, class_id, split, final, votes)
  SELECT i.id, i.project_id, v.event_id, v.class_id, i.split, v.final,
    (SELECT count(*) FROM vote WHERE vote.item_id = i.id)
  FROM verdict v JOIN item i ON i.id = v.item_id
  WHERE v.item_id = new.item_id;
END
"""
STANDING = "NOT EXISTS (SELECT 1 FROM label_event u WHERE u.undoes = e.id)"
COUNTS = (
    """
    INSERT INTO item_count (project_id, split, total)
    SELECT project_id, split, count(*) FROM item GROUP BY project_id, split
    """,
    """
    INSERT INTO answer_count (project_id, split, class_id, total)
    SELECT project_id, split, coalesce(class_id, 0), count(*) FROM answer
    GROUP BY project_id, split, coalesce(class_id, 0)
    """,
    f"""
    INSERT INTO work (project_id, annotator_id, labels, skipped, unsure, undone, last_at)
    SELECT project_id, annotator_id, sum(kind = 'label' AND stands),
      sum(kind = 'skip' AND stands), sum(kind = 'unsure' AND stands), sum(NOT stands),
      max(created_at)
    FROM (SELECT e.*, {STANDING} AS stands FROM label_event e WHERE e.kind IN {PEOPLE})
    GROUP BY project_id, annotator_id
    """,
    f"""
    INSERT INTO work_time (project_id, quarter, annotator_id, labels)
    SELECT e.project_id, CAST(e.created_at / 900 AS INTEGER), e.annotator_id, count(*)
    FROM label_event e WHERE e.kind = 'label' AND {STANDING} GROUP BY 1, 2, 3
    """,
)


def upgrade() -> None:
    op.add_column("answer", sa.Column("votes", sa.Integer(), nullable=False, server_default="1"))
    op.execute(
        "UPDATE answer SET votes = (SELECT count(*) FROM vote WHERE vote.item_id = answer.item_id)"
    )
    op.create_index(
        "ix_answer_several",
        "answer",
        ["project_id", "item_id"],
        sqlite_where=sa.text("votes > 1"),
    )
    op.execute("DROP TRIGGER label_event_answers")
    op.execute(ANSWERS)
    op.create_table(
        "item_count",
        _of("project"),
        sa.Column("split", sa.String(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "split"),
    )
    op.create_table(
        "answer_count",
        _of("project"),
        sa.Column("split", sa.String(), nullable=False),
        sa.Column("class_id", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "split", "class_id"),
    )
    counted = ("labels", "skipped", "unsure", "undone")
    op.create_table(
        "work",
        _of("project"),
        _of("annotator"),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in counted),
        sa.Column("last_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "annotator_id"),
    )
    op.create_table(
        "work_time",
        _of("project"),
        sa.Column("quarter", sa.Integer(), nullable=False),
        _of("annotator"),
        sa.Column("labels", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "quarter", "annotator_id"),
    )
    for count in COUNTS:
        op.execute(count)
    for head, body in TRIGGERS.items():
        op.execute(f"CREATE TRIGGER {head} BEGIN {body} END")
    op.create_index(
        "ix_label_event_seconds",
        "label_event",
        ["project_id", "id", "seconds"],
        sqlite_where=sa.text("seconds IS NOT NULL"),
    )
    op.create_index(
        "ix_label_event_withdrawal",
        "label_event",
        ["project_id", "id", "item_id"],
        sqlite_where=sa.text("kind IN ('undo', 'unsure')"),
    )
    op.create_table(
        "label_import",
        sa.Column("id", sa.Integer(), primary_key=True),
        _of("project"),
        sa.Column("key", sa.String(), nullable=False, unique=True),
        sa.Column("use", sa.String(), nullable=False),
        sa.Column("class_ids", sa.JSON(), nullable=False, server_default="[]"),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("accepted_at", sa.Float()),
        sa.Column("finished_at", sa.Float()),
        sa.CheckConstraint("use in ('labels', 'answer key')", name="ck_label_import_use"),
    )
    op.create_index("ix_label_import_project", "label_import", ["project_id", "id"])
    op.create_table(
        "staged_label",
        sa.Column("import_id", sa.Integer(), sa.ForeignKey("label_import.id"), nullable=False),
        _of("item"),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("kept", sa.Boolean(), nullable=False, server_default="0"),
        sa.PrimaryKeyConstraint("import_id", "item_id"),
    )
    op.create_index(
        "ix_staged_label_waiting",
        "staged_label",
        ["import_id", "item_id"],
        sqlite_where=sa.text("NOT kept"),
    )


def _of(table: str) -> sa.Column[int]:
    return sa.Column(f"{table}_id", sa.Integer(), sa.ForeignKey(f"{table}.id"), nullable=False)
