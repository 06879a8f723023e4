"""What is known of images besides their classes: columns, their values, and texts once each."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    op.create_table(
        "metadata_column",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("project_id", sa.Integer(), sa.ForeignKey("project.id"), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("pattern", sa.String(), nullable=False, server_default=""),
        sa.Column("last_item", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("accepted", sa.Boolean(), nullable=False, server_default="0"),
        sa.Column("grouping", sa.Boolean(), nullable=False, server_default="0"),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.CheckConstraint("kind in ('text', 'number', 'date')", name="ck_metadata_column_kind"),
        sa.CheckConstraint("origin in ('table', 'path', 'exif')", name="ck_metadata_column_origin"),
        sa.Index(
            "uq_metadata_column_name",
            "project_id",
            "name",
            unique=True,
            sqlite_where=sa.text("accepted"),
        ),
        sa.Index("ix_metadata_column_project", "project_id", "id"),
    )
    op.create_table(
        "metadata_text",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("project_id", sa.Integer(), sa.ForeignKey("project.id"), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.UniqueConstraint("project_id", "text", name="uq_metadata_text_project_id_text"),
    )
    op.create_table(
        "metadata_value",
        sa.Column("column_id", sa.Integer(), sa.ForeignKey("metadata_column.id"), primary_key=True),
        sa.Column("item_id", sa.Integer(), sa.ForeignKey("item.id"), primary_key=True),
        sa.Column("value", sa.Float(), nullable=False),
        sa.Index("ix_metadata_value_value", "column_id", "value"),
        sqlite_with_rowid=False,
    )
