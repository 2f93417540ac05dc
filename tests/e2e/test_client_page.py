"""docs/how-to/python-client.md: what it says is done, block after block, against a server."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest

from panmesh.client.filesystem import PanmeshFileSystem
from tests.conftest import ROOT, MakeFacility
from tests.e2e.science import FRAMES, serving, write_everything
from tests.unit.test_docs import blocks

PAGE = ROOT / "docs" / "how-to" / "python-client.md"


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """One database: nothing here is a question of SQL."""
    return f"sqlite:///{tmp_path / 'test.db'}"


def test_every_block_of_the_page_does_what_it_says(
    tmp_path: Path, make_facility: MakeFacility, monkeypatch: pytest.MonkeyPatch
) -> None:
    fsspec.register_implementation("panmesh", PanmeshFileSystem, clobber=True)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    write_everything(tmp_path / "runs" / "all.nxs")
    page = blocks(PAGE, "python")
    assert len(page) == 8
    known: dict[str, Any] = {}
    with serving(make_facility()) as (url, token):
        for block in page:
            text = block.replace("https://data.example.org", url).replace("pmt_…", token)
            text = text.replace("panmesh://data.example.org", url.replace("http://", "panmesh://"))
            assert "example.org" not in text
            ast.parse(text)
            exec(compile(text, str(PAGE), "exec"), known)
        assert len(known["runs"]) == 1
        assert known["frame"].shape == known["counts"].shape[1:]
        assert known["corner"].shape == (4, known["counts"].shape[1], 5)
        assert known["counts"].shape[0] == FRAMES
        assert np.isfinite(known["data"].counts.sel(angle=5.0, method="nearest").mean())
        assert [path.name for path in known["taken"].files] == ["all.nxs"]
        known["facility"].close()
