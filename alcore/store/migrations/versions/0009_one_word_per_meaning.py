"""One word per meaning: label checks, the head's labels, known classes, recipes, designs."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.execute("UPDATE job SET kind = 'label_check' WHERE kind = 'review'")
    op.execute("ALTER TABLE project RENAME COLUMN role TO known_classes")
    op.execute("ALTER TABLE experiment RENAME COLUMN grid TO design")
    for table in ("project", "label_event", "lease"):
        op.execute(f"ALTER TABLE {table} RENAME COLUMN instant TO head_labels")
    op.execute(
        "UPDATE round SET summary = json_set(json_remove(summary, '$.teaching'), '$.recipe', "
        "json_extract(summary, '$.teaching')) WHERE json_type(summary, '$.teaching') = 'object'"
    )
    op.create_table(
        "label_check",
        sa.Column("item_id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("event_id", sa.Integer(), nullable=False),
        sa.Column("class_id", sa.Integer(), nullable=False),
        sa.Column("p", sa.Float(), nullable=False),
        sa.Column("p_label", sa.Float(), nullable=False),
        sa.Column("error_score", sa.Float(), nullable=False),
        sa.Column("flagged", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["item_id"], ["item.id"], name="fk_label_check_item_id"),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name="fk_label_check_project_id"),
        sa.ForeignKeyConstraint(["event_id"], ["label_event.id"], name="fk_label_check_event_id"),
        sa.ForeignKeyConstraint(["class_id"], ["project_class.id"], name="fk_label_check_class_id"),
        sa.PrimaryKeyConstraint("item_id", name="pk_label_check"),
    )
    op.execute("INSERT INTO label_check SELECT * FROM opinion")
    op.drop_table("opinion")
    op.create_index("ix_label_check_project", "label_check", ["project_id", "created_at"])
    op.create_index(
        "ix_label_check_error_score",
        "label_check",
        ["project_id", "error_score"],
        sqlite_where=sa.text("flagged"),
    )
