"""A calibration of a mixture says what the shares of its candidates are."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0013"


def upgrade() -> None:
    op.add_column(
        "calibration", sa.Column("shares", sa.JSON(), nullable=False, server_default="[]")
    )
