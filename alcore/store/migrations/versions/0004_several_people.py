"""Several people: votes, leases per person, answers that an item shall get, gold, members."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

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
  SELECT i.id, i.project_id, said.event_id, said.class_id, i.split, said.final
  FROM item i JOIN (
    SELECT e.id AS event_id, e.class_id, 1 AS final, 0 AS votes FROM label_event e
    WHERE e.item_id = new.item_id AND e.origin = 'adjudicated' AND e.kind IN ('label', 'unsure')
      AND NOT EXISTS (SELECT 1 FROM label_event u WHERE u.undoes = e.id)
    UNION ALL
    SELECT max(event_id), class_id, 0, count(*) FROM vote
    WHERE item_id = new.item_id GROUP BY class_id
  ) said
  WHERE i.id = new.item_id
  ORDER BY said.final DESC, said.votes DESC, said.event_id DESC LIMIT 1;
END
"""
VOTES = """
INSERT INTO vote (item_id, annotator_id, project_id, event_id, class_id)
SELECT item_id, annotator_id, project_id, id, class_id FROM label_event WHERE id IN (
  SELECT max(e.id) FROM label_event e
  WHERE e.kind IN ('label', 'import', 'unsure')
    AND NOT EXISTS (SELECT 1 FROM label_event u WHERE u.undoes = e.id)
  GROUP BY e.item_id, e.annotator_id)
"""
LEASE = ("item_id, project_id, annotator_id, client, token, expires_at, origin, round_id",) * 2


def upgrade() -> None:
    op.create_table(
        "vote",
        sa.Column("item_id", sa.Integer(), nullable=False),
        sa.Column("annotator_id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("event_id", sa.Integer(), nullable=False),
        sa.Column("class_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["item_id"], ["item.id"], name=op.f("fk_vote_item_id")),
        sa.ForeignKeyConstraint(
            ["annotator_id"], ["annotator.id"], name=op.f("fk_vote_annotator_id")
        ),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_vote_project_id")),
        sa.ForeignKeyConstraint(["event_id"], ["label_event.id"], name=op.f("fk_vote_event_id")),
        sa.ForeignKeyConstraint(["class_id"], ["project_class.id"], name=op.f("fk_vote_class_id")),
        sa.PrimaryKeyConstraint("item_id", "annotator_id", name=op.f("pk_vote")),
    )
    op.create_index("ix_vote_annotator", "vote", ["project_id", "annotator_id"])
    op.execute(VOTES)
    op.add_column("answer", sa.Column("final", sa.Boolean(), server_default="0", nullable=False))
    op.add_column("item", sa.Column("answers", sa.Integer(), server_default="1", nullable=False))
    op.create_index(
        "ix_item_answers", "item", ["project_id", "id"], sqlite_where=sa.text("answers > 1")
    )
    op.execute("DROP TRIGGER label_event_answers")
    op.execute(ANSWERS)
    op.rename_table("lease", "lease_before")
    op.drop_index("ix_lease_project", "lease_before")
    op.create_table(
        "lease",
        sa.Column("token", sa.String(), nullable=False),
        sa.Column("item_id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("annotator_id", sa.Integer(), nullable=False),
        sa.Column("client", sa.String(), nullable=False),
        sa.Column("expires_at", sa.Float(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("round_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["item_id"], ["item.id"], name=op.f("fk_lease_item_id")),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_lease_project_id")),
        sa.ForeignKeyConstraint(
            ["annotator_id"], ["annotator.id"], name=op.f("fk_lease_annotator_id")
        ),
        sa.ForeignKeyConstraint(["round_id"], ["round.id"], name=op.f("fk_lease_round_id")),
        sa.PrimaryKeyConstraint("token", name=op.f("pk_lease")),
        sa.UniqueConstraint("item_id", "annotator_id", name=op.f("uq_lease_item_id_annotator_id")),
    )
    op.create_index("ix_lease_project", "lease", ["project_id", "expires_at"])
    op.execute("INSERT INTO lease ({}) SELECT {} FROM lease_before".format(*LEASE))
    op.drop_table("lease_before")
    op.add_column("annotator", sa.Column("subject", sa.String(), nullable=True))
    op.create_index("uq_annotator_subject", "annotator", ["subject"], unique=True)
    op.create_table(
        "member",
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("annotator_id", sa.Integer(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("joined_at", sa.Float(), nullable=False),
        sa.Column("seen_at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_member_project_id")),
        sa.ForeignKeyConstraint(
            ["annotator_id"], ["annotator.id"], name=op.f("fk_member_annotator_id")
        ),
        sa.CheckConstraint("role in ('owner', 'annotator', 'removed')", name="ck_member_role"),
        sa.PrimaryKeyConstraint("project_id", "annotator_id", name=op.f("pk_member")),
    )
    op.create_table(
        "gold",
        sa.Column("item_id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("class_id", sa.Integer(), nullable=False),
        sa.Column("suggestion", sa.JSON(), nullable=True),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["item_id"], ["item.id"], name=op.f("fk_gold_item_id")),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_gold_project_id")),
        sa.ForeignKeyConstraint(["class_id"], ["project_class.id"], name=op.f("fk_gold_class_id")),
        sa.PrimaryKeyConstraint("item_id", name=op.f("pk_gold")),
    )
    op.create_index("ix_gold_project", "gold", ["project_id"])
