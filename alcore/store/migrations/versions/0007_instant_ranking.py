"""How many labels the instant head knew: of a queue, of a lease, of an answer."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    for table in ("project", "lease", "label_event"):
        op.add_column(table, sa.Column("instant", sa.Integer(), nullable=True))
