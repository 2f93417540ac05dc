"""What is held of a person: shown, corrected, withheld from the public, erased as far as the law asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from panmesh.access.names import name_key
from panmesh.access.viewer import Scope, Viewer
from panmesh.kernel.clock import Clock
from panmesh.kernel.errors import Fault, Forbidden, Invalid, Unauthenticated
from panmesh.kernel.orcid import is_orcid
from panmesh.kernel.text import is_plain

LONGEST = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    login: str
    name: str
    email: str | None
    orcid: str | None
    affiliation: str | None
    withheld: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class WithheldName:
    id: int
    name: str | None
    orcid: str | None
    own: bool  # of an account, as its owner asked
    since_us: int
    reason: str
    places: int  # datasets whose file names this person


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """What goes and what stays, in words, before it is done."""

    login: str
    goes: tuple[str, ...]
    stays: tuple[str, ...]
    hinders: tuple[str, ...]  # what has to be done before


class PersonalStore(Protocol):
    def profile(self, account: int) -> Profile: ...
    def number(self, login: str) -> int:
        """Raises NotFound."""
        ...

    def export(self, account: int) -> Mapping[str, Any]: ...
    def correct(self, viewer: Viewer, *, name: str, orcid: str | None, affiliation: str | None, now_us: int) -> None: ...
    def withhold(
        self, viewer: Viewer, *, account: int | None, name: str | None, orcid: str | None, reason: str, now_us: int
    ) -> None: ...
    def show_again(self, viewer: Viewer, number: int, now_us: int) -> None: ...
    def withheld(self, account: int | None) -> Sequence[WithheldName]:
        """None: all."""
        ...

    def renew_texts(self, now_us: int) -> int:
        """Texts for search that wait to be made anew; returns how many were."""
        ...

    def erasure(self, account: int, now_us: int) -> Erasure: ...
    def erase(self, viewer: Viewer, account: int, now_us: int, *, withhold: bool) -> Erasure:
        """Raises Conflict when something hinders it."""
        ...


class PersonalService:
    def __init__(self, store: PersonalStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def profile(self, viewer: Viewer) -> Profile:
        return self._store.profile(_own(viewer))

    def export(self, viewer: Viewer, login: str | None = None) -> Mapping[str, Any]:
        """Of oneself; the operator, of anybody. Stewards and admins have no business to read all that is held of a person."""
        if login is not None and viewer.operator:
            return self._store.export(self._store.number(login))
        return self._store.export(_own(viewer))

    def correct(self, viewer: Viewer, *, name: str, orcid: str | None, affiliation: str | None) -> None:
        """What they say of themselves. What files say stays as it was measured; the steward corrects it by a layer."""
        _writes(viewer)
        shown, iri = " ".join(name.split()), (orcid or "").strip().rpartition("/")[2].upper() or None
        faults = []
        if not shown or len(shown) > LONGEST or not is_plain(shown) or not name_key(shown):
            faults.append(Fault("/name", f"a name of 1 to {LONGEST} signs"))
        if iri is not None and not is_orcid(iri):
            faults.append(Fault("/orcid", "is no ORCID iD: 0000-0002-1825-0097 is one"))
        if affiliation is not None and (len(affiliation) > LONGEST or not is_plain(affiliation)):
            faults.append(Fault("/affiliation", f"at most {LONGEST} signs"))
        if faults:
            raise Invalid("; ".join(f"{f.pointer[1:]}: {f.detail}" for f in faults) + ".", tuple(faults))
        plain = " ".join((affiliation or "").split()) or None
        self._store.correct(viewer, name=shown, orcid=iri, affiliation=plain, now_us=self._clock())

    def withhold_own(self, viewer: Viewer, also: str | None = None) -> None:
        """The name of the account and its ORCID iD; `also`: another way in which it is written in files."""
        _writes(viewer)
        account = _own(viewer)
        name = None
        if also is not None:
            name = _a_name(also)
            mine = set(name_key(self._store.profile(account).name).split())
            if mine.isdisjoint(name_key(name).split()):
                raise Forbidden("This name has no part of yours: for another name of yours, ask the data steward.")
        reason = "as its owner asked"
        self._store.withhold(viewer, account=account, name=name, orcid=None, reason=reason, now_us=self._clock())

    def withhold(self, viewer: Viewer, *, name: str | None, orcid: str | None, reason: str) -> None:
        """By the steward: of somebody who need have no account here."""
        _answers(viewer)
        said = " ".join(reason.split())
        if not said or len(said) > LONGEST:
            raise Invalid("Say who asked for it and when.", (Fault("/reason", "is missing or too long"),))
        iri = (orcid or "").strip().rpartition("/")[2].upper() or None
        if iri is not None and not is_orcid(iri):
            raise Invalid("This is no ORCID iD.", (Fault("/orcid", "is no ORCID iD"),))
        plain = _a_name(name) if name and name.strip() else None
        if plain is None and iri is None:
            raise Invalid("Give a name or an ORCID iD.", (Fault("/name", "is missing"),))
        self._store.withhold(viewer, account=None, name=plain, orcid=iri, reason=said, now_us=self._clock())

    def show_again(self, viewer: Viewer, number: int) -> None:
        _writes(viewer)
        self._store.show_again(viewer, number, self._clock())

    def renew_texts(self, now_us: int) -> int:
        return self._store.renew_texts(now_us)

    def withheld(self, viewer: Viewer) -> Sequence[WithheldName]:
        return self._store.withheld(None if _is_office(viewer) else _own(viewer))

    def own_withheld(self, viewer: Viewer) -> Sequence[WithheldName]:
        return self._store.withheld(_own(viewer))

    def erasure(self, viewer: Viewer, login: str | None = None) -> Erasure:
        return self._store.erasure(self._whose(viewer, login), self._clock())

    def erase(self, viewer: Viewer, login: str, *, withhold: bool = False) -> Erasure:
        """Only on the host: nothing on a page does what cannot be undone."""
        if not viewer.operator:
            raise Forbidden("The operator erases accounts on the host: panmesh user erase.")
        return self._store.erase(viewer, self._store.number(login), self._clock(), withhold=withhold)

    def _whose(self, viewer: Viewer, login: str | None) -> int:
        return self._store.number(login) if login is not None and viewer.operator else _own(viewer)


def _own(viewer: Viewer) -> int:
    if viewer.user_id is None:
        raise Unauthenticated("Sign in to see what is held of you.")
    return viewer.user_id


def _writes(viewer: Viewer) -> None:
    if viewer.operator:
        return
    _own(viewer)
    if Scope.WRITE not in viewer.scopes:
        raise Forbidden("This token may not write: make one with the scope 'write'.")


def _is_office(viewer: Viewer) -> bool:
    return viewer.operator or viewer.steward or viewer.admin


def _answers(viewer: Viewer) -> None:
    _writes(viewer)
    if not _is_office(viewer):
        raise Forbidden("Names of others are withheld by the data steward.")


def _a_name(text: str) -> str:
    plain = " ".join(text.split())
    if not is_plain(plain) or len(plain) > LONGEST or len(name_key(plain)) < 3:
        raise Invalid("A name has at least three letters.", (Fault("/name", "at least three letters"),))
    return plain
