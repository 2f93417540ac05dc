"""Help is instant and the client is light: told by the modules that are loaded, not by a clock."""

from __future__ import annotations

import subprocess
import sys

import pytest

# What makes a start slow, or needs a server's packages.
HEAVY = {
    "alembic", "asyncio", "fastapi", "h5py", "hdf5plugin", "jinja2", "numpy", "PIL", "pint", "psycopg", "pyarrow", "pydantic",
    "sqlalchemy", "starlette", "structlog", "uvicorn",
}  # fmt: skip
SERVER = {f"panmesh.{part}" for part in ("app", "adapters", "http", "portal", "protocols", "wire", "ingest", "catalogue")}


def _loaded(code: str) -> set[str]:
    """The modules of a fresh interpreter that ran `code`."""
    told = "import atexit, sys; atexit.register(lambda: print(*sys.modules, sep='\\n', file=sys.stderr)); "
    done = subprocess.run([sys.executable, "-c", told + code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return set(done.stderr.split())


def _of_a_server(modules: set[str]) -> set[str]:
    return {m for m in modules if m.partition(".")[0] in HEAVY or m in SERVER or ".".join(m.split(".")[:2]) in SERVER}


@pytest.mark.parametrize(
    "words",
    [
        "--help",
        "--version",
        "ingest --help",
        "import --help",
        "serve --help",
        "search --help",
        "download --help",
        "admin --help",
        "conformance search-api --help",
    ],
)
def test_help_loads_no_server(words: str) -> None:
    loaded = _loaded(f"from panmesh.cli.main import main; main({words.split()!r})")
    assert "panmesh.cli.main" in loaded
    assert not _of_a_server(loaded)
    assert "httpx" not in loaded


def test_the_client_loads_no_server() -> None:
    loaded = _loaded("import panmesh.client")
    assert not _of_a_server(loaded)
    assert not loaded & {"httpx", "tqdm", "pandas", "concurrent.futures"}, "they are loaded when they are used"
    assert not _of_a_server(_loaded("import panmesh.client.http, panmesh.client.download, panmesh.client.remote_file"))


def test_this_test_sees_a_server() -> None:
    assert {"panmesh.app.compose", "sqlalchemy"} <= _of_a_server(_loaded("import panmesh.app.compose"))
