"""A temperature says how many labels there were when it was found."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0011"


def upgrade() -> None:
    op.add_column(
        "calibration", sa.Column("of_labels", sa.Integer(), nullable=False, server_default="0")
    )
