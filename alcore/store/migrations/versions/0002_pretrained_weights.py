"""Weights learned from a project's images without labels."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "pretrained",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("about", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_pretrained_project_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pretrained")),
        sa.UniqueConstraint("project_id", "number", name=op.f("uq_pretrained_project_id_number")),
    )
