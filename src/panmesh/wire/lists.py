"""Lists of runs and of their files taken home: CSV, JSON, pids, and what download programs read."""

from __future__ import annotations

import csv
import io
import shlex
from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from urllib.parse import quote

import orjson

from panmesh.access.artefact import Artefact
from panmesh.access.viewer import Viewer
from panmesh.catalogue.citation import Citation
from panmesh.catalogue.model import DatasetKind, DatasetSummary, FileView
from panmesh.catalogue.search import SearchService
from panmesh.kernel.clock import facility_day, from_us, iso

FILES_AT_ONCE = 1000
# What each column of a list says; documented in docs/how-to/basket.md.
COLUMNS = (
    "pid", "title", "kind", "start", "end", "facility", "instrument", "proposal", "visit", "techniques", "sample", "access", "opens",
    "files", "bytes", "url",
)  # fmt: skip
FILE_COLUMNS = ("pid", "name", "bytes", "sha256", "url")


def run_plain(d: DatasetSummary, base: str) -> dict[str, Any]:
    """By column. What the viewer may not read is null."""
    opens = facility_day(d.access.opens_us, d.facility_zone).isoformat() if d.access.opens_us is not None else None
    return {
        "pid": d.pid,
        "title": d.title,
        "kind": d.kind.value,
        "start": iso(d.start_us),
        "end": iso(d.end_us),
        "facility": d.facility,
        "instrument": d.instrument_key,
        "proposal": d.proposal,
        "visit": d.visit_id,
        "techniques": "; ".join(t.name for t in d.techniques),
        "sample": d.sample.name if d.sample else None,
        "access": d.access.state.value,
        "opens": opens,
        "files": d.file_count,
        "bytes": d.total_bytes,
        "url": run_address(d.pid, base),
    }


def runs_csv(runs: Iterable[DatasetSummary], base: str) -> Iterator[str]:
    yield csv_line(COLUMNS)
    for run in runs:
        yield csv_line(run_plain(run, base).values())


def runs_json(runs: Iterable[DatasetSummary], base: str) -> Iterator[bytes]:
    """One array, an object on each line."""
    before = b"[\n"
    for run in runs:
        yield before + orjson.dumps(run_plain(run, base))
        before = b",\n"
    yield b"[]\n" if before == b"[\n" else b"\n]\n"


def runs_pids(runs: Iterable[DatasetSummary]) -> Iterator[str]:
    for run in runs:
        yield f"{run.pid}\n"


def csv_line(values: Iterable[Any]) -> str:
    """RFC 4180. A text that a spreadsheet would take for a formula gets an apostrophe before it."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\r\n").writerow([_cell(value) for value in values])
    return buffer.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return f"'{value}"
    return "" if value is None else value


# --- files ------------------------------------------------------------------------------------------------------------


def may_files(run: DatasetSummary) -> bool:
    return (Artefact.RAW if run.kind is DatasetKind.RAW else Artefact.PROCESSED) in run.access.readable


def files_of(search: SearchService, viewer: Viewer, run: DatasetSummary) -> Iterator[FileView]:
    """All files of a run, or none where the viewer may not have them."""
    offset = 0
    while may_files(run):
        page = search.files(viewer, run.pid, offset=offset, limit=FILES_AT_ONCE)
        yield from page.items
        offset += FILES_AT_ONCE
        if offset >= page.total:
            return


def files_json(search: SearchService, viewer: Viewer, runs: Sequence[DatasetSummary], base: str) -> Iterator[bytes]:
    """The manifest: each run with its files, sizes and digests; `files` null: not for this viewer."""
    yield b'{"runs": ['
    before = b"\n"
    for run in runs:
        listed = [file_plain(run, f, base) for f in files_of(search, viewer, run)] if may_files(run) else None
        yield before + orjson.dumps({"pid": run.pid, "title": run.title, "url": run_address(run.pid, base), "files": listed})
        before = b",\n"
    yield b"\n]}\n"


def file_plain(run: DatasetSummary, file: FileView, base: str) -> dict[str, Any]:
    return {
        "name": file.name,
        "bytes": file.size,
        "sha256": file.sha256,
        "blake3": file.blake3,
        "url": file_address(run.pid, file.name, base),
    }


def files_csv(search: SearchService, viewer: Viewer, runs: Sequence[DatasetSummary], base: str) -> Iterator[str]:
    yield csv_line(FILE_COLUMNS)
    for run in runs:
        for f in files_of(search, viewer, run):
            yield csv_line((run.pid, f.name, f.size, f.sha256, file_address(run.pid, f.name, base)))


def files_urls(search: SearchService, viewer: Viewer, runs: Sequence[DatasetSummary], base: str) -> Iterator[str]:
    """For `wget -x -i`: one address on each line."""
    for run in runs:
        for f in files_of(search, viewer, run):
            yield file_address(run.pid, f.name, base) + "\n"


def files_aria2(search: SearchService, viewer: Viewer, runs: Sequence[DatasetSummary], base: str) -> Iterator[str]:
    """For `aria2c -i`: each file into a folder of its run, compared with its digest."""
    for run in runs:
        for f in files_of(search, viewer, run):
            yield file_address(run.pid, f.name, base) + "\n"
            if _plain_path(f.name):
                yield f"  out={run.pid}/{f.name}\n"
            if f.sha256:
                yield f"  checksum=sha-256={f.sha256}\n"


def shell_script(runs: Iterable[DatasetSummary], base: str) -> Iterator[str]:
    """For whoever has panmesh: goes on where it stopped, and compares digests."""
    yield "#!/bin/sh\n# Set PANMESH_TOKEN to take home what is not open. Run it again after a break: it goes on where it stopped.\nset -e\n"
    for run in runs:
        title = " ".join("".join(c if c.isprintable() else " " for c in run.title or "").split())
        yield f"# {title[:100]}\n" if title else ""
        yield f"panmesh download {shlex.quote(run.pid)} --to {shlex.quote(_folder(run.pid))} --url {shlex.quote(base)}\n"


def run_address(pid: str, base: str) -> str:
    return f"{base}/datasets/{quote(pid, safe='')}"


def file_address(pid: str, name: str, base: str) -> str:
    return f"{base}/api/v1/datasets/{quote(pid, safe='')}/files/{quote(name, safe='/')}"


def _plain_path(name: str) -> bool:
    """A path that leads below the folder it is written into, on one line."""
    return name.isprintable() and not name.startswith("/") and not {"..", ""} & set(name.split("/"))


def _folder(pid: str) -> str:
    return "".join(c if c.isalnum() or c in "-_." else "_" for c in pid)


# --- citations --------------------------------------------------------------------------------------------------------


def citation_of(run: DatasetSummary, creators: Sequence[str], facility: str, base: str) -> Citation:
    year = from_us(run.start_us if run.start_us is not None else run.created_us).year
    return Citation(
        creators=tuple(creators),
        title=run.title or run.pid,
        publisher=run.facility_name or facility,
        year=year,
        identifier=run.pid,
        url=run_address(run.pid, base),
    )


def citations_of(
    search: SearchService, viewer: Viewer, runs: Sequence[DatasetSummary], facility: str, base: str
) -> list[Citation]:
    """Creators are the team of the visit: the people named in a file belong to what may not be public yet."""
    teams: dict[str, tuple[str, ...]] = {}
    for run in runs:
        if run.investigation is not None and run.investigation.pid not in teams:
            visit = search.investigation(viewer, run.investigation.pid)
            teams[run.investigation.pid] = tuple(member.name for member in visit.members)
    return [citation_of(run, teams.get(run.investigation.pid, ()) if run.investigation else (), facility, base) for run in runs]
