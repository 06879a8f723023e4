"""First schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

CURRENT_ANSWER = """
CREATE VIEW current_answer AS
SELECT e.* FROM answer a JOIN label_event e ON e.id = a.event_id
"""
CURRENT_LABEL = """
CREATE VIEW current_label AS
SELECT e.* FROM answer a JOIN label_event e ON e.id = a.event_id WHERE a.class_id IS NOT NULL
"""
ANSWERS = """
CREATE TRIGGER label_event_answers AFTER INSERT ON label_event WHEN new.kind != 'skip' BEGIN
  DELETE FROM answer WHERE item_id = new.item_id;
  INSERT INTO answer (item_id, project_id, event_id, class_id, split)
  SELECT e.item_id, e.project_id, e.id, e.class_id, i.split
  FROM label_event e JOIN item i ON i.id = e.item_id
  WHERE e.item_id = new.item_id AND e.kind IN ('label', 'import', 'unsure')
    AND NOT EXISTS (SELECT 1 FROM label_event u WHERE u.undoes = e.id)
  ORDER BY e.id DESC LIMIT 1;
END
"""


def upgrade() -> None:
    op.create_table(
        "annotator",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("active", sa.Boolean(), server_default="1", nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_annotator")),
        sa.UniqueConstraint("name", name=op.f("uq_annotator_name")),
    )
    op.create_table(
        "project",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("source", sa.JSON(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("channels", sa.Integer(), server_default="3", nullable=False),
        sa.Column("ranking", sa.Integer(), server_default="0", nullable=False),
        sa.Column("ranked_by", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("archived_at", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_project")),
        sa.UniqueConstraint("name", name=op.f("uq_project_name")),
    )
    op.create_table(
        "baseline_point",
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("trial", sa.Integer(), nullable=False),
        sa.Column("labels", sa.Integer(), nullable=False),
        sa.Column("evaluation", sa.JSON(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_baseline_point_project_id")
        ),
        sa.PrimaryKeyConstraint("project_id", "trial", "labels", name=op.f("pk_baseline_point")),
    )
    op.create_table(
        "job",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("args", sa.JSON(), nullable=False),
        sa.Column("attempt", sa.Integer(), server_default="0", nullable=False),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("worker", sa.String(), nullable=True),
        sa.Column("phase", sa.String(), server_default="", nullable=False),
        sa.Column("progress", sa.Float(), server_default="0", nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("traceback", sa.Text(), nullable=True),
        sa.Column("cancel_requested", sa.Boolean(), server_default="0", nullable=False),
        sa.Column("not_before", sa.Float(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("started_at", sa.Float(), nullable=True),
        sa.Column("heartbeat_at", sa.Float(), nullable=True),
        sa.Column("finished_at", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_job_project_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job")),
    )
    op.create_index("ix_job_project", "job", ["project_id", "kind", "id"], unique=False)
    op.create_index("ix_job_state", "job", ["state", "not_before"], unique=False)
    op.create_index(
        "uq_job_running",
        "job",
        ["project_id", "kind"],
        unique=True,
        sqlite_where=sa.text("state = 'running'"),
    )
    op.create_index(
        "uq_job_waiting",
        "job",
        ["project_id", "kind"],
        unique=True,
        sqlite_where=sa.text("state = 'waiting'"),
    )
    op.create_table(
        "project_class",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_project_class_project_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_project_class")),
        sa.UniqueConstraint("project_id", "name", name=op.f("uq_project_class_project_id_name")),
        sa.UniqueConstraint(
            "project_id", "position", name=op.f("uq_project_class_project_id_position")
        ),
    )
    op.create_table(
        "round",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("last_event", sa.Integer(), nullable=False),
        sa.Column("labels", sa.Integer(), nullable=False),
        sa.Column("summary", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_round_project_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_round")),
        sa.UniqueConstraint("project_id", "number", name=op.f("uq_round_project_id_number")),
    )
    op.create_table(
        "skipped_file",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_skipped_file_project_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_skipped_file")),
        sa.UniqueConstraint("project_id", "name", name=op.f("uq_skipped_file_project_id_name")),
    )
    op.create_table(
        "item",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("content_hash", sa.String(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("split", sa.String(), nullable=False),
        sa.Column("true_class", sa.Integer(), nullable=True),
        sa.Column("offset", sa.Integer(), nullable=True),
        sa.Column("length", sa.Integer(), nullable=True),
        sa.Column("path", sa.String(), nullable=True),
        sa.CheckConstraint("split in ('pool', 'holdout')", name="ck_item_split"),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_item_project_id")),
        sa.ForeignKeyConstraint(
            ["true_class"], ["project_class.id"], name=op.f("fk_item_true_class")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_item")),
        sa.UniqueConstraint(
            "project_id", "content_hash", name=op.f("uq_item_project_id_content_hash")
        ),
        sa.UniqueConstraint("project_id", "position", name=op.f("uq_item_project_id_position")),
    )
    op.create_index("ix_item_split", "item", ["project_id", "split", "position"], unique=False)
    op.create_table(
        "label_event",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("item_id", sa.Integer(), nullable=False),
        sa.Column("annotator_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("class_id", sa.Integer(), nullable=True),
        sa.Column("undoes", sa.Integer(), nullable=True),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("token", sa.String(), nullable=True),
        sa.Column("client_time", sa.Float(), nullable=True),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=True),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("round_id", sa.Integer(), nullable=True),
        sa.Column("suggestion_shown", sa.Boolean(), server_default="0", nullable=False),
        sa.CheckConstraint("(kind = 'undo') = (undoes is not null)", name="ck_label_event_undo"),
        sa.CheckConstraint(
            "(kind in ('label', 'import')) = (class_id is not null)", name="ck_label_event_class"
        ),
        sa.CheckConstraint(
            "kind in ('label', 'skip', 'unsure', 'undo', 'import')", name="ck_label_event_kind"
        ),
        sa.ForeignKeyConstraint(
            ["annotator_id"], ["annotator.id"], name=op.f("fk_label_event_annotator_id")
        ),
        sa.ForeignKeyConstraint(
            ["class_id"], ["project_class.id"], name=op.f("fk_label_event_class_id")
        ),
        sa.ForeignKeyConstraint(["item_id"], ["item.id"], name=op.f("fk_label_event_item_id")),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_label_event_project_id")
        ),
        sa.ForeignKeyConstraint(["round_id"], ["round.id"], name=op.f("fk_label_event_round_id")),
        sa.ForeignKeyConstraint(["undoes"], ["label_event.id"], name=op.f("fk_label_event_undoes")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_label_event")),
        sa.UniqueConstraint("key", name=op.f("uq_label_event_key")),
        sa.UniqueConstraint("undoes", name=op.f("uq_label_event_undoes")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_label_event_annotator",
        "label_event",
        ["annotator_id", "project_id", "id"],
        unique=False,
    )
    op.create_index("ix_label_event_item", "label_event", ["item_id", "id"], unique=False)
    op.create_index(
        "ix_label_event_time",
        "label_event",
        ["project_id", "kind", "created_at", "annotator_id"],
        unique=False,
    )
    op.create_index("ix_label_event_project", "label_event", ["project_id", "id"], unique=False)
    op.create_table(
        "answer",
        sa.Column("item_id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("event_id", sa.Integer(), nullable=False),
        sa.Column("class_id", sa.Integer(), nullable=True),
        sa.Column("split", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["class_id"], ["project_class.id"], name=op.f("fk_answer_class_id")
        ),
        sa.ForeignKeyConstraint(["event_id"], ["label_event.id"], name=op.f("fk_answer_event_id")),
        sa.ForeignKeyConstraint(["item_id"], ["item.id"], name=op.f("fk_answer_item_id")),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_answer_project_id")),
        sa.PrimaryKeyConstraint("item_id", name=op.f("pk_answer")),
    )
    op.create_index(
        "ix_answer_class",
        "answer",
        ["project_id", "split", "class_id", "event_id"],
        unique=False,
    )
    op.create_table(
        "lease",
        sa.Column("item_id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("annotator_id", sa.Integer(), nullable=False),
        sa.Column("client", sa.String(), nullable=False),
        sa.Column("token", sa.String(), nullable=False),
        sa.Column("expires_at", sa.Float(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("round_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["annotator_id"], ["annotator.id"], name=op.f("fk_lease_annotator_id")
        ),
        sa.ForeignKeyConstraint(["item_id"], ["item.id"], name=op.f("fk_lease_item_id")),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_lease_project_id")),
        sa.ForeignKeyConstraint(["round_id"], ["round.id"], name=op.f("fk_lease_round_id")),
        sa.PrimaryKeyConstraint("item_id", name=op.f("pk_lease")),
        sa.UniqueConstraint("token", name=op.f("uq_lease_token")),
    )
    op.create_index("ix_lease_project", "lease", ["project_id", "expires_at"], unique=False)
    op.create_table(
        "queue_item",
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("ranking", sa.Integer(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("item_id", sa.Integer(), nullable=False),
        sa.Column("score", sa.Float(), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("suggestion", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(["item_id"], ["item.id"], name=op.f("fk_queue_item_item_id")),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_queue_item_project_id")
        ),
        sa.PrimaryKeyConstraint("project_id", "ranking", "rank", name=op.f("pk_queue_item")),
        sa.UniqueConstraint(
            "project_id",
            "ranking",
            "item_id",
            name=op.f("uq_queue_item_project_id_ranking_item_id"),
        ),
    )
    op.execute(CURRENT_ANSWER)
    op.execute(CURRENT_LABEL)
    op.execute(ANSWERS)
    for verb in ("update", "delete"):
        op.execute(
            f"CREATE TRIGGER label_event_no_{verb} BEFORE {verb} ON label_event "
            "BEGIN SELECT RAISE(ABORT, 'label_event is append-only'); END"
        )
