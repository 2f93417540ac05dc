"""The rights on the disk against those of the catalogue: exported, compared each night, mended only when somebody says so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from panmesh.access.disk_rights import DiskReport, FolderRights, compared, nfs4, posix, restorable
from panmesh.adapters.sql.disk_rights import SqlDiskRights
from panmesh.adapters.storage.disk_acls import PosixAcls
from panmesh.app.compose import Composition
from panmesh.kernel.errors import Invalid
from panmesh.kernel.faults import reach


def rights(app: Composition) -> tuple[list[FolderRights], list[str]]:
    one = app.settings.acl
    mapped = _map(one.map_file) if one.user == "map" else {}

    def user_of(login: str, orcid: str | None) -> str | None:
        if one.user == "map":
            return mapped.get(login)
        return login if one.user == "login" else orcid

    def group_of(key: str) -> str | None:
        return one.staff_group.replace("{instrument}", key) if one.staff_group else None

    return SqlDiskRights(app.database).folders(
        app.clock(),
        absolute=lambda storage, folder: (
            str(app.storages.absolute(storage, folder)) if storage in app.storages.keys() else folder
        ),
        user_of=user_of,
        group_of=group_of,
    )


def export(app: Composition, form: str) -> str:
    found, mixed = rights(app)
    one = app.settings.acl
    notes = [f"# not in this list: {line}" for line in mixed]
    if form == "nfs4":
        return "\n".join([*notes, *(nfs4(r, one.owning_group, one.domain) for r in found), ""])
    return "\n".join([*notes, *(restorable(r.path, posix(r, one.owning_group)) for r in found)])


def check(app: Composition, *, apply: bool = False) -> DiskReport:
    """`apply`: also mend what differs. The report tells what was found before."""
    found, mixed = rights(app)
    here = [r for r in found if Path(r.path).is_absolute()]
    acls, group = PosixAcls(), app.settings.acl.owning_group
    there = acls.read([r.path for r in here])
    drifts = []
    for one in here:
        wanted = posix(one, group)
        drift = compared(one, wanted, there[one.path])
        if drift is not None:
            fault = acls.write(one.path, wanted) if apply and drift.fault is None else drift.fault
            reach("disk-rights.set")
            drifts.append(replace(drift, fault=fault))
    report = DiskReport(at_us=app.clock(), folders=len(here), drifts=tuple(drifts), mixed=tuple(mixed))
    SqlDiskRights(app.database).keep(report)
    return report


def _map(file: Path | None) -> dict[str, str]:
    """Lines "login name-on-the-host"; '#' begins a comment."""
    if file is None:
        raise Invalid("acl.map_file is missing: user = 'map' needs a file of lines 'login name-on-the-host'.")
    try:
        lines = (line.partition("#")[0].split() for line in file.read_text("utf-8").splitlines())
        return {words[0]: words[1] for words in lines if len(words) == 2}
    except OSError as error:
        raise Invalid(f"acl.map_file: {file} cannot be read: {error.strerror}.") from error
