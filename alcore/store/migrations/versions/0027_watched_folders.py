"""A project may watch a folder: what is new of it comes in by itself."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    op.create_table(
        "watched_folder",
        sa.Column("project_id", sa.Integer(), sa.ForeignKey("project.id"), primary_key=True),
        sa.Column("source", sa.JSON(), nullable=False),
        sa.Column("prefix", sa.String(), nullable=False),
        sa.Column("minutes", sa.Float(), nullable=False),
        sa.Column("asked_at", sa.Float()),
        sa.Column("looked_at", sa.Float()),
        sa.Column("problem", sa.String(), nullable=False, server_default=""),
        sa.Column("new", sa.Integer(), nullable=False, server_default="0"),
    )
