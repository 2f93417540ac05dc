"""Why may I, or may I not, read this: in words, for whoever asks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Protocol

from panmesh.access.artefact import Artefact
from panmesh.access.terms import State
from panmesh.kernel.clock import facility_day


class Access(Protocol):
    @property
    def state(self) -> State: ...
    @property
    def opens_us(self) -> int | None: ...
    @property
    def readable(self) -> frozenset[Artefact]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    state: State
    word: str  # "Open", "Embargoed until 3 May 2027", "Closed" …
    sentence: str
    opens: date | None
    may_read_data: bool
    ask: str | None  # whom to ask


def whom_to_ask(contact: str | None) -> str:
    """`contact`: the facility's mail address or URL for questions."""
    if contact:
        return f"the principal investigator of the experiment or the facility's staff ({contact})"
    return "the principal investigator of the experiment or the facility's staff"


def explain(access: Access, zone: str, *, signed_in: bool, contact: str | None = None) -> Explanation:
    opens = facility_day(access.opens_us, zone) if access.opens_us is not None and access.state in _DATED else None
    may = Artefact.RAW in access.readable
    word, reason = _words(access.state, opens)
    if may and access.state is not State.OPEN:
        reason += " You may read it because you belong to its team or look after it."
    elif not may and not signed_in and access.state in (State.EMBARGOED, State.COLLECTING, State.PLANNED):
        reason += " If you took part, sign in."
    ask = None if may else whom_to_ask(contact)
    return Explanation(state=access.state, word=word, sentence=reason, opens=opens, may_read_data=may, ask=ask)


# In the other states no day is certain: a hold or a withdrawal overrides the date of the embargo.
_DATED = (State.PLANNED, State.COLLECTING, State.EMBARGOED, State.OPEN)


def _words(state: State, opens: date | None) -> tuple[str, str]:
    day = f"{opens.day} {opens:%B %Y}" if opens is not None else ""
    match state:
        case State.OPEN:
            return "Open", "Open to everyone: metadata and data."
        case State.EMBARGOED:
            word = f"Embargoed until {day}" if day else "Embargoed"
            tail = f"They open by themselves on {day}." if day else "No opening day is set."
            return (
                word,
                f"The experiment is over and its embargo runs: the core metadata are public, the data are for the team. {tail}",
            )
        case State.COLLECTING:
            return "Being measured", "The experiment is under way; nothing of it is public before it ends."
        case State.PLANNED:
            return "Planned", "The experiment has not begun."
        case State.HELD:
            return (
                "Held",
                "The data are held back for a legal reason or because they are sensitive; only the core metadata are public.",
            )
        case State.WITHDRAWN:
            return "Withdrawn", "The data were withdrawn; this page remains as their tombstone."
        case State.DELETED:
            return "Deleted", "The data were deleted when their retention ended; this page remains as their tombstone."
        case State.PROPRIETARY:
            return "Proprietary", "The data belong to the paying user and never open unless they ask for it."
        case State.INTERNAL:
            return "Staff only", "Not assigned to a visit: only the facility's staff see it."
        case State.ASIDE:
            return "Set aside", "Discarded by the facility's staff, or merged into another dataset."
