"""What `make wheel` builds is whole: pages, styles, letters, migrations and tables travel in it, and it runs from there."""

from __future__ import annotations

import site
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from panmesh.portal.looking import ISLAND

ROOT = Path(__file__).resolve().parents[2]
SERVES = """
import sys
from pathlib import Path
import panmesh
assert Path(panmesh.__file__).is_relative_to(sys.prefix), panmesh.__file__
import httpx
from importlib.metadata import version
from panmesh.app.asgi import build
from panmesh.app.compose import Composition
from panmesh.app.settings import load
import asyncio

async def pages(app):
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as browser:
        for path in ("/", "/static/panmesh.css", "/static/panmesh.js", "/static/inter-400.woff2", "/api/v1/techniques?text=diffraction"):
            answer = await browser.get(path, headers={"Accept": "*/*"})
            print(path, answer.status_code, len(answer.content))

assert version("panmesh") == panmesh.__version__
composition = Composition(load(data=Path(sys.argv[1]), environment={}))
asyncio.run(pages(build(composition, work=False)))
composition.close()
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As `make wheel` does it, with the backend of this environment: no registry is asked."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", folder, ROOT],
        check=True,
        capture_output=True,
        timeout=60,
    )
    [built] = folder.glob("panmesh-*.whl")
    return built


def test_the_wheel_holds_every_file_of_the_package(wheel: Path) -> None:
    tracked = subprocess.run(["git", "ls-files", "src/panmesh"], cwd=ROOT, check=True, capture_output=True, text=True)
    wanted = {line.removeprefix("src/") for line in tracked.stdout.splitlines() if (ROOT / line).is_file()}
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
    assert wanted - held == set()
    built = {f"panmesh/portal/static/islands/{path.name}" for path in ISLAND.parent.glob("*")}  # by npm, where there is npm
    assert built - held == set()
    for kind in (".css", ".js", ".woff2", ".html", "canonical.csv", "panet.json", "py.typed"):
        assert any(name.endswith(kind) for name in held), kind
    assert any("/migrations/versions/" in name for name in held)
    assert not [name for name in held if "__pycache__" in name or name.startswith("tests/")]


def test_it_runs_from_a_fresh_environment(wheel: Path, tmp_path: Path) -> None:
    """Its dependencies are those of this environment, so that nothing is fetched; the package itself is the wheel's."""
    place = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", place], check=True, timeout=60)
    [packages] = (place / "lib").glob("python*/site-packages")
    (packages / "dependencies.pth").write_text("".join(f"{folder}\n" for folder in site.getsitepackages()), "utf-8")
    install = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        place,
        "install",
        "-q",
        "--no-deps",
        "--no-index",
        "--disable-pip-version-check",
    ]
    subprocess.run([*install, "--ignore-installed", wheel], check=True, timeout=60)
    python = place / "bin" / "python"
    shown = subprocess.run([python, "-c", SERVES, tmp_path / "data"], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert shown.returncode == 0, shown.stderr
    answers = [line.split() for line in shown.stdout.splitlines() if line.startswith("/")]
    assert len(answers) == 5
    assert all(status == "200" and int(size) > 100 for _, status, size in answers), answers
    version = subprocess.run([place / "bin" / "panmesh", "--version"], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert version.stdout.startswith("panmesh, version")
