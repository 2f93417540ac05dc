"""One database, either dialect: connections with the right manners, read and write transactions."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, func, select, text
from sqlalchemy.exc import OperationalError

from panmesh.adapters.sql.patterns import fits, fold_or_none
from panmesh.kernel.errors import Unavailable


class Database:
    """Opened from a URL: `sqlite:////path/file.db` or `postgresql+psycopg://…`."""

    def __init__(self, url: str, *, pool_size: int = 8) -> None:
        self.url = url
        self.sqlite = url.startswith("sqlite")
        self._watcher: Any = None
        self.last_commit = object()  # another one after each commit of this process
        self._stamping = threading.Lock()
        self._shared: ContextVar[_Shared | None] = ContextVar("shared", default=None)
        self.engine = _sqlite_engine(url) if self.sqlite else _postgresql_engine(url, pool_size)
        # The same connections; how a transaction is meant is said where it begins, not in a question of its own.
        self._reading = self.engine if self.sqlite else self.engine.execution_options(**_ONE_STATE)

    def reach(self) -> None:
        """Raises Unavailable, with what the driver says, when it cannot be opened."""
        try:
            with self.engine.connect():
                pass
        except OperationalError as error:
            where = self.engine.url.render_as_string(hide_password=True)
            raise Unavailable(f"The database {where} does not answer: {' '.join(str(error.orig).split())}") from error

    @contextmanager
    def sharing(self) -> Iterator[None]:
        """What is read within, in this thread, is read in one transaction; and in the next one after something was written.

        A page asks a dozen parts of the catalogue, and to begin and end takes longer than what many of them ask. The transaction
        begins with the first of them and is at an end with the block: nothing that is read bit by bit may be handed out of it.
        """
        shared = _Shared(self._begun, self._asked_stamp)
        token = self._shared.set(shared)
        try:
            yield
        finally:
            self._shared.reset(token)
            shared.end()

    @contextmanager
    def read(self, *, fresh: bool = False) -> Iterator[Connection]:
        """A transaction that sees one state of the database from its first to its last statement.

        `fresh`: the state of now, also while a transaction is shared; what is read after that is not older either.
        """
        shared = self._shared.get()
        if shared is not None and fresh:
            shared.renew()
        with self._begun() if shared is None or fresh else shared.used() as connection:
            yield connection

    @contextmanager
    def _begun(self) -> Iterator[Connection]:
        with self._reading.connect() as connection:
            if self.sqlite:
                connection.exec_driver_sql("BEGIN")
            try:
                yield connection
            except BaseException:
                connection.rollback()
                raise
            if self.sqlite:
                connection.rollback()
            else:  # a rollback makes psycopg forget what it has prepared, and every statement is planned anew
                connection.commit()

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that commits at the end of the block and rolls back on any error.

        SQLite takes the write lock at once (no upgrade from a read can fail half-way).
        """
        if (shared := self._shared.get()) is not None:
            shared.renew()
        with self.engine.connect() as connection:
            if self.sqlite:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.commit()
                self.last_commit = object()
            except OperationalError as error:
                connection.rollback()
                if _no_space(error):
                    raise Unavailable(FULL) from error
                raise
            except BaseException:
                connection.rollback()
                raise

    def lock(self, connection: Connection, name: str) -> None:
        """Hold a named lock until the end of the transaction: on SQLite the write lock already is one."""
        if not self.sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(hashtext(:name))"), {"name": name})

    @contextmanager
    def alone(self, name: str) -> Iterator[bool]:
        """Whether no other process does what this name stands for, from here to the end of the block; one that is killed does not do
        it any more. On SQLite one process does all the work anyhow."""
        if self.sqlite:
            yield True
            return
        key = func.hashtext(f"alone: {name}")
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            mine = connection.execute(select(func.pg_try_advisory_lock(key))).scalar_one()
            try:
                yield mine
            finally:
                if mine:
                    connection.execute(select(func.pg_advisory_unlock(key)))

    def stamp(self) -> str:
        """Another text after every commit, by whatever connection or process; cheap to ask. Never newer than what is read after it."""
        shared = self._shared.get()
        return self._asked_stamp() if shared is None else shared.stamp()

    def _asked_stamp(self) -> str:
        question = "PRAGMA data_version" if self.sqlite else "SELECT pg_current_snapshot()::text"
        with self._stamping:
            if self._watcher is None:  # a connection of its own, which never writes: the version it sees is that of the others
                self._watcher = self.engine.raw_connection()
                if not self.sqlite:
                    self._watcher.driver_connection.autocommit = True
            try:
                cursor = self._watcher.cursor()
                cursor.execute(question)
                found = str(cursor.fetchone()[0])
                cursor.close()
                return found
            except Exception:
                self._watcher.invalidate()  # a broken connection is not asked twice
                self._watcher = None
                raise

    def dispose(self) -> None:
        with self._stamping:
            if self._watcher is not None:
                self._watcher.close()
                self._watcher = None
        self.engine.dispose()


class _Shared:
    """One transaction for several readings, one within the other or one after the other, in one thread."""

    def __init__(self, begun: Callable[[], AbstractContextManager[Connection]], stamp: Callable[[], str]) -> None:
        self._begun, self._asked_stamp = begun, stamp
        self._open: tuple[AbstractContextManager[Connection], Connection] | None = None
        self._stamp: str | None = None  # from before it began
        self._users = 0
        self._failed: BaseException | None = None
        self._over = False  # whoever reads next begins another

    def stamp(self) -> str:
        if self._stamp is None:
            self._stamp = self._asked_stamp()
        return self._stamp

    @contextmanager
    def used(self) -> Iterator[Connection]:
        if self._open is None:
            self.stamp()
            transaction = self._begun()
            self._open = transaction, transaction.__enter__()
        self._users += 1
        try:
            yield self._open[1]
        except BaseException as error:
            self._failed = error  # it may have been a statement, after which PostgreSQL answers no other
            raise
        finally:
            self._users -= 1
            if not self._users and (self._over or self._failed is not None):
                self.end()

    def renew(self) -> None:
        self._over = True
        if not self._users:
            self.end()

    def end(self) -> None:
        opened, failed = self._open, self._failed
        self._open = self._stamp = self._failed = None
        self._over = False
        if opened is not None:
            opened[0].__exit__(type(failed) if failed else None, failed, failed.__traceback__ if failed else None)


STOPPED_MS = 5 * 60_000
_ONE_STATE = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
FULL = (
    "The disk of the database is full: nothing was written, and what was there is whole. Make room, then go on: "
    "panmesh continues where it stopped."
)


def _no_space(error: OperationalError) -> bool:
    text_, state = str(error.orig), getattr(error.orig, "sqlstate", None)
    return state == "53100" or "disk is full" in text_ or "No space left" in text_


def _postgresql_engine(url: str, pool_size: int) -> Engine:
    """Many short questions at once: compiling one, or asking workers to help with it, takes longer than answering it."""
    from panmesh.adapters.sql.kept_statements import keep_statements, prepare_more

    keep_statements()
    options = "-c jit=off -c max_parallel_workers_per_gather=0"
    # A process that was stopped within a transaction keeps its locks from all others no longer than this.
    manners = {"options": f"{options} -c idle_in_transaction_session_timeout={STOPPED_MS}"}
    # The connection used last is used next: what it has prepared is not planned anew by each of the others.
    engine = create_engine(url, pool_size=pool_size, max_overflow=8, pool_pre_ping=True, pool_use_lifo=True, connect_args=manners)
    event.listen(engine, "connect", prepare_more)
    return engine


def _sqlite_engine(url: str) -> Engine:
    engine = create_engine(url, connect_args={"timeout": 30.0, "check_same_thread": False}, max_overflow=32)

    @event.listens_for(engine, "connect")
    def _manners(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # transactions are begun by us, with the right kind
        connection.create_function("panmesh_fold", 1, fold_or_none, deterministic=True)
        connection.create_function("panmesh_fits", 2, fits, deterministic=True)
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = FULL")  # what was acknowledged survives a power cut
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute("PRAGMA busy_timeout = 30000")
        cursor.execute("PRAGMA cache_size = -65536")
        cursor.execute("PRAGMA mmap_size = 1073741824")
        cursor.execute("PRAGMA temp_store = MEMORY")
        cursor.close()

    return engine
