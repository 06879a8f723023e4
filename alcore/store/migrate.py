"""Owns bringing a database to the newest schema, by Alembic migrations in `migrations/`."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine, inspect, text

HEAD = "0001"
"""The newest revision; a database that is there already starts without importing Alembic."""


def upgrade(engine: Engine) -> None:
    """Create the schema, or bring an older one up to date; several processes may try at once."""
    with engine.begin() as connection:
        if inspect(connection).has_table("alembic_version"):
            found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
            if found == HEAD:
                return
        from alembic import command
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
