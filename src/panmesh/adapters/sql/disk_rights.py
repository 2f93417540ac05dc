"""Which folder belongs to which visit, and who may read it today; reports of what was found on the disk."""

from __future__ import annotations

import json
import posixpath
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import asdict

from sqlalchemy import Connection, select

from panmesh.access.artefact import Artefact
from panmesh.access.disk_rights import UNIX_NAME, DiskReport, Drift, FolderRights
from panmesh.access.policy import readers
from panmesh.access.terms import Terms
from panmesh.access.viewer import Standing, TeamRole
from panmesh.adapters.sql.database import Database
from panmesh.adapters.sql.people_tables import disk_report
from panmesh.adapters.sql.permission import terms_of
from panmesh.adapters.sql.request_tables import terms_grant
from panmesh.adapters.sql.tables import account, dataset, instrument, investigation, team_member, terms
from panmesh.adapters.sql.team_rows import live
from panmesh.kernel.faults import reach

KEPT = 30  # reports
_BY_ROLE = {TeamRole.PI: Standing.PI, TeamRole.MEMBER: Standing.MEMBER, TeamRole.GRANTEE: Standing.GRANTEE}
UserOf = Callable[[str, str | None], str | None]  # login, ORCID iD → name on the host


class SqlDiskRights:
    def __init__(self, database: Database) -> None:
        self._db = database

    def folders(
        self, now_us: int, *, absolute: Callable[[str, str], str], user_of: UserOf, group_of: Callable[[str], str | None]
    ) -> tuple[list[FolderRights], list[str]]:
        """(rights of each folder, in words what belongs to no one visit)."""
        with self._db.read() as c:
            people = _People(c, now_us, user_of, group_of)
            visits: dict[int, str] = {}
            places: dict[str, dict[str, set[tuple[int | None, int]]]] = defaultdict(lambda: defaultdict(set))
            query = (
                select(dataset.c.storage, dataset.c.path, dataset.c.terms_id, investigation.c.id, investigation.c.pid)
                .outerjoin(investigation, investigation.c.id == dataset.c.investigation_id)
                .where(dataset.c.storage.is_not(None), dataset.c.path.is_not(None))
                .execution_options(yield_per=2000)
            )
            for row in c.execute(query):
                places[row.storage][posixpath.dirname(row.path.rstrip("/"))].add((row.id, row.terms_id))
                if row.id is not None:
                    visits[row.id] = row.pid
            found, mixed = [], []
            for storage, folders in sorted(places.items()):
                owned, shared = _owned(folders)
                for folder, visit in sorted(owned.items()):
                    held = {t for f, pairs in folders.items() if _below(f, folder) for _, t in pairs}
                    found.append(people.rights(absolute(storage, folder), visits[visit], held))
                mixed += [f"{absolute(storage, folder)}: {why}" for folder, why in sorted(shared.items())]
        return found, mixed

    def keep(self, report: DiskReport) -> None:
        said = json.dumps({"drifts": [asdict(d) for d in report.drifts], "mixed": list(report.mixed)})
        row = {"at_us": report.at_us, "folders": report.folders, "drifted": len(report.drifts), "report_json": said}
        with self._db.write() as c:
            c.execute(disk_report.insert().values(**row))
            old = select(disk_report.c.id).order_by(disk_report.c.id.desc()).offset(KEPT)
            c.execute(disk_report.delete().where(disk_report.c.id.in_(list(c.execute(old).scalars()))))
            reach("disk-rights.before-commit")

    def last(self) -> DiskReport | None:
        with self._db.read() as c:
            row = c.execute(select(disk_report).order_by(disk_report.c.id.desc()).limit(1)).first()
        if row is None:
            return None
        said = json.loads(row.report_json)
        drifts = tuple(Drift(**{**d, "missing": tuple(d["missing"]), "extra": tuple(d["extra"])}) for d in said["drifts"])
        return DiskReport(at_us=row.at_us, folders=row.folders, drifts=drifts, mixed=tuple(said["mixed"]))


class _People:
    def __init__(self, c: Connection, now_us: int, user_of: UserOf, group_of: Callable[[str], str | None]) -> None:
        self._now_us = now_us
        self._group_of = group_of
        a = account.c
        self._users = {
            r.id: user_of(r.login, r.orcid) for r in c.execute(select(a.id, a.login, a.orcid).where(a.disabled.is_(False)))
        }
        self._keys = {r.id: r.instrument_key for r in c.execute(select(instrument.c.id, instrument.c.instrument_key))}
        self._terms: dict[int, Terms] = {r["id"]: terms_of(r) for r in c.execute(select(terms)).mappings()}
        self._teams: dict[int, list[tuple[int, Standing]]] = defaultdict(list)
        for row in c.execute(select(team_member).where(live(now_us))):
            self._teams[row.team_id].append((row.account_id, _BY_ROLE[TeamRole(row.role)]))
        self._grants: dict[int, list[tuple[int, Standing]]] = defaultdict(list)
        g = terms_grant.c
        for row in c.execute(select(terms_grant).where(g.expires_us > now_us, g.revoked_us.is_(None))):
            self._grants[row.terms_id].append((row.account_id, Standing(row.standing)))

    def rights(self, path: str, visit: str, held: set[int]) -> FolderRights:
        several = [self._of(self._terms[number]) for number in sorted(held)]
        everybody = all(one[2] for one in several)
        closed = [one for one in several if not one[2]]
        accounts = set.intersection(*(one[0] for one in closed)) if closed else set()
        groups = set.intersection(*(one[1] for one in closed)) if closed else set()
        names = {self._users.get(number) for number in accounts}
        note = "holds runs under other terms, too: who may read all of them" if len(held) > 1 else None
        return FolderRights(
            path=path,
            visit=visit,
            users=tuple(sorted(n for n in names if n is not None and UNIX_NAME.fullmatch(n))),
            groups=tuple(sorted(g for g in groups if UNIX_NAME.fullmatch(g))),
            everybody=everybody,
            nameless=sum(1 for number in accounts if self._users.get(number) is None),
            note=note,
        )

    def _of(self, held: Terms) -> tuple[set[int], set[str], bool]:
        may = readers(held, Artefact.RAW, self._now_us)
        people = [*self._teams.get(held.team_id or 0, ()), *self._grants.get(held.id, ())]
        accounts = {number for number, standing in people if standing in may and number in self._users}
        key = self._keys.get(held.instrument_id or 0)
        group = self._group_of(key) if key is not None and Standing.STAFF in may else None
        return accounts, {group} if group else set(), Standing.ANYONE in may


def _owned(folders: Mapping[str, set[tuple[int | None, int]]]) -> tuple[dict[str, int], dict[str, str]]:
    """The folder of each visit: that which all of its runs lie in, if no other visit's do and it is not the storage itself; else
    those of its folders that are its own. (folder → visit, folder → why it is nobody's.)"""
    of_visit: dict[int, set[str]] = defaultdict(set)
    for folder, pairs in folders.items():
        for visit, _ in pairs:
            if visit is not None:
                of_visit[visit].add(folder)
    inside: dict[str, set[int]] = defaultdict(set)  # folder → visits with runs in it or below
    for visit, own in of_visit.items():
        for folder in own:
            for above in _with_parents(folder):
                inside[above].add(visit)
    owned: dict[str, int] = {}
    shared: dict[str, str] = {}
    for visit, own in of_visit.items():
        common = posixpath.commonpath(sorted(own)) if "" not in own else ""
        if common and inside[common] == {visit}:
            owned[common] = visit
            continue
        for folder in sorted(own):
            if not folder:
                shared[folder] = "runs lie in the storage itself, not in a folder of their visit"
            elif inside[folder] != {visit}:
                shared[folder] = f"runs of {len(inside[folder])} visits lie in it or below it"
            elif not any(_below(folder, known) for known, by in owned.items() if by == visit):
                owned[folder] = visit
    return owned, shared


def _with_parents(folder: str) -> list[str]:
    found = [folder]
    while folder:
        folder = posixpath.dirname(folder)
        found.append(folder)
    return found


def _below(folder: str, above: str) -> bool:
    return folder == above or not above or folder.startswith(above + "/")
