"""A facility with one run whose file has of everything: stacks, texts, records, NXdata of both conventions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from panmesh.access.viewer import Scope
from panmesh.app.asgi import build
from panmesh.app.compose import Composition
from panmesh.app.worker import ingest_until_done, scan_tree
from tests.e2e.serving import served

X_RAY_POWDER_DIFFRACTION = "http://purl.org/pan-science/PaNET/PaNET01101"
FRAMES, ROWS, COLUMNS = 12, 40, 30


def write_everything(path: Path) -> None:
    random = np.random.default_rng(1)
    with h5py.File(path, "w") as file:
        file.attrs["default"] = "entry"
        entry = _group(file, "entry", "NXentry", default="data")
        entry["title"] = "A map of <b>CeO2</b>"
        entry["start_time"] = "2026-03-01T08:00:00Z"
        entry["definition"] = "NXmonopd"
        entry["technique_pid"] = X_RAY_POWDER_DIFFRACTION
        instrument = _group(entry, "instrument", "NXinstrument")
        monochromator = _group(instrument, "monochromator", "NXmonochromator")
        monochromator["energy"] = 12.4
        monochromator["energy"].attrs["units"] = "keV"
        images = random.integers(0, 60_000, (FRAMES, ROWS, COLUMNS), "uint16")
        data = _group(
            entry, "data", "NXdata", signal="counts", axes=["angle", ".", "x"], title="Map", auxiliary_signals=["twice"]
        )
        data.create_dataset("counts", data=images, chunks=(1, ROWS, COLUMNS), compression="gzip")
        data["counts"].attrs["units"] = "counts"
        data["counts"].attrs["long_name"] = "Intensity"
        data["counts_errors"] = np.sqrt(images).astype("f4")
        data["twice"] = images.astype("u4") * 2
        data["angle"] = np.linspace(0, 11, FRAMES)
        data["angle"].attrs["units"] = "deg"
        data["x"] = np.arange(COLUMNS + 1.0)
        data["x"].attrs["units"] = "mm"
        data["temperature"] = np.full((FRAMES, ROWS), 80.0)
        data.attrs["temperature_indices"] = [0, 1]
        old = _group(entry, "old", "NXdata")
        old["y"] = np.arange(5.0) ** 2
        old["y"].attrs["signal"] = 1
        old["y"].attrs["axes"] = "two_theta"
        old["two_theta"] = np.arange(5.0)
        old["two_theta"].attrs["units"] = "degree"
        older = _group(entry, "older", "NXdata")
        older["z"] = np.arange(6.0).reshape(2, 3)
        older["z"].attrs["signal"] = "1"
        older["slow"], older["fast"] = [10, 20], [1.0, 2.0, 3.0]
        older["slow"].attrs["axis"], older["fast"].attrs["axis"] = 1, 2
        sas = _group(entry, "sas", "NXdata", signal="I", I_axes="Q", Q_indices="0", I_uncertainties="Idev")
        sas["I"], sas["Q"], sas["Idev"] = np.ones(4), np.arange(4.0), np.full(4, 0.5)
        lists = _group(entry, "lists", np.array([b"NXdata"]))
        lists["v"], lists["q"] = np.ones((1, 3, 5)), np.arange(5.0)
        lists["v"].attrs["signal"], lists["q"].attrs["axis"] = [1], [1]
        away = _group(entry, "away", "NXdata", signal="counts")
        away["counts"] = h5py.ExternalLink("/elsewhere/x.h5", "/entry")
        kinds = _group(entry, "kinds", "NXcollection")
        kinds["big_endian"] = np.arange(6, dtype=">i4").reshape(2, 3)
        kinds["flags"] = np.array([True, False, True])
        kinds["complex"] = np.array([1 + 2j, 3 - 4j], "c8")
        kinds["record"] = np.array([(1, 2.5), (3, 4.5)], [("a", "<i2"), ("b", "<f8")])
        kinds["fixed"] = np.array([b"ab", b"cd"], "S4")
        kinds["texts"] = np.array([["a", "é"], ["<i>", ""]], h5py.string_dtype())
        kinds["one_text"] = "ceria"
        kinds["one"] = np.float32(1.5)
        kinds["none"] = np.zeros((0, 3), "i8")
        kinds["half"] = np.array([1.5, np.nan, np.inf], "f2")
        kinds["outside"] = h5py.ExternalLink("/elsewhere/x.h5", "/entry")


def _group(parent: Any, name: str, kind: Any, **attributes: Any) -> Any:
    group = parent.create_group(name)
    group.attrs["NX_class"] = kind
    for key, value in attributes.items():
        group.attrs[key] = value
    return group


@contextmanager
def serving(app: Composition) -> Iterator[tuple[str, str]]:
    """Its address, and a token of somebody who may read all of it."""
    scan_tree(app, "runs", "")
    ingest_until_done(app)
    app.accounts.create(login="chief", name="Chief", password="a password of many signs", admin=True)
    token = app.accounts.make_token(app.accounts.viewer("chief"), "t", frozenset({Scope.READ, Scope.DATA}))[0]
    with served(build(app, work=False)) as url:
        yield url, token
