"""A class joins a session by a code and labels copies of a project, in groups."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    op.create_table(
        "session",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("project_id", sa.Integer(), sa.ForeignKey("project.id"), nullable=False),
        sa.Column("annotator_id", sa.Integer(), sa.ForeignKey("annotator.id")),
        sa.Column("code", sa.String(), nullable=False, unique=True),
        sa.Column("minutes", sa.Integer(), nullable=False),
        sa.Column("locked", sa.Boolean(), nullable=False, server_default="0"),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("starts_at", sa.Float()),
        sa.Column("ends_at", sa.Float()),
        sa.Index("ix_session_project", "project_id", "id"),
    )
    op.create_table(
        "session_group",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("session_id", sa.Integer(), sa.ForeignKey("session.id"), nullable=False),
        sa.Column(
            "project_id", sa.Integer(), sa.ForeignKey("project.id"), nullable=False, unique=True
        ),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("strategy", sa.String(), nullable=False),
        sa.Index("ix_session_group_session", "session_id", "id"),
    )
    op.create_table(
        "student",
        sa.Column("annotator_id", sa.Integer(), sa.ForeignKey("annotator.id"), primary_key=True),
        sa.Column("session_id", sa.Integer(), sa.ForeignKey("session.id"), nullable=False),
        sa.Column("project_id", sa.Integer(), sa.ForeignKey("project.id"), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("joined_at", sa.Float(), nullable=False),
        sa.Column("removed_at", sa.Float()),
        sa.Index("ix_student_session", "session_id", "joined_at"),
        sa.Index("ix_student_project", "project_id"),
    )
    _guesses()
    op.create_table(
        "simulated_point",
        sa.Column("project_id", sa.Integer(), sa.ForeignKey("project.id"), primary_key=True),
        sa.Column("learner", sa.String(), primary_key=True),
        sa.Column("strategy", sa.String(), primary_key=True),
        sa.Column("labels", sa.Integer(), primary_key=True),
        sa.Column("accuracy", sa.Float()),
        sa.Column("batch", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
    )


def _guesses() -> None:
    op.create_table(
        "guess",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("project_id", sa.Integer(), sa.ForeignKey("project.id"), nullable=False),
        sa.Column("session_id", sa.Integer(), sa.ForeignKey("session.id"), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("asked_at", sa.Float(), nullable=False),
        sa.Column("shown_at", sa.Float()),
        sa.Column("closed_at", sa.Float()),
        sa.Column("bars", sa.JSON(), nullable=False, server_default="{}"),
        sa.Index("ix_guess_session", "session_id", "id"),
    )
    op.create_table(
        "guess_answer",
        sa.Column("guess_id", sa.Integer(), sa.ForeignKey("guess.id"), primary_key=True),
        sa.Column("annotator_id", sa.Integer(), sa.ForeignKey("annotator.id"), primary_key=True),
        sa.Column("project_id", sa.Integer(), sa.ForeignKey("project.id"), nullable=False),
        sa.Column("class_place", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Index("ix_guess_answer_project", "project_id"),
    )
