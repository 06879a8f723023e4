"""An answer says whether an explanation of the model was on screen."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    op.add_column(
        "label_event",
        sa.Column("explanation_shown", sa.Boolean(), nullable=False, server_default="0"),
    )
