"""The history of the schema leads to the schema that the code knows, on both databases, with the data that was there."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from panmesh.adapters.sql.database import Database
from panmesh.adapters.sql.migrate import _config, _revisions, current, migrate, newest
from panmesh.adapters.sql.tables import metadata
from panmesh.kernel.errors import Conflict

BY_HAND = {"ix_dataset_newest", "ix_dataset_in_order", "ix_document_in_order"}  # written differently for each database


def test_the_history_is_read_from_the_names_of_its_files(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'empty.db'}")
    script = ScriptDirectory.from_config(_config(database))
    assert script.get_heads() == [newest()]
    assert {one.revision for one in script.walk_revisions()} == _revisions()
    assert current(database) is None
    database.dispose()


def test_the_history_leads_to_the_schema_of_the_code(empty_database_url: str) -> None:
    database = Database(empty_database_url)
    assert migrate(database)
    assert not migrate(database)
    with database.engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), metadata)
    database.dispose()
    assert [d for d in differences if getattr(d[1], "name", None) not in BY_HAND] == []


def test_an_older_database_keeps_what_it_has(empty_database_url: str) -> None:
    database = Database(empty_database_url)
    command.upgrade(_config(database), "0001")
    with database.write() as connection:
        connection.exec_driver_sql("INSERT INTO facility (id, facility_key, name, time_zone) VALUES (1, 'f', 'F', 'UTC')")
    assert migrate(database)
    assert current(database) == newest()
    with database.read() as connection:
        assert connection.exec_driver_sql("SELECT name FROM facility").scalar() == "F"
    database.dispose()


def test_a_database_of_a_newer_panmesh_is_refused(empty_database_url: str) -> None:
    database = Database(empty_database_url)
    migrate(database)
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(Conflict, match="newer panmesh"):
        migrate(database)
    database.dispose()
