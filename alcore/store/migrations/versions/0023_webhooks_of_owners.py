"""A webhook says who added it, so that it ends when they own the project no more."""

from alembic import op

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    # SQLite adds a column with its reference, which Alembic does not know.
    op.execute("ALTER TABLE webhook ADD COLUMN annotator_id INTEGER REFERENCES annotator (id)")
