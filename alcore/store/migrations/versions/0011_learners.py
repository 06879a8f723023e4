"""Rounds and points of the baseline say which learner made them."""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

OLD = sa.table(
    "baseline_point",
    *(sa.column(c) for c in ("project_id", "trial", "labels", "seconds", "created_at")),
    sa.column("evaluation", sa.JSON),
)
ROUND = sa.table(
    "round",
    *(sa.column(c) for c in ("id", "project_id", "number", "created_at")),
    sa.column("summary", sa.JSON),
)
PROJECT = sa.table("project", sa.column("id"), sa.column("settings", sa.JSON))
PRETRAINED = sa.table("pretrained", *(sa.column(c) for c in ("project_id", "number", "created_at")))
FROM_POOL = "SimCLR"
"""How the weights of a pretraining on the project's images were called."""


def upgrade() -> None:
    connection = op.get_bind()
    settings = dict(connection.execute(sa.select(PROJECT.c.id, PROJECT.c.settings)).all())
    newest: dict[int, str] = {}
    for row in connection.execute(sa.select(ROUND).order_by(ROUND.c.project_id, ROUND.c.number)):
        learner = _learner(connection, row, settings[row.project_id])
        newest[row.project_id] = json.dumps(learner, sort_keys=True)
        connection.execute(
            ROUND.update()
            .where(ROUND.c.id == row.id)
            .values(summary={**row.summary, "learner": learner})
        )
    points = connection.execute(sa.select(OLD)).mappings().all()
    op.drop_table("baseline_point")
    table = op.create_table(
        "baseline_point",
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("learner", sa.String(), nullable=False),
        sa.Column("trial", sa.Integer(), nullable=False),
        sa.Column("labels", sa.Integer(), nullable=False),
        sa.Column("evaluation", sa.JSON(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_baseline_point_project_id")
        ),
        sa.PrimaryKeyConstraint(
            "project_id", "learner", "trial", "labels", name=op.f("pk_baseline_point")
        ),
    )
    # They were dropped whenever the learner changed: those that are there are the newest one's.
    kept = [{**p, "learner": newest[p["project_id"]]} for p in points if p["project_id"] in newest]
    if kept:
        connection.execute(table.insert(), kept)


def _learner(connection: sa.Connection, row: sa.Row[Any], settings: dict[str, Any]) -> Any:
    """Put together what a round recorded of its learner, and today's settings for the rest."""
    taught, rule = row.summary.get("recipe", {}), settings.get("learner", {})
    weights = taught.get("weights", "none")
    if weights.startswith(FROM_POOL):
        number = connection.execute(
            sa.select(sa.func.max(PRETRAINED.c.number)).where(
                PRETRAINED.c.project_id == row.project_id,
                PRETRAINED.c.created_at <= row.created_at,
            )
        ).scalar()
        weights = f"pretraining {number or 1}"
    elif weights.startswith("torchvision"):
        weights = "torchvision"
    elif weights == "the last model":
        weights = "none"
    elif weights != "none":
        weights = f"file {rule.get('weights_file') or weights}"
    return {
        "network": taught.get("network", "small CNN"),
        "resolution": settings.get("resolution", 32),
        "augmentation": taught.get("augmentation") or settings.get("augmentation", "shift"),
        "weights": weights,
        "transfer": taught.get("transfer", "none") if weights != "none" else "none",
        # The first model begins anew whatever the mode is.
        "mode": rule.get("mode", "fresh") if row.number == 1 else row.summary["mode"],
        "unlabeled": taught.get("unlabeled", "none"),
        "balance": taught.get("balance", "none"),
    }
