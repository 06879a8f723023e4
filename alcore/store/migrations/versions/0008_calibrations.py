"""Temperatures that models of the review have found, by recipe."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "calibration",
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("recipe", sa.String(), nullable=False),
        sa.Column("temperature", sa.Float(), nullable=False),
        sa.Column("labels", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name="fk_calibration_project_id"),
        sa.PrimaryKeyConstraint("project_id", "recipe", name="pk_calibration"),
    )
    # Rounds found their own before, and noted how many labels there were.
    op.execute("UPDATE round SET summary = json_remove(summary, '$.calibration.found_at')")
