"""Snapshots of label sets; projects that are deleted for real, whose logs alone may go."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"

NO_DELETE = """
CREATE TRIGGER {table}_no_delete BEFORE delete ON {table}
WHEN (SELECT deleted_at FROM project WHERE id = old.project_id) IS NULL
BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END
"""


def upgrade() -> None:
    op.add_column("project", sa.Column("deleted_at", sa.Float(), nullable=True))
    for table in ("label_event", "class_event"):
        op.execute(f"DROP TRIGGER {table}_no_delete")
        op.execute(NO_DELETE.format(table=table))
    op.create_table(
        "snapshot",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("revision", sa.String(), nullable=False),
        sa.Column("labels", sa.Integer(), nullable=False),
        sa.Column("last_event", sa.Integer(), nullable=False),
        sa.Column("annotator_id", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("format", sa.Integer(), nullable=False),
        sa.Column("rows", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name="fk_snapshot_project_id"),
        sa.ForeignKeyConstraint(
            ["annotator_id"], ["annotator.id"], name="fk_snapshot_annotator_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_snapshot"),
        sa.UniqueConstraint("project_id", "name", name="uq_snapshot_project_id_name"),
    )
