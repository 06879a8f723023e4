"""Who owns every project: an annotator may be an administrator."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0015"


def upgrade() -> None:
    op.add_column(
        "annotator",
        sa.Column("administrator", sa.Boolean(), server_default="0", nullable=False),
    )
