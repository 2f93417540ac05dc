"""What h5grove itself says of the same real files is what we say: its clients cannot tell us apart."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import orjson
import pytest
from h5grove.content import DatasetContent, ResolvedEntityContent, get_content_from_file, get_list_of_paths
from h5grove.encoders import encode

from tests.protocol.h5.conftest import Runs

pytestmark = [pytest.mark.shared_data, pytest.mark.xdist_group("h5-contract")]

FILES = 14
OBJECTS = 10  # of each file
SMALL = 20_000  # numbers


def _error(status: int, message: str) -> Exception:
    return AssertionError(f"{status} {message}")


def _real_files(folder: Path) -> list[Path]:
    """Some of each kind: the smallest of every folder that a plain library can open."""
    found = []
    for kind in sorted(p for p in folder.iterdir() if p.is_dir()):
        files = sorted(
            (p for p in kind.rglob("*") if p.suffix in (".nxs", ".h5", ".hdf5", ".hdf")), key=lambda p: p.stat().st_size
        )
        found += [path for path in files if path.stat().st_size < 4 << 20 and h5py.is_hdf5(path)][:1]
    return found[:: max(1, len(found) // FILES)][:FILES]


@pytest.fixture
def real(runs: Runs, shared_data: Path) -> tuple[Runs, list[Path]]:
    files = [shutil.copy(path, runs.folder("open") / path.name) for path in _real_files(shared_data / "nexus")]
    runs.put("open", *(Path(path).name for path in files))
    return runs, [Path(path) for path in files]


def _sample(found: list[str]) -> list[str]:
    return found[:: max(1, len(found) // OBJECTS)][:OBJECTS]


def _same(theirs: bytes, ours: Any, place: tuple[str, ...]) -> None:
    assert ours.status_code == 200, (place, ours.text[:300])
    expected, got = orjson.loads(theirs), ours.json()
    if isinstance(got, dict):
        _without_ours(got)
    assert got == expected, place


def _without_ours(said: dict[str, Any]) -> None:
    """What we say besides: whether numbers lie outside the dataset."""
    said.pop("outside", None)
    for child in said.get("children", ()):
        child.pop("outside", None)


def test_meta_attributes_data_and_statistics_are_those_of_h5grove(real: tuple[Runs, list[Path]]) -> None:
    runs, files = real
    compared = 0
    for path in files:
        with get_list_of_paths(str(path), "/", _error) as paths:
            everything = list(paths)
        ours = runs.get("open", "paths", file=path.name).json()
        assert ours == everything
        for inner in _sample(everything):
            with get_content_from_file(str(path), inner, _error) as content:
                compared += _compare(runs, path.name, inner, content)
    assert compared > 250


def _compare(runs: Runs, name: str, inner: str, content: Any) -> int:
    given: dict[str, Any] = {"file": name, "path": inner}
    _same(encode(content.metadata()).content, runs.get("open", "meta", **given), (name, inner, "meta"))
    if not isinstance(content, ResolvedEntityContent):
        return 1
    _same(encode(content.attributes()).content, runs.get("open", "attr", **given), (name, inner, "attr"))
    dataset = content._h5py_entity
    if not isinstance(content, DatasetContent) or dataset.size is None or dataset.size > SMALL:
        return 2
    _same(encode(content.data()).content, runs.get("open", "data", **given), (name, inner, "data"))
    _same(encode(content.data(flatten=True)).content, runs.get("open", "data", **given, flatten="true"), (name, inner, "flat"))
    if dataset.dtype.kind not in "iuf":
        return 4
    for form, dtype in (("bin", "safe"), ("npy", "origin")):
        answer = runs.get("open", "data", **given, format=form, dtype=dtype)
        assert answer.content == encode(content.data(dtype=dtype), form).content, (name, inner, form)
    if dataset.size:
        _same(encode(content.data_stats()).content, runs.get("open", "stats", **given), (name, inner, "stats"))
    if dataset.ndim:
        for selection in ("0", "-1" if dataset.shape[0] > 1 else "0:1", "::2"):
            expected = encode(np.asarray(dataset[_index(selection)]), "bin").content
            answer = runs.get("open", "data", **given, format="bin", selection=selection)
            assert answer.content == expected, (name, inner, selection)
    return 8


def _index(text: str) -> Any:
    return eval(f"np.s_[{text}]", {"np": np})
