"""Who may see what, decided from values alone: no clock, no database, no request.

One table, `READERS`, is the policy. `may_read` evaluates it for a value; `adapters/sql/permission.py` compiles the same
table into a condition. Source: the facility policies gathered in the data policy contract, section a.3.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from panmesh.access.artefact import Artefact
from panmesh.access.terms import AccessClass, State, Terms, state
from panmesh.access.viewer import Standing, TeamRole, Viewer

_ANY = frozenset({Standing.ANYONE})
_TEAM = frozenset({Standing.PI, Standing.MEMBER, Standing.GRANTEE})
_OFFICES = frozenset({Standing.STAFF, Standing.ADMIN, Standing.STEWARD})
_HOUSE = _OFFICES | {Standing.EMERGENCY}  # never of proprietary data, nor of what was withdrawn
_OWNERS = frozenset({Standing.PI, Standing.MEMBER})
_HELD = frozenset({Standing.PI, Standing.STEWARD, Standing.EMERGENCY})
_NONE: frozenset[Standing] = frozenset()

_CORE = (Artefact.PID_RECORD, Artefact.CORE_METADATA)
_DATA = (Artefact.FULL_METADATA, Artefact.LOGBOOK, Artefact.REPORT, Artefact.RAW, Artefact.PROCESSED)


def _row(
    *,
    core: frozenset[Standing],
    data: frozenset[Standing],
    text: frozenset[Standing],
    result: frozenset[Standing] = _OWNERS,
    record: frozenset[Standing] | None = None,
) -> Mapping[Artefact, frozenset[Standing]]:
    row = dict.fromkeys(_CORE, core) | dict.fromkeys(_DATA, data)
    row |= {Artefact.PROPOSAL_TEXT: text, Artefact.RESULT: result}
    if record is not None:
        row[Artefact.PID_RECORD] = record
    return row


READERS: Mapping[State, Mapping[Artefact, frozenset[Standing]]] = {
    State.PLANNED: _row(core=_TEAM | _HOUSE, data=_HOUSE, text=_TEAM | _HOUSE),
    State.COLLECTING: _row(core=_TEAM | _HOUSE, data=_TEAM | _HOUSE, text=_TEAM | _HOUSE),
    State.EMBARGOED: _row(core=_ANY, data=_TEAM | _HOUSE, text=_TEAM | _HOUSE),
    State.OPEN: _row(core=_ANY, data=_ANY, text=_TEAM | _HOUSE),
    State.HELD: _row(core=_ANY, data=_HELD, text=_HELD, result=frozenset({Standing.PI})),
    State.WITHDRAWN: _row(core=_ANY, data=frozenset({Standing.STEWARD}), text=_TEAM | _HOUSE),
    State.DELETED: _row(core=_ANY, data=_NONE, text=_TEAM | _HOUSE, result=_NONE),
    # The admin and the steward see that it exists, so that they can act on it; never what it holds.
    State.PROPRIETARY: _row(
        core=_TEAM | {Standing.STAFF},
        data=_TEAM | {Standing.STAFF},
        text=_TEAM | {Standing.STAFF},
        record=_TEAM | _OFFICES,
    ),
    State.INTERNAL: _row(core=_TEAM | _HOUSE, data=_TEAM | _HOUSE, text=_TEAM | _HOUSE),
    State.ASIDE: _row(core=_NONE, data=_NONE, text=_NONE, result=_NONE),
}

# Artefacts that one switch on the terms opens to anyone, and in which states.
CORE_FROM_PROPOSAL_STATES = frozenset({State.PLANNED, State.COLLECTING})
RESULTS_SHARED_STATES = frozenset({State.OPEN})


def readers(terms: Terms, artefact: Artefact, now_us: int) -> frozenset[Standing]:
    """The standings that may read the artefact at that instant."""
    return _readers(terms, artefact, state(terms, now_us))


def _readers(terms: Terms, artefact: Artefact, current: State) -> frozenset[Standing]:
    if terms.core_from_proposal and artefact in _CORE and current in CORE_FROM_PROPOSAL_STATES:
        return _ANY
    if terms.results_shared and artefact is Artefact.RESULT and current in RESULTS_SHARED_STATES:
        return _ANY
    return READERS[current][artefact]


class Owned(Protocol):
    """What of terms decides how a viewer stands to them."""

    @property
    def team_id(self) -> int | None: ...
    @property
    def instrument_id(self) -> int | None: ...


def standings(viewer: Viewer, terms: Owned) -> frozenset[Standing]:
    found = {Standing.ANYONE}
    if terms.team_id is not None and terms.team_id in viewer.teams:
        found.add(_BY_ROLE[viewer.teams[terms.team_id]])
    if terms.instrument_id is not None and terms.instrument_id in viewer.instruments:
        found.add(Standing.STAFF)
    if viewer.admin:
        found.add(Standing.ADMIN)
    if viewer.steward:
        found.add(Standing.STEWARD)
    return frozenset(found)


def may_read(viewer: Viewer, terms: Terms, artefact: Artefact, now_us: int) -> bool:
    return artefact in readable(viewer, terms, (artefact,), state(terms, now_us))


def readable(viewer: Viewer, terms: Terms, artefacts: Iterable[Artefact], current: State) -> frozenset[Artefact]:
    """Those of the artefacts that the viewer may read while the terms are in this state."""
    if viewer.operator:
        return frozenset() if terms.access is AccessClass.ASIDE else frozenset(artefacts)
    held = standings(viewer, terms) | personal(viewer, terms.id)
    return frozenset(artefact for artefact in artefacts if not _readers(terms, artefact, current).isdisjoint(held))


def personal(viewer: Viewer, terms_id: int) -> frozenset[Standing]:
    """What somebody was given for these terms alone and for a time: to read, and nothing else."""
    granted = {Standing.GRANTEE} if terms_id in viewer.granted else set()
    return frozenset(granted | ({Standing.EMERGENCY} if terms_id in viewer.emergencies else set()))


_BY_ROLE = {TeamRole.PI: Standing.PI, TeamRole.MEMBER: Standing.MEMBER, TeamRole.GRANTEE: Standing.GRANTEE}
