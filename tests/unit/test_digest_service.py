"""Digests in the background: of every file, once; what did not change is not read again."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from panmesh.adapters.storage.digest import Digests, digest_handle
from panmesh.app.compose import Composition
from panmesh.app.worker import ingest_until_done, scan_tree
from panmesh.catalogue.manifest import FileRow, ManifestRef
from panmesh.ingest.digesting import DigestService

MakeFacility = Callable[..., Composition]


def _frames(folder: Path, numbers: range) -> None:
    folder.mkdir(exist_ok=True, parents=True)
    for number in numbers:
        (folder / f"frame_{number:05d}.cbf").write_bytes(b"frame %d" % number)


def _read(app: Composition) -> None:
    scan_tree(app, "runs", "")
    ingest_until_done(app)


def _counting(app: Composition) -> tuple[DigestService, list[int]]:
    read: list[int] = []

    def digest(handle: int, /) -> Digests:
        read.append(os.fstat(handle).st_ino)
        return digest_handle(handle)

    service = DigestService(
        store=app.ingest_store, manifests=app.manifests, storages=app.storages, clock=app.clock, digest=digest
    )
    return service, read


def _files(app: Composition) -> list[FileRow]:
    from sqlalchemy import select

    from panmesh.adapters.sql.tables import dataset, dataset_version

    with app.database.read() as connection:
        found = connection.execute(
            select(dataset_version.c.manifest).join(dataset, dataset.c.version_id == dataset_version.c.id)
        ).scalars()
        return [row for blob in found for row in app.manifests.iterate(ManifestRef.from_bytes(blob))]


@pytest.mark.parametrize("count", [10, 100])
def test_a_series_that_grows_reads_its_new_frames_only(make_facility: MakeFacility, tmp_path: Path, count: int) -> None:
    app = make_facility()
    digests, read = _counting(app)
    _frames(tmp_path / "runs" / "mx", range(count))
    _read(app)
    while digests.work():
        pass
    assert len(read) == count
    _frames(tmp_path / "runs" / "mx", range(count, count + 3))
    _read(app)
    while digests.work():
        pass
    assert len(read) == count + 3
    files = _files(app)
    assert [f.sha256 for f in files] == [hashlib.sha256(b"frame %d" % n).digest() for n in range(count + 3)]


def test_a_file_written_after_it_was_seen_gets_no_digest_under_its_old_time(make_facility: MakeFacility, tmp_path: Path) -> None:
    app = make_facility()
    path = tmp_path / "runs" / "notes.txt"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"before")
    _read(app)
    path.write_bytes(b"behind")
    os.utime(path, ns=(0, 1))
    app.digests.work()
    assert [f.sha256 for f in _files(app)] == [None]
    _read(app)
    app.digests.work()
    assert [f.sha256 for f in _files(app)] == [hashlib.sha256(b"behind").digest()]


def test_an_old_version_whose_files_are_still_there_gets_its_digests_too(make_facility: MakeFacility, tmp_path: Path) -> None:
    """The master alone is the first version; its data file comes before anything is digested."""
    import h5py

    app, runs = make_facility(), tmp_path / "runs"
    runs.mkdir(exist_ok=True)
    with h5py.File(runs / "run7_master.h5", "w") as file:
        entry = file.create_group("entry")
        entry.attrs["NX_class"] = "NXentry"
        entry["title"] = "a run"
        entry.create_group("data")["frames"] = h5py.ExternalLink("run7_data.h5", "/frames")
    _read(app)
    with h5py.File(runs / "run7_data.h5", "w") as file:
        file["frames"] = [1, 2, 3]
    _read(app)
    while app.digests.work():
        pass
    assert [f.sha256 is not None for f in _files(app)] == [True, True]
    assert app.ingest_store.pending_digests(10) == []
