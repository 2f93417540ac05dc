"""psycopg keeps how 128 statements are read, and none of more than 4 kB or 50 parameters: ours are more, and those that are asked most are longer.

Each of these was read anew with a regular expression before it was sent, an eighth of the processor time of all pages (2026-11-29).
There is no setting for it; the constants are psycopg's own (3.2, 3.3), and `tests/protocol/test_statements.py` says when they have moved.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from psycopg import _queries

LONGEST = 64 << 10  # bytes of a statement
PARAMETERS = 1000
MOST = 2048  # statements
PREPARED = 400  # of one connection; psycopg's own 100 are fewer than a portal asks, and what is pushed out is planned anew


def keep_statements() -> None:
    """For all connections of this process."""
    if _queries.MAX_CACHED_STATEMENT_LENGTH == LONGEST:
        return
    _queries.MAX_CACHED_STATEMENT_LENGTH = LONGEST
    _queries.MAX_CACHED_STATEMENT_PARAMS = PARAMETERS
    _queries._query2pg = lru_cache(maxsize=MOST)(_queries._query2pg_nocache)


def prepare_more(connection: Any, _record: Any) -> None:
    """When a connection is made."""
    connection.prepared_max = PREPARED
