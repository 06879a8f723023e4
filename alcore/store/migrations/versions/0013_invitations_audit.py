"""Invitations are rows, which can be revoked; what owners do is a log that is only added to."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.create_table(
        "invitation",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("project_id", sa.Integer(), sa.ForeignKey("project.id"), nullable=False),
        sa.Column("annotator_id", sa.Integer(), sa.ForeignKey("annotator.id")),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("expires_at", sa.Float(), nullable=False),
        sa.Column("revoked_at", sa.Float()),
        sa.Column("joined", sa.Integer(), nullable=False, server_default="0"),
        sa.Index("ix_invitation_project", "project_id", "id"),
    )
    op.create_table(
        "audit_event",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("project_id", sa.Integer(), sa.ForeignKey("project.id")),
        sa.Column("annotator_id", sa.Integer(), sa.ForeignKey("annotator.id")),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("act", sa.String(), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Index("ix_audit_event_project", "project_id", "id"),
    )
    for verb in ("update", "delete"):
        op.execute(
            f"CREATE TRIGGER audit_event_no_{verb} BEFORE {verb} ON audit_event "
            "BEGIN SELECT RAISE(ABORT, 'audit_event is append-only'); END"
        )
