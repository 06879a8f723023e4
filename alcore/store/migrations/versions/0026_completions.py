"""A model may label what it is sure of, once people have checked a random sample of it."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    op.create_table(
        "completion",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("project_id", sa.Integer(), sa.ForeignKey("project.id"), nullable=False),
        sa.Column("round_id", sa.Integer(), sa.ForeignKey("round.id")),
        sa.Column("source", sa.String(), nullable=False, server_default=""),
        sa.Column("precision", sa.Float()),
        sa.Column("threshold", sa.Float()),
        sa.Column("expected", sa.Float()),
        sa.Column("images", sa.Integer(), nullable=False),
        sa.Column("annotator_id", sa.Integer(), sa.ForeignKey("annotator.id")),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("drawn_at", sa.Float()),
        sa.Column("written_at", sa.Float()),
        sa.Column("withdrawn_at", sa.Float()),
        sa.Column("right", sa.Integer()),
        sa.Index("ix_completion_project", "project_id", "id"),
        sa.Index(
            "uq_completion_open",
            "project_id",
            unique=True,
            sqlite_where=sa.text("written_at IS NULL AND withdrawn_at IS NULL"),
        ),
    )
    op.create_table(
        "model_label",
        sa.Column("completion_id", sa.Integer(), sa.ForeignKey("completion.id"), primary_key=True),
        sa.Column("item_id", sa.Integer(), sa.ForeignKey("item.id"), primary_key=True),
        sa.Column("project_id", sa.Integer(), sa.ForeignKey("project.id"), nullable=False),
        sa.Column("class_id", sa.Integer(), sa.ForeignKey("project_class.id"), nullable=False),
        sa.Column("probability", sa.Float()),
        sa.Column("draw", sa.Integer()),
        sa.Index("ix_model_label_project", "project_id", "item_id"),
        sa.Index(
            "ix_model_label_check",
            "project_id",
            "completion_id",
            "draw",
            sqlite_where=sa.text("draw IS NOT NULL"),
        ),
    )
