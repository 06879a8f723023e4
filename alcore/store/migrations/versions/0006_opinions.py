"""Opinions of models on labels that they have not seen."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "opinion",
        sa.Column("item_id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("event_id", sa.Integer(), nullable=False),
        sa.Column("class_id", sa.Integer(), nullable=False),
        sa.Column("p", sa.Float(), nullable=False),
        sa.Column("p_label", sa.Float(), nullable=False),
        sa.Column("doubt", sa.Float(), nullable=False),
        sa.Column("flagged", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["item_id"], ["item.id"], name="fk_opinion_item_id"),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name="fk_opinion_project_id"),
        sa.ForeignKeyConstraint(["event_id"], ["label_event.id"], name="fk_opinion_event_id"),
        sa.ForeignKeyConstraint(["class_id"], ["project_class.id"], name="fk_opinion_class_id"),
        sa.PrimaryKeyConstraint("item_id", name="pk_opinion"),
    )
    op.create_index("ix_opinion_project", "opinion", ["project_id", "created_at"])
    op.create_index(
        "ix_opinion_doubt", "opinion", ["project_id", "doubt"], sqlite_where=sa.text("flagged")
    )
    op.create_index("ix_vote_class", "vote", ["project_id", "item_id", "class_id", "event_id"])
    op.create_index("ix_answer_event", "answer", ["project_id", "event_id"])
