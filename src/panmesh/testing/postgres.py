"""A real PostgreSQL for tests: made in a temporary folder, started, thrown away. One for all workers of a test run."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from pathlib import Path


class ThrowawayPostgres:
    """Unix socket only; durability off. Root runs it as the user `postgres`, since PostgreSQL refuses root."""

    def __init__(self) -> None:
        programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda p: int(p.parts[-3]))
        if not programs:
            raise RuntimeError("PostgreSQL is missing: apt-get install postgresql")
        self._bin = programs[-1].parent
        self.folder = Path(tempfile.mkdtemp(prefix="panmesh-pg-", dir=_memory()))
        self._user = "postgres" if os.getuid() == 0 else None
        if self._user is not None:
            entry = pwd.getpwnam(self._user)
            os.chown(self.folder, entry.pw_uid, entry.pw_gid)

    def start(self) -> str:
        """The URL of its maintenance database."""
        data = self.folder / "data"
        self._run("initdb", "-D", str(data), "-U", "panmesh", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync")
        options = (
            f"-c listen_addresses='' -c unix_socket_directories='{self.folder}' -c fsync=off -c synchronous_commit=off "
            "-c full_page_writes=off -c max_connections=200 -c shared_buffers=128MB"
        )
        self._run("pg_ctl", "-D", str(data), "-o", options, "-w", "-l", str(self.folder / "log"), "start")
        return self.url("postgres")

    def url(self, name: str) -> str:
        return f"postgresql+psycopg://panmesh@/{name}?host={self.folder}"

    def stop(self) -> None:
        self._run("pg_ctl", "-D", str(self.folder / "data"), "-m", "immediate", "stop")
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._bin / program), *arguments]
        done = subprocess.run(command, user=self._user, capture_output=True, text=True, cwd=self.folder, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{program} failed: {done.stderr[-1000:]}{done.stdout[-1000:]}")


def new_database(maintenance_url: str, template: str | None = None) -> str:
    """A database on the server behind the URL: empty, or a copy of the one behind another URL of it, which nobody uses now."""
    from sqlalchemy import create_engine

    name = f"t{uuid.uuid4().hex[:16]}"
    engine = create_engine(maintenance_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        copied = f" TEMPLATE {_name(template)}" if template else ""
        if template and (connection.dialect.server_version_info or ()) >= (15,):
            copied += " STRATEGY file_copy"  # its files as they are, not page by page through the log: half the time
        connection.exec_driver_sql(f"CREATE DATABASE {name}{copied}")
    engine.dispose()
    return maintenance_url.replace("/postgres?", f"/{name}?")


def drop_database(maintenance_url: str, url: str) -> None:
    """With whoever is still connected to it."""
    from sqlalchemy import create_engine

    engine = create_engine(maintenance_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {_name(url)} WITH (FORCE)")
    engine.dispose()


def _memory() -> str | None:
    """A database is hundreds of small files: where there is room for them in memory, no disk waits for them."""
    folder = Path("/dev/shm")
    roomy = folder.is_dir() and os.access(folder, os.W_OK) and shutil.disk_usage(folder).free > 2 << 30
    return str(folder) if roomy else None


def _name(url: str) -> str:
    return url.partition("?")[0].rpartition("/")[2]
