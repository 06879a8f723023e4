"""Owns the tables of experiments; a round is one row, with its arrays in it."""

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from alcore.store.tables import metadata as metadata

experiment = Table(
    "experiment",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String, nullable=False, unique=True),
    Column("design", JSON, nullable=False),
    Column("paused", Boolean, nullable=False, server_default="0"),
    Column("driver", String),
    Column("beat_at", Float),
    Column("created_at", Float, nullable=False),
    Column("error", Text),
)

experiment_run = Table(
    "experiment_run",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("experiment_id", ForeignKey("experiment.id"), nullable=False),
    Column("cell", String, nullable=False),
    Column("trial", Integer, nullable=False),
    Column("place", Integer, nullable=False),
    Column("spec", JSON, nullable=False),
    Column("planned", Integer, nullable=False),
    Column("finished", Integer, nullable=False, server_default="0"),
    Column("error", Text),
    UniqueConstraint("experiment_id", "cell", "trial"),
)
"""`finished` counts its rounds; it changes in the transaction that adds one."""

experiment_round = Table(
    "experiment_round",
    metadata,
    Column("run_id", ForeignKey("experiment_run.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("created_at", Float, nullable=False),
    Column("labels", Integer, nullable=False),
    Column("answers", Integer, nullable=False),
    Column("minutes", Float, nullable=False),
    Column("accuracy", Float, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("summary", JSON, nullable=False),
    Column("arrays", LargeBinary, nullable=False),
)
