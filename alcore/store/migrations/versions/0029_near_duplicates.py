"""Groups of near-duplicates, how many images were compared, and when images changed sides."""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"


def upgrade() -> None:
    op.create_table(
        "near_duplicate",
        sa.Column("item_id", sa.Integer(), sa.ForeignKey("item.id"), primary_key=True),
        sa.Column("project_id", sa.Integer(), sa.ForeignKey("project.id"), nullable=False),
        sa.Column("first_id", sa.Integer(), sa.ForeignKey("item.id"), nullable=False),
        sa.Index("ix_near_duplicate_group", "project_id", "first_id"),
    )
    op.add_column(
        "project", sa.Column("compared", sa.Integer(), nullable=False, server_default="0")
    )
    op.add_column("project", sa.Column("split_at", sa.Float()))
