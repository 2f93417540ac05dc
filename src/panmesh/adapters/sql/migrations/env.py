"""Runs the history on the database that the caller opened."""

from __future__ import annotations

from alembic import context

from panmesh.adapters.sql.tables import metadata

database = context.config.attributes["database"]

with database.write() as connection:
    database.lock(connection, "migrate")
    context.configure(connection=connection, target_metadata=metadata, render_as_batch=True, transactional_ddl=False)
    context.run_migrations()
