"""Where imported records belong: facilities, instruments, terms shared by all that have the same, teams and accounts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, update

from panmesh.access.terms import AccessClass
from panmesh.access.viewer import MemberSource, TeamRole
from panmesh.adapters.sql.import_ground import Ground, admit, remember
from panmesh.adapters.sql.people_tables import team_removal
from panmesh.adapters.sql.tables import account, facility, instrument, pid, team, team_member, terms
from panmesh.catalogue.imported import ImportedAccess, ImportedInstrument, ImportedMember
from panmesh.catalogue.model import Origin
from panmesh.kernel.text import fold, key_of

SHARED = "imported"  # policy version of terms that many records share; a visit has terms of its own


@dataclass(frozen=True, slots=True)
class Place:
    """An instrument as datasets need it."""

    id: int
    facility_id: int
    key: str
    name: str
    facility_key: str
    facility_name: str


class Places:
    """Of one transaction."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._terms: dict[tuple[Any, ...], int] = {}
        self._teams: dict[str, int] = {}
        self._instruments: dict[str, Place] | None = None

    def bring_instruments(self, records: Sequence[ImportedInstrument]) -> None:
        if not records:
            return
        admitted = admit(self._ground, "instrument", records, lambda r: ())
        for one in admitted:
            self._keep_instrument(one.record)
        remember(self._ground, "instrument", admitted)
        self._instruments = None
        if self._ground.dry_run:
            self._ground.seen.update(r.pid for r in records)

    def instrument(self, wanted: str | None) -> Place | None:
        """By its pid, or by the pid that another catalogue gave to one of ours."""
        if wanted is None:
            return None
        if self._instruments is None:
            self._instruments = self._load()
        return self._instruments.get(wanted)

    def shared_terms(self, access: ImportedAccess, instrument_id: int | None) -> int:
        """One row for each way in which records are readable, so that a million records have a few."""
        values = self.terms_of(access, instrument_id)
        key = tuple(values.values())
        if key not in self._terms:
            c = self._ground.connection
            where = [terms.c[k].is_(None) if v is None else terms.c[k] == v for k, v in values.items()]
            quiet = [terms.c[k].is_(None) for k in ("held_us", "withdrawn_us", "deleted_us", "declassified_us")]
            found = c.execute(select(terms.c.id).where(terms.c.policy_version == SHARED, *where, *quiet).limit(1)).scalar()
            if found is None:
                found = c.execute(terms.insert().values(policy_version=SHARED, **values).returning(terms.c.id)).scalar_one()
            self._terms[key] = found
        return self._terms[key]

    def terms_of(self, access: ImportedAccess, instrument_id: int | None) -> dict[str, Any]:
        """Open; open from a day on, until then the team's; or the team's and the staff's for good. Of a mirrored record no more than
        whether it is public is taken over."""
        mirrored = self._ground.origin is Origin.MIRRORED
        if access.public or mirrored:
            chosen = AccessClass.OPEN if access.public else AccessClass.INTERNAL
            return {"access": chosen.value, "team_id": None, "instrument_id": None} | dict.fromkeys(_DATES)
        team_id = None if access.team is None else self.team(access.team)
        owners = {"team_id": team_id, "instrument_id": instrument_id}
        if access.opens_us is None:
            return {"access": AccessClass.INTERNAL.value, **owners} | dict.fromkeys(_DATES)
        began = access.starts_us if access.starts_us is not None or access.ends_us is not None else 0
        dates = {"starts_us": began, "ends_us": access.ends_us, "opens_us": access.opens_us}
        return {"access": AccessClass.PUBLIC.value, **owners, **dates}

    def team(self, key: str) -> int:
        name = f"{self._ground.facility_key}:imported:{key}"
        if name not in self._teams:
            c = self._ground.connection
            found = c.execute(select(team.c.id).where(team.c.name == name)).scalar()
            self._teams[name] = found or c.execute(team.insert().values(name=name).returning(team.c.id)).scalar_one()
        return self._teams[name]

    def keep_team(self, key: str, members: Sequence[ImportedMember]) -> None:
        """Those of the members who have a login; an account without a password is made for one who has none here."""
        team_id = self.team(key)
        wanted: dict[int, TeamRole] = {}
        for member in members:
            if member.person is not None and member.person.login:
                number = self._account(member)
                wanted[number] = TeamRole.PI if _leads(member.role) or wanted.get(number) is TeamRole.PI else TeamRole.MEMBER
        c = self._ground.connection
        known = {r.account_id: r.role for r in c.execute(select(team_member).where(team_member.c.team_id == team_id))}
        removed = set(c.execute(select(team_removal.c.account_id).where(team_removal.c.team_id == team_id)).scalars())
        for number, role in wanted.items():
            if number in removed:  # by a person, whose word stands
                continue
            if number not in known:
                row = {
                    "team_id": team_id,
                    "account_id": number,
                    "role": role.value,
                    "expires_us": None,
                    "source": MemberSource.IMPORT.value,
                }
                c.execute(team_member.insert(), row)
            elif known[number] != role.value:
                mine = (team_member.c.team_id == team_id, team_member.c.account_id == number)
                c.execute(update(team_member).where(*mine).values(role=role.value))

    def _account(self, member: ImportedMember) -> int:
        person = member.person
        assert person is not None
        c = self._ground.connection
        found = c.execute(select(account.c.id).where(account.c.login == person.login)).scalar()
        if found is not None:
            return int(found)
        values = {"login": person.login, "name": person.full_name, "email": person.email, "orcid": person.orcid}
        flags = {"admin": False, "steward": False, "disabled": False, "created_us": self._ground.now_us}
        return int(c.execute(account.insert().values(**values, **flags).returning(account.c.id)).scalar_one())

    # --- instruments ------------------------------------------------------------------------------------------------

    def _keep_instrument(self, record: ImportedInstrument) -> None:
        c = self._ground.connection
        facility_id = self._facility(record.facility)
        values = {"name": record.name, "description": record.description, "facility_id": facility_id}
        if c.execute(update(instrument).where(instrument.c.pid == record.pid).values(**values)).rowcount:
            self._ground.feed("instrument", [record.pid], "updated")
            return
        theirs = list(c.execute(select(instrument).where(instrument.c.facility_id == facility_id)))
        ours = next((row for row in theirs if key_of(record.name) in _names(row) and self._is_native(row.pid)), None)
        if ours is not None:
            self._ground.keep_pids([(record.pid, "alias", ours.pid, None)])
            self._ground.note("instrument", record.pid, f"is our instrument {ours.instrument_key}")
            return
        key = _free_key(record, {row.instrument_key for row in theirs})
        c.execute(
            instrument.insert(), {"pid": record.pid, "instrument_key": key, "aliases_json": "[]", "scheduled": False, **values}
        )
        self._ground.keep_pids([(record.pid, "instrument", record.pid, None)])
        self._ground.feed("instrument", [record.pid], "created")

    def _facility(self, name: str | None) -> int:
        """Ours where the source names none, or ours; others get a row under the name that the source uses."""
        c = self._ground.connection
        if name is None or not name.strip():
            return self._ground.facility_id
        for row in c.execute(select(facility)):
            if fold(name) in (fold(row.name), fold(row.facility_key)):
                return int(row.id)
        values = {"facility_key": name, "name": name, "time_zone": "UTC", "ror": None}
        return int(c.execute(facility.insert().values(**values).returning(facility.c.id)).scalar_one())

    def _is_native(self, wanted: str) -> bool:
        found = self._ground.connection.execute(select(pid.c.origin).where(pid.c.pid == wanted)).scalar()
        return found in (None, Origin.NATIVE.value)

    def _load(self) -> dict[str, Place]:
        c = self._ground.connection
        query = select(instrument, facility.c.facility_key, facility.c.name.label("facility_name")).join(
            facility, facility.c.id == instrument.c.facility_id
        )
        found = {
            row.pid: Place(row.id, row.facility_id, row.instrument_key, row.name, row.facility_key, row.facility_name)
            for row in c.execute(query)
        }
        aliases = c.execute(select(pid.c.pid, pid.c.concept).where(pid.c.kind == "alias", pid.c.concept.in_(list(found))))
        return found | {row.pid: found[row.concept] for row in aliases}


_DATES = ("starts_us", "ends_us", "opens_us")


def _leads(role: str | None) -> bool:
    said = key_of(role or "")
    return said in ("pi", "mainproposer") or "principal" in said


def _names(row: Any) -> set[str]:
    return {key_of(text) for text in (row.instrument_key, row.name, *json.loads(row.aliases_json))} - {""}


def _free_key(record: ImportedInstrument, taken: set[str]) -> str:
    """Two instruments of one name stay two: they have pids of their own."""
    base = key_of(record.name) or key_of(record.pid) or "instrument"
    key, number = base, 2
    while key in taken:
        key, number = f"{base}-{number}", number + 1
    return key
