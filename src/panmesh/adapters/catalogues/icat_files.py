"""Dumps and ingest files of ICAT on disk, one after another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from panmesh.catalogue.imported import Imported, Rejected
from panmesh.kernel.errors import Invalid
from panmesh.wire.icat import IcatReader
from panmesh.wire.icat_xml import read_xml
from panmesh.wire.icat_yaml import read_yaml

_READERS = {".xml": read_xml, ".yaml": read_yaml, ".yml": read_yaml}


def read_icat_files(paths: Sequence[Path], facility_key: str) -> Iterator[Imported | Rejected]:
    """A file that cannot be read is told of, and does not stop the others; alone, it raises Invalid."""
    files = [file for path in paths for file in _files(path)]
    if not files:
        raise Invalid(f"there is no .xml, .yaml or .yml in {', '.join(str(p) for p in paths)}.")
    for file in files:
        reader = IcatReader(facility_key)
        try:
            with file.open("rb") as opened:
                for part in _READERS[file.suffix.lower()](opened):
                    yield from reader.part(part)
        except Invalid as error:
            if len(files) == 1:
                raise
            yield Rejected(kind="file", pid=file.name, reason=error.detail)


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(one for one in path.iterdir() if one.is_file() and one.suffix.lower() in _READERS)
    if path.suffix.lower() not in _READERS:
        raise Invalid(f"{path} ends neither in .xml nor in .yaml or .yml.")
    return [path]
