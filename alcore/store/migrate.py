"""Owns bringing a database to the newest schema, by Alembic migrations in `migrations/`."""

from __future__ import annotations

from sqlalchemy import Connection, Engine, inspect, text

from alcore.errors import WorkspaceUnusable
from alcore.store.functions import POSTGRESQL

HEAD = "0030"
"""The newest revision; a database that is there already starts without importing Alembic."""


def is_newest(engine: Engine) -> bool:
    """Tell whether a database has the newest schema."""
    with engine.connect() as connection:
        return _revision(connection) == HEAD


def upgrade(engine: Engine) -> None:
    """Create the schema, or bring an older one up to date; several processes may try at once.

    Raises WorkspaceUnusable for a database of a newer alcore.
    """
    with engine.begin() as connection:
        revision = _revision(connection)
        if revision == HEAD:
            return
        if revision is None and connection.dialect.name == POSTGRESQL:
            from alcore.store import postgres_schema

            postgres_schema.create(connection, HEAD)
            return
        from alembic import command
        from alembic.config import Config
        from alembic.util import CommandError

        config = Config()
        config.set_main_option("script_location", f"{__package__}:migrations")
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise WorkspaceUnusable(
                f"{engine.url.database} was written by another version of alcore ({error}); "
                f"this one knows revision {HEAD}"
            ) from error


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
