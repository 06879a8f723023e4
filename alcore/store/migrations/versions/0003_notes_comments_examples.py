"""Notes and suggestions on answers, comments on items, examples of classes."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    # Not by batch: that would copy the table, and its triggers refuse the deletion of the old one.
    op.execute("ALTER TABLE label_event ADD COLUMN note VARCHAR")
    op.execute(
        "ALTER TABLE label_event ADD COLUMN suggested_class INTEGER REFERENCES project_class (id)"
    )
    op.execute("ALTER TABLE label_event ADD COLUMN suggested_by INTEGER")
    op.create_table(
        "comment",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("item_id", sa.Integer(), nullable=False),
        sa.Column("annotator_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name="fk_comment_project_id"),
        sa.ForeignKeyConstraint(["item_id"], ["item.id"], name="fk_comment_item_id"),
        sa.ForeignKeyConstraint(["annotator_id"], ["annotator.id"], name="fk_comment_annotator_id"),
        sa.PrimaryKeyConstraint("id", name="pk_comment"),
        sa.UniqueConstraint("key", name="uq_comment_key"),
    )
    op.create_index("ix_comment_item", "comment", ["item_id", "id"])
    op.create_index("ix_comment_project", "comment", ["project_id", "item_id"])
    op.create_table(
        "example",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("class_id", sa.Integer(), nullable=False),
        sa.Column("item_id", sa.Integer(), nullable=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("pixels", sa.LargeBinary(), nullable=True),
        sa.Column("mime", sa.String(), nullable=True),
        sa.Column("annotator_id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.CheckConstraint("(item_id is null) = (pixels is not null)", name="ck_example_picture"),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name="fk_example_project_id"),
        sa.ForeignKeyConstraint(["class_id"], ["project_class.id"], name="fk_example_class_id"),
        sa.ForeignKeyConstraint(["item_id"], ["item.id"], name="fk_example_item_id"),
        sa.ForeignKeyConstraint(["annotator_id"], ["annotator.id"], name="fk_example_annotator_id"),
        sa.PrimaryKeyConstraint("id", name="pk_example"),
        sa.UniqueConstraint("class_id", "item_id", name="uq_example_class_id_item_id"),
    )
    op.create_index("ix_example_project", "example", ["project_id", "id"])
