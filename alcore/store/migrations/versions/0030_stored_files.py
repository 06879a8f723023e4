"""Files may lie in an object store, in parts; rows say which objects make up which file."""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"


def upgrade() -> None:
    op.create_table(
        "stored_file",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("project_id", sa.Integer(), sa.ForeignKey("project.id")),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("start", sa.Integer(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("object", sa.String(), nullable=False, unique=True),
        sa.Index("ix_stored_file_project", "project_id", "id"),
        sqlite_autoincrement=True,
    )
