"""Run by Alembic: migrates over the connection that `alcore.store.migrate` hands in."""

from alembic import context

from alcore.store.experiment_tables import metadata  # which knows all tables

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
)
context.run_migrations()
