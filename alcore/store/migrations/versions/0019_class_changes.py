"""Classes can be renamed, described, ordered, merged and put away, and all of that undone."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"

TODAY = """
CREATE VIEW class_today AS
SELECT id, project_id, CASE WHEN gone_at IS NULL THEN id ELSE merged_into END AS class_id
FROM project_class
"""
VERDICT = """
CREATE VIEW verdict AS
SELECT project_id, item_id, event_id, class_id, final FROM (
  SELECT project_id, item_id, event_id, class_id, final, row_number() OVER (
    PARTITION BY project_id, item_id ORDER BY final DESC, votes DESC, event_id DESC) AS place
  FROM (
    SELECT e.project_id, e.item_id, e.id AS event_id, t.class_id, 1 AS final, 0 AS votes
    FROM label_event e LEFT JOIN class_today t ON t.id = e.class_id
    WHERE e.origin = 'adjudicated' AND e.kind IN ('label', 'unsure')
      AND (e.class_id IS NULL OR t.class_id IS NOT NULL)
      AND NOT EXISTS (SELECT 1 FROM label_event u WHERE u.undoes = e.id)
      AND NOT EXISTS (
        SELECT 1 FROM label_event l WHERE l.item_id = e.item_id AND l.id > e.id
          AND l.origin = 'adjudicated' AND l.kind IN ('label', 'unsure')
          AND NOT EXISTS (SELECT 1 FROM label_event u WHERE u.undoes = l.id))
    UNION ALL
    SELECT project_id, item_id, max(event_id), class_id, 0, count(*) FROM vote
    GROUP BY project_id, item_id, class_id
  )
) WHERE place = 1
"""
ANSWERS = """
CREATE TRIGGER label_event_answers AFTER INSERT ON label_event WHEN new.kind != 'skip' BEGIN
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
  WHERE v.item_id = new.item_id;
END
"""
APPEND_ONLY = """
CREATE TRIGGER class_event_no_{act} BEFORE {act} ON class_event
BEGIN SELECT RAISE(ABORT, 'class_event is append-only'); END
"""


def upgrade() -> None:
    op.add_column(
        "project_class",
        sa.Column("description", sa.String(), server_default="", nullable=False),
    )
    op.add_column("project_class", sa.Column("gone_at", sa.Float(), nullable=True))
    op.add_column("project_class", sa.Column("gone_name", sa.String(), nullable=True))
    op.add_column("project_class", sa.Column("merged_into", sa.Integer(), nullable=True))
    op.create_table(
        "class_event",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("annotator_id", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("before", sa.JSON(), nullable=False),
        sa.Column("after", sa.JSON(), nullable=False),
        sa.Column("undoes", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name="fk_class_event_project_id"),
        sa.ForeignKeyConstraint(
            ["annotator_id"], ["annotator.id"], name="fk_class_event_annotator_id"
        ),
        sa.ForeignKeyConstraint(["undoes"], ["class_event.id"], name="fk_class_event_undoes"),
        sa.PrimaryKeyConstraint("id", name="pk_class_event"),
        sa.UniqueConstraint("undoes", name="uq_class_event_undoes"),
    )
    op.create_index("ix_class_event_project", "class_event", ["project_id", "id"])
    for act in ("update", "delete"):
        op.execute(APPEND_ONLY.format(act=act))
    op.execute(TODAY)
    op.execute("DROP TRIGGER label_event_answers")
    op.execute("DROP VIEW verdict")
    op.execute(VERDICT)
    op.execute(ANSWERS)
