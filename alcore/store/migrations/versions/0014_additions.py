"""Images that come into a project later are rows of sources, so that a stopped import goes on."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0016"


def upgrade() -> None:
    op.create_table(
        "addition",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("project_id", sa.Integer(), sa.ForeignKey("project.id"), nullable=False),
        sa.Column("source", sa.JSON(), nullable=False),
        sa.Column("prefix", sa.String(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("finished_at", sa.Float()),
        sa.Column("images", sa.Integer(), nullable=False, server_default="0"),
        sa.UniqueConstraint("project_id", "prefix"),
    )
