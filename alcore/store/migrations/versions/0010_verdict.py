"""What counts of an item is said once, by the view `verdict`; when a lease was made."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

VERDICT = """
CREATE VIEW verdict AS
SELECT project_id, item_id, event_id, class_id, final FROM (
  SELECT project_id, item_id, event_id, class_id, final, row_number() OVER (
    PARTITION BY project_id, item_id ORDER BY final DESC, votes DESC, event_id DESC) AS place
  FROM (
    SELECT e.project_id, e.item_id, e.id AS event_id, e.class_id, 1 AS final, 0 AS votes
    FROM label_event e WHERE e.origin = 'adjudicated' AND e.kind IN ('label', 'unsure')
      AND NOT EXISTS (SELECT 1 FROM label_event u WHERE u.undoes = e.id)
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
  SELECT e.item_id, e.annotator_id, e.project_id, e.id, e.class_id FROM label_event e
  WHERE e.item_id = new.item_id AND e.annotator_id = new.annotator_id
    AND e.kind IN ('label', 'import', 'unsure') AND e.origin != 'adjudicated'
    AND NOT EXISTS (SELECT 1 FROM label_event u WHERE u.undoes = e.id)
  ORDER BY e.id DESC LIMIT 1;
  DELETE FROM answer WHERE item_id = new.item_id;
  INSERT INTO answer (item_id, project_id, event_id, class_id, split, final)
  SELECT i.id, i.project_id, v.event_id, v.class_id, i.split, v.final
  FROM verdict v JOIN item i ON i.id = v.item_id
  WHERE v.item_id = new.item_id;
END
"""


def upgrade() -> None:
    op.execute("DROP TRIGGER label_event_answers")
    op.execute(VERDICT)
    op.execute(ANSWERS)
    op.add_column("lease", sa.Column("leased_at", sa.Float(), server_default="0", nullable=False))
