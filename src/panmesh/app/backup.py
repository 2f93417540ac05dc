"""A whole facility in one archive, taken while it works; restored on an empty host, on either database.

The archive holds every table as JSON lines, read in one transaction that sees one state, and the manifest segments and
the pictures of the logbook that those rows refer to. Secrets are in it (password hashes, token hashes): keep it as the database itself.
"""

from __future__ import annotations

import base64
import io
import itertools
import json
import tarfile
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import Integer, func, insert, select, text, update

from panmesh.adapters.sql.migrate import newest
from panmesh.adapters.sql.tables import metadata
from panmesh.app.compose import Composition
from panmesh.catalogue.manifest import ManifestRef
from panmesh.kernel.errors import Conflict, Invalid

FORMAT = 1
Progress = Callable[[int, int | None], object]  # rows done, of how many where that is known
_SKIPPED = frozenset(
    {"web_session", "heartbeat", "login_attempt", "terms_change", "belonging_change"}
)  # of the moment: worth nothing elsewhere


def backup(app: Composition, target: Path, progress: Progress = lambda done, rows: None) -> dict[str, int]:
    """Writes beside the target and renames at the end: a file under that name is whole. Returns rows by table."""
    counts: Counter[str] = Counter()
    segments: set[str] = set()
    pictures: set[str] = set()
    temporary = target.with_name(target.name + ".part")
    try:
        with tarfile.open(temporary, "w:gz", compresslevel=3) as archive, app.database.read() as connection:
            for table in metadata.sorted_tables:
                if table.name in _SKIPPED:
                    continue
                with tempfile.TemporaryFile(dir=target.parent) as lines:  # a table may be larger than the memory
                    for row in connection.execution_options(yield_per=1000).execute(
                        select(table).order_by(*table.primary_key.columns)
                    ):
                        if table.name == "dataset_version":
                            segments.update(s.name for s in ManifestRef.from_bytes(row.manifest).segments)
                        if table.name == "picture":
                            pictures.add(row.name)
                        lines.write(json.dumps([_plain(v) for v in row]).encode() + b"\n")
                        counts[table.name] += 1
                        if not counts[table.name] % 1000:
                            progress(counts.total(), None)
                    info = tarfile.TarInfo(f"tables/{table.name}.jsonl")
                    info.size = lines.tell()
                    lines.seek(0)
                    archive.addfile(info, lines)
            for name in sorted(segments):
                archive.add(app.settings.data / "manifests" / name[:2] / f"{name}.parquet", f"manifests/{name}.parquet")
            for name in sorted(pictures):
                archive.add(app.pictures.path(name), f"pictures/{name}")
            head = {"format": FORMAT, "schema": newest(), "rows": counts, "segments": len(segments), "pictures": len(pictures)}
            _add(archive, "panmesh.json", json.dumps(head).encode())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    return counts


def restore(app: Composition, source: Path, progress: Progress = lambda done, rows: None) -> dict[str, int]:
    """Into an empty facility only; all or nothing. Raises Conflict when there is something already."""
    with tarfile.open(source, "r:gz") as archive:
        members = {m.name: m for m in archive.getmembers() if m.isfile()}
        if "panmesh.json" not in members:
            raise Invalid(f"{source} is no backup of panmesh, or it is not whole.")
        head = json.loads(_read(archive, members["panmesh.json"]))
        if head["format"] != FORMAT or head["schema"] != newest():
            raise Invalid(
                f"The backup has schema {head['schema']}; this panmesh has {newest()}. Restore it with the version that made it."
            )
        for name, member in members.items():
            if name.startswith("manifests/"):
                _segment(app.settings.data / "manifests", Path(name).name, _read(archive, member))
            elif name.startswith("pictures/"):
                app.pictures.write(Path(name).name, _read(archive, member))
        database = app.database
        with database.write() as connection:
            used = connection.execute(select(func.count()).select_from(metadata.tables["dataset"])).scalar_one()
            if used:
                raise Conflict(f"There are {used} datasets here already; restore into an empty data directory and database.")
            for table in reversed(metadata.sorted_tables):
                if table.name not in ("audit", "audit_link"):  # these only grow, and are empty here
                    connection.execute(table.delete())
            done = 0
            for table in metadata.sorted_tables:
                lines = members.get(f"tables/{table.name}.jsonl")
                if lines is None:
                    continue
                columns = [c.name for c in table.columns]
                file = archive.extractfile(lines)
                assert file is not None
                rows = (dict(zip(columns, map(_value, json.loads(line)), strict=True)) for line in file)
                while block := list(itertools.islice(rows, 500)):
                    connection.execute(insert(table), block)
                    done += len(block)
                    progress(done, sum(head["rows"].values()))
                _count_on(connection, table)
            unit = metadata.tables["unit"]  # what a worker of the old host held is free: that worker is not here
            connection.execute(update(unit).where(unit.c.claimed_by.is_not(None)).values(claimed_by=None, claimed_until_us=None))
        return dict(head["rows"])


def _count_on(connection: Any, table: Any) -> None:
    """PostgreSQL counts on from the largest id."""
    key = next((c for c in table.primary_key.columns if c.autoincrement is True and isinstance(c.type, Integer)), None)
    if key is None or connection.dialect.name != "postgresql":
        return
    largest = connection.execute(select(func.max(key))).scalar()
    if largest is not None:
        connection.execute(
            text("SELECT setval(pg_get_serial_sequence(:table, :column), :value)"),
            {"table": table.name, "column": key.name, "value": largest},
        )


def _segment(folder: Path, name: str, data: bytes) -> None:
    import hashlib

    stem = name.removesuffix(".parquet")
    if hashlib.sha256(data).hexdigest() != stem:
        raise Invalid(f"The backup is damaged: the file list {name} is not what its name says.")
    target = folder / stem[:2] / name
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data)


def _plain(value: Any) -> Any:
    return {"b": base64.b64encode(value).decode()} if isinstance(value, bytes | memoryview) else value


def _value(plain: Any) -> Any:
    return base64.b64decode(plain["b"]) if isinstance(plain, dict) else plain


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    archive.addfile(info, io.BytesIO(data))


def _read(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(member)
    assert file is not None
    return file.read()
