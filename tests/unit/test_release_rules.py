"""What follows for a release from the terms of its runs, what may be typed in its description, which identifiers are none."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from panmesh.access.artefact import Artefact
from panmesh.access.policy import may_read
from panmesh.access.release_policy import may_change_release, may_release, release_state
from panmesh.access.terms import AccessClass, State, Terms, state
from panmesh.access.viewer import ANONYMOUS, Scope, TeamRole, Viewer
from panmesh.adapters.sql.release_shapes import read, written
from panmesh.portal.pages_publishing import described, pids_in
from panmesh.publication import identifiers
from panmesh.publication.describing import faults, tidy
from panmesh.publication.record import Agent, Funding
from panmesh.publication.release import Candidate, Description, Paper, amended, obstacle
from panmesh.publication.suggesting import Suggestions

INSTANTS = st.none() | st.integers(0, 20)
TERMS = st.builds(
    Terms,
    id=st.integers(1, 99),
    access=st.sampled_from(AccessClass),
    team_id=st.none() | st.integers(1, 3),
    instrument_id=st.none() | st.integers(1, 3),
    core_from_proposal=st.booleans(),
    starts_us=INSTANTS,
    ends_us=INSTANTS,
    opens_us=INSTANTS,
    declassified_us=INSTANTS,
    held_us=INSTANTS,
    withdrawn_us=INSTANTS,
    deleted_us=INSTANTS,
)
TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20)
GOOD = Description(title="Runs of figure 3", abstract="x" * 60, creators=(Agent(name="Lovelace, Ada"),))


@given(st.lists(TERMS, max_size=5), st.integers(0, 20))
@settings(max_examples=200)
def test_what_a_release_is_called_follows_from_what_anybody_may_know_of_its_runs(runs: list[Terms], now: int) -> None:
    known = [one for one in runs if may_read(ANONYMOUS, one, Artefact.CORE_METADATA, now)]
    assert release_state(runs, False, now) == release_state(known, False, now)
    current, opens = release_state(runs, False, now)
    if current is State.OPEN:
        assert {state(one, now) for one in known} <= {State.OPEN, State.WITHDRAWN, State.DELETED}
    if opens is not None:
        assert all(one.opens_us is not None and one.opens_us <= opens for one in known if state(one, now) is State.EMBARGOED)
    assert release_state(runs, True, now) == (State.WITHDRAWN, None)


@given(TERMS, st.integers(0, 20), st.sampled_from([*TeamRole, None]), st.booleans(), st.booleans())
@settings(max_examples=200)
def test_nobody_releases_what_is_not_theirs_or_neither_open_nor_embargoed(
    terms: Terms, now: int, role: TeamRole | None, staff: bool, native: bool
) -> None:
    teams = {terms.team_id: role} if role is not None and terms.team_id is not None else {}
    viewer = Viewer(user_id=1, teams=teams, instruments=frozenset({1}) if staff else frozenset())
    one = Candidate(pid="pm-1", version=1, version_pid="pm-1.v1", terms=terms, native=native, growing=False, about="pm-1")
    why = obstacle(viewer, one, now)
    if why is None:
        assert native
        assert state(terms, now) in (State.OPEN, State.EMBARGOED)
        assert role in (TeamRole.PI, TeamRole.MEMBER) or (terms.team_id is None and staff and terms.instrument_id == 1)
    assert obstacle(viewer, replace(one, growing=True), now) is not None
    assert not may_release(replace(viewer, scopes=frozenset({Scope.READ})), terms)
    assert not may_release(ANONYMOUS, terms)
    assert may_change_release(viewer, 1, [terms])
    assert not may_change_release(replace(viewer, user_id=2, teams={}, instruments=frozenset()), 1, [terms])


@given(st.integers(0, 10**15 - 1), st.integers(0, 15), st.sampled_from("0123456789X"))
def test_one_wrong_digit_of_an_orcid_is_found(number: int, place: int, digit: str) -> None:
    body = f"{number:015d}"
    right = [c for c in "0123456789X" if identifiers.orcid(body + c)]
    assert len(right) == 1
    whole = body + right[0]
    assert identifiers.orcid(f"https://orcid.org/{whole[:4]}-{whole[4:8]}-{whole[8:12]}-{whole[12:]}") == identifiers.orcid(whole)
    other = whole[:place] + digit + whole[place + 1 :]
    assert other == whole or identifiers.orcid(other) is None


def test_identifiers_are_made_uniform_and_what_is_none_is_refused() -> None:
    for text in ("10.1000/xyz", "doi:10.1000/xyz", "https://doi.org/10.1000/xyz", " http://dx.doi.org/10.1000/xyz "):
        assert identifiers.doi(text) == "10.1000/xyz"
    for text in ("", "10.1000", "xyz", "10.1000/a b", "https://example.org/10.1000/x", '10.1000/"><script>'):
        assert identifiers.doi(text) is None
    assert identifiers.ror("02550N020") == identifiers.ror("ror.org/02550n020") == "https://ror.org/02550n020"
    assert identifiers.ror("https://ror.org/12345") is None
    assert identifiers.funder("10.13039/501100000780") == "https://doi.org/10.13039/501100000780"
    assert identifiers.funder("10.1000/xyz") is None


@given(TEXT, TEXT, st.lists(st.tuples(TEXT, TEXT, TEXT, TEXT), max_size=3))
@settings(max_examples=60)
def test_what_was_typed_is_kept_and_making_it_uniform_twice_changes_nothing(
    title: str, abstract: str, rows: list[tuple[str, str, str, str]]
) -> None:
    said = Description(
        title=title,
        abstract=abstract,
        creators=tuple(Agent(name=a, orcid=b, affiliation=c, affiliation_ror=d) for a, b, c, d in rows),
        papers=tuple(Paper(doi=a, title=b) for a, b, _, _ in rows),
        funding=tuple(Funding(funder=a, funder_id=b, award=c) for a, b, c, _ in rows),
    )
    once = tidy(said)
    assert tidy(once) == once
    assert read(written(once)) == once
    assert faults(once) == faults(tidy(said))


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"title": ""}, "/title"),
        ({"abstract": "short"}, "/abstract"),
        ({"creators": ()}, "/creators"),
        ({"creators": (Agent(name="A", orcid="0000-0002-1825-0098"),)}, "/creators/0/orcid"),
        ({"creators": (Agent(name="A", orcid="0000-0002-1825-0097"), Agent(name="B", orcid="0000-0002-1825-0097"))}, "/creators/1/orcid"),
        ({"creators": (Agent(name="A", affiliation="X", affiliation_ror="https://ror.org/no"),)}, "/creators/0/ror"),
        ({"creators": (Agent(name="A", affiliation_ror="https://ror.org/02550n020"),)}, "/creators/0/affiliation"),
        ({"papers": (Paper(doi="my paper"),)}, "/papers/0/doi"),
        ({"papers": (Paper(doi="10.1000/x", relation="Likes"),)}, "/papers/0/relation"),
        ({"funding": (Funding(funder="", award="7"),)}, "/funding/0/funder"),
        ({"funding": (Funding(funder="EC", funder_id="12345"),)}, "/funding/0/funder_id"),
    ],
)  # fmt: skip
def test_every_fault_is_said_with_its_place(change: dict[str, object], pointer: str) -> None:
    assert faults(GOOD) == ()
    assert [fault.pointer for fault in faults(tidy(replace(GOOD, **change)))] == [pointer]  # type: ignore[arg-type]


def test_papers_and_funders_alone_may_be_amended() -> None:
    later = amended(GOOD, papers=[Paper(doi="10.1000/x")], funding=[Funding(funder="EC")])
    assert replace(later, papers=(), funding=()) == GOOD


def test_a_pasted_list_is_read_however_it_was_written() -> None:
    for between, end in product(("\n", ", ", "  ", ";\n"), ("", ".")):
        text = between.join(["pm-1", "https://data.example.org/datasets/pm-2?x=1#files", "http://h/datasets/10.1%2Fa"]) + end
        assert pids_in(text) == ["pm-1", "pm-2", "10.1/a"]


def test_a_pasted_identifier_is_read_with_what_mails_and_manuscripts_put_around_it() -> None:
    pid = "pm-0123456789abcdef"
    for said in (
        f"<https://h/datasets/{pid}>",
        f"https://h/datasets/{pid}/",
        f"http://h/doi/{pid}",
        f'"{pid}";',
        f"({pid})",
        pid.upper(),
    ):
        assert pids_in(said) == [pid]
    for said in ("https://doi.org/10.5072/abc", "doi:10.5072/abc", "<10.5072/abc>."):
        assert pids_in(said) == ["10.5072/abc"]


def test_buttons_of_the_form_move_take_out_and_add_and_known_places_get_their_ror() -> None:
    form = {"title": "T", "abstract": "A"}
    for n, name in enumerate(("A", "B", "C")):
        form |= {f"creator-{n}-name": name, f"creator-{n}-affiliation": "ESRF"}
    form |= {"creator-3-name": "", "creator-3-affiliation": ""}
    known = Suggestions(
        people=(Agent(name="D", orcid="0000-0002-1825-0097"),), institutions=(("ESRF", "https://ror.org/02550n020"),)
    )

    def names(do: str) -> list[str]:
        return [one.name for one in described(form | {"do": do}, known).creators]

    assert names("save") == ["A", "B", "C"]
    assert names("up:creators:2") == ["A", "C", "B"]
    assert names("remove:creators:0") == ["B", "C"]
    assert names("take:creators:0") == ["A", "B", "C", "D"]
    assert names("remove:creators:9") == names("up:creators:0") == names("") == ["A", "B", "C"]
    assert {one.affiliation_ror for one in described(form, known).creators} == {"https://ror.org/02550n020"}
