"""What is read within `Database.sharing` is read of one state, until something is written."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, select, text
from sqlalchemy.exc import DBAPIError

from panmesh.adapters.sql import tables as t
from panmesh.adapters.sql.database import Database
from panmesh.adapters.sql.migrate import migrate
from panmesh.testing.statements import asked_of


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = Database(database_url)
    migrate(opened)
    yield opened
    opened.dispose()


def _logged(connection: Connection) -> int:
    return len(connection.execute(select(t.audit.c.id)).all())


def _log(database: Database) -> None:
    with database.write() as c:
        c.execute(t.audit.insert(), {"at_us": 1, "actor": "somebody", "action": "read"})


def _seen(database: Database) -> int:
    with database.read() as c:
        return _logged(c)


def _page_that_fails(database: Database) -> None:
    with database.sharing():
        assert _seen(database) == 0
        raise ValueError("of the page")


def _elsewhere(database: Database) -> None:
    """As another request does meanwhile."""
    other = threading.Thread(target=_log, args=(database,))
    other.start()
    other.join()


def test_all_that_is_read_is_of_one_moment(database: Database) -> None:
    with asked_of(database) as asked, database.sharing():
        assert _seen(database) == 0
        with database.read() as outer:
            assert (_logged(outer), _seen(database)) == (0, 0)
        assert asked.transactions == 1
        _elsewhere(database)
        assert _seen(database) == 0
    assert _seen(database) == 1


def test_what_is_written_within_is_seen_by_what_is_read_next(database: Database) -> None:
    with database.sharing():
        assert _seen(database) == 0
        _log(database)
        assert _seen(database) == 1
        with database.read() as outer:
            _log(database)
            assert _logged(outer) == 1, "a transaction that is in use goes on"
        assert _seen(database) == 2


def test_the_state_of_now_is_had_where_it_is_asked_for(database: Database) -> None:
    with database.sharing():
        assert _seen(database) == 0
        _elsewhere(database)
        with database.read(fresh=True) as c:
            assert _logged(c) == 1
        assert _seen(database) == 1, "nothing that is read later is older"


def test_the_stamp_is_never_newer_than_what_is_read(database: Database) -> None:
    """Else what is kept under it would be kept too long."""
    with database.sharing():
        assert _seen(database) == 0
        _elsewhere(database)
        old = database.stamp()
        assert _seen(database) == 0
    assert database.stamp() != old
    with database.sharing():
        stamp = database.stamp()
        _elsewhere(database)
        assert (_seen(database), database.stamp()) == (2, stamp)
    assert database.stamp() != stamp


def test_a_statement_that_fails_ends_no_other(database: Database) -> None:
    with database.sharing():
        assert _seen(database) == 0
        with pytest.raises(DBAPIError), database.read() as c:
            c.execute(text("SELECT nothing FROM nowhere"))
        assert _seen(database) == 0
        with database.read(), pytest.raises(DBAPIError), database.read() as c:
            c.execute(text("SELECT nothing FROM nowhere"))
        assert _seen(database) == 0


def test_no_connection_is_kept(database: Database) -> None:
    for _ in range(40):
        with pytest.raises(ValueError, match="page"):
            _page_that_fails(database)
    pool = database.engine.pool
    assert pool.checkedout() <= 1, "but that of the stamp"  # type: ignore[attr-defined]
