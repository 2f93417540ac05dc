"""A user office's export into proposals, visits, teams and instruments: compared first, then applied whole or not at all."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from panmesh.access.rules import PolicyRules
from panmesh.access.viewer import Viewer
from panmesh.catalogue.model import ProposalKind
from panmesh.ingest.dates import parse_instant
from panmesh.ingest.placeholders import is_placeholder_id
from panmesh.kernel.clock import Clock
from panmesh.kernel.errors import Fault, Invalid
from panmesh.kernel.text import key_of

COLUMNS = {
    "proposal": "number of the proposal (required)",
    "title": "of the proposal",
    "kind": "user, in-house, commissioning or proprietary; user when empty",
    "visit": "id of the visit (required)",
    "instrument": "key of the instrument (required)",
    "start": "of the visit, with or without zone (required)",
    "end": "of the visit (required)",
    "pi": "login of the principal investigator",
    "pi_name": "name, for an account that does not exist yet",
    "members": "logins, separated by ;",
    "local_contacts": "logins of the instrument's staff, separated by ;",
    "cancelled": "yes when the visit does not take place; no or empty otherwise",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedVisit:
    proposal: str
    proposal_key: str
    title: str | None
    kind: ProposalKind
    visit_id: str
    instrument: str  # key
    starts_us: int
    ends_us: int
    pi: str | None
    pi_name: str | None
    members: tuple[str, ...]
    local_contacts: tuple[str, ...]
    cancelled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    what: str  # "proposal", "visit", "instrument", "team", "account"
    name: str
    change: str  # "new", "same", or what differs in words


class ScheduleStore(Protocol):
    def apply(
        self,
        viewer: Viewer,
        visits: Sequence[PlannedVisit],
        *,
        rules: PolicyRules,
        correct_ended: bool,
        dry_run: bool,
        now_us: int,
    ) -> list[Difference]: ...


class ScheduleService:
    def __init__(self, store: ScheduleStore, clock: Clock, *, zone: str, rules: PolicyRules) -> None:
        """`rules`: under which proposals are accepted from now on."""
        self._store = store
        self._clock = clock
        self._zone = zone
        self._rules = rules

    def load(self, viewer: Viewer, text: str, *, dry_run: bool, correct_ended: bool = False) -> list[Difference]:
        """CSV with a head line, or JSON (a list, or {"visits": […]}). Raises Invalid with all faults; nothing is then changed.
        `correct_ended`: also the dates of visits that are over, and with them embargoes that run already."""
        rows = _rows(text)
        faults: list[Fault] = []
        visits = [v for i, row in enumerate(rows) if (v := self._visit(i, row, faults)) is not None]
        for one in _doubled(visits):
            faults.append(Fault("/visit", f"the visit {one} of one proposal stands here twice"))
        if faults:
            lines = "; ".join(f"{f.pointer}: {f.detail}" for f in faults[:20])
            raise Invalid(f"The schedule has {len(faults)} fault(s), nothing was changed: {lines}.", tuple(faults))
        return self._store.apply(
            viewer,
            visits,
            rules=self._rules,
            correct_ended=correct_ended,
            dry_run=dry_run,
            now_us=self._clock(),
        )

    def _visit(self, index: int, row: Mapping[str, Any], faults: list[Fault]) -> PlannedVisit | None:
        place = f"/{index}"
        before = len(faults)
        unknown = sorted(set(row) - set(COLUMNS) - {None})
        if unknown:
            faults.append(Fault(place, f"unknown columns {', '.join(map(str, unknown))}; known are {', '.join(COLUMNS)}"))
        value = {name: str(row.get(name) or "").strip() for name in COLUMNS}
        for name in ("proposal", "visit", "instrument", "start", "end"):
            if not value[name]:
                faults.append(Fault(f"{place}/{name}", "is missing"))
        if value["proposal"] and is_placeholder_id(value["proposal"]):
            faults.append(Fault(f"{place}/proposal", f"{value['proposal']!r} is a placeholder, no proposal"))
        kind = value["kind"] or ProposalKind.USER.value
        if kind not in set(ProposalKind) - {ProposalKind.UNSCHEDULED}:
            faults.append(Fault(f"{place}/kind", f"{kind!r} is none of user, in-house, commissioning, proprietary"))
        cancelled = _SAID.get(value["cancelled"].lower())
        if cancelled is None:
            faults.append(Fault(f"{place}/cancelled", f"{value['cancelled']!r} is neither yes nor no"))
        starts = parse_instant(value["start"], "", zone=self._zone).us
        ends = parse_instant(value["end"], "", zone=self._zone).us
        for name, instant in (("start", starts), ("end", ends)):
            if instant is None and value[name]:
                faults.append(Fault(f"{place}/{name}", f"{value[name]!r} is no instant; write 2026-03-01T08:00"))
        if starts is not None and ends is not None and ends <= starts:
            faults.append(Fault(f"{place}/end", "is not after the start"))
        if len(faults) > before or starts is None or ends is None:
            return None
        return PlannedVisit(
            proposal=value["proposal"],
            proposal_key=key_of(value["proposal"]),
            title=value["title"] or None,
            kind=ProposalKind(kind),
            visit_id=value["visit"],
            instrument=value["instrument"].lower(),
            starts_us=starts,
            ends_us=ends,
            pi=value["pi"].lower() or None,
            pi_name=value["pi_name"] or None,
            members=_names(value["members"]),
            local_contacts=_names(value["local_contacts"]),
            cancelled=bool(cancelled),
        )


_SAID = {"": False, "no": False, "false": False, "yes": True, "true": True}


def _rows(text: str) -> list[Mapping[str, Any]]:
    stripped = text.lstrip("\ufeff \t\r\n")
    if stripped[:1] in ("[", "{"):
        try:
            plain = json.loads(stripped)
        except ValueError as error:
            raise Invalid(f"The schedule is no JSON: {error}.") from error
        rows = plain.get("visits") if isinstance(plain, dict) else plain
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise Invalid('The schedule is a list of visits, or {"visits": […]}.')
        return [{k: ";".join(map(str, v)) if isinstance(v, list) else v for k, v in row.items()} for row in rows]
    return list(csv.DictReader(io.StringIO(stripped)))


def _doubled(visits: Sequence[PlannedVisit]) -> list[str]:
    seen: set[tuple[str, str]] = set()
    doubled: list[str] = []
    for visit in visits:
        key = (visit.proposal_key, visit.visit_id)
        if key in seen:
            doubled.append(visit.visit_id)
        seen.add(key)
    return doubled


def _names(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for part in text.split(";") if (name := part.strip().lower())))
