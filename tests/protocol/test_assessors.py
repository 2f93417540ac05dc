"""What an assessor measures of the landing pages, and that our own figure foretells it, on runs that differ."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from sqlalchemy import delete, insert, select, update

from panmesh.access.viewer import OPERATOR
from panmesh.adapters.sql import tables as t
from panmesh.adapters.sql.doi_tables import doi
from panmesh.publication.assessors import METRICS, WHOLE, assessed
from panmesh.publication.fair_facts import facts_of
from panmesh.testing import fuji_checks
from panmesh.testing.fuji_checks import Answer
from tests.protocol.conftest import NOW, PIDS, SECRET, House
from tests.protocol.test_releases import publish

pytestmark = pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated")
SITE = "https://data.example.org"
Change = Callable[[House], None]


@pytest.fixture
def house_settings() -> dict[str, str]:
    return {"PANMESH_SERVER__PUBLIC_URL": SITE, "PANMESH_FACILITY__NAME": "Example Facility"}


def asker(house: House, told: list[bytes]) -> fuji_checks.Ask:
    def ask(address: str, accept: str) -> Answer:
        if address.startswith("https://doi.org/10.82012/"):  # as the registry does with what we told it
            return Answer(302, {}, b"")
        parts = urlsplit(address)
        assert f"{parts.scheme}://{parts.netloc}" == SITE, address
        got = house.client.get(f"{parts.path}?{parts.query}", headers={"Accept": accept})
        told.append(got.content)
        return Answer(got.status_code, {name.lower(): value for name, value in got.headers.items()}, got.content)

    return ask


def _has_a_doi(name: str) -> Change:
    def change(house: House) -> None:
        said = {"kind": "dataset", "pid": PIDS[name], "suffix": name, "name": f"10.82012/{name}", "asked_us": NOW}
        with house.app.database.write() as c:
            c.execute(insert(doi).values(**said, wanted="findable", confirmed="findable", attempts=0))

    return change


def _all(**values: object) -> Change:
    def change(house: House) -> None:
        with house.app.database.write() as c:
            c.execute(update(t.dataset).values(**values))

    return change


def _without_technique(house: House) -> None:
    with house.app.database.write() as c:
        c.execute(delete(t.dataset_technique))


def _held(house: House) -> None:
    with house.app.database.write() as c:
        c.execute(update(t.terms).where(t.terms.c.id == 2).values(held_us=NOW - 1, hold="sensitive"))


# What is done, one after the other, the run that is looked at then, and what F-UJI gives it of 26: for the first three of these F-UJI
# itself said so of such runs (25, 26 and 24), for the others it is our reading.
STEPS: tuple[tuple[str, Change, str, float], ...] = (
    ("as it was read", _all(format="hdf5"), "open", 25),
    ("with a DOI", _has_a_doi("open"), "open", 26),
    ("under embargo", _without_technique, "embargoed", 24),
    ("held, with a DOI", lambda house: (_held(house), _has_a_doi("embargoed")(house))[-1], "embargoed", 25),
    ("related to nothing", _all(instrument_id=None, sample_id=None, investigation_id=None), "open", 24),
    ("in a format that no list has", _all(format="zip"), "open", 23),
)


def test_an_assessor_finds_what_is_foretold_and_no_byte_that_is_embargoed(house: House) -> None:
    assert WHOLE == 26
    for step, change, run, expected in STEPS:
        change(house)
        told: list[bytes] = []
        found = fuji_checks.points(asker(house, told), f"{SITE}/datasets/{PIDS[run]}")
        measured = sum(found.values())
        assert measured == expected, (step, found)
        ours = assessed(facts_of(house.app.search.get(OPERATOR, PIDS[run]), house.app.records.dois([PIDS[run]])))
        assert abs(100 * measured / WHOLE - ours) <= 5, (step, ours, found)
        assert not [one for one in found if not any(metric.id.startswith(one) for metric in METRICS)]
        if run == "embargoed":
            assert not [one for one in told if SECRET.encode() in one or b"1000" in one or b".nxs" in one], step


def _proposal(house: House) -> None:
    with house.app.database.write() as c:
        row = {"id": 1, "pid": "pm-proposal1", "number": "P-1", "number_folded": "p1", "title": "Ceria", "kind": "user"}
        number = c.execute(select(t.investigation.c.facility_id)).scalars().first()
        c.execute(insert(t.proposal).values(**row, facility_id=number, policy_version="1", proposal_text=SECRET, team_id=1))
        c.execute(update(t.investigation).where(t.investigation.c.pid == "pm-visit1").values(proposal_id=1))


def test_what_gathers_runs_leads_to_them(house: House) -> None:
    """Visits, instruments, proposals: all but a DOI, as F-UJI itself said of such records."""
    _proposal(house)
    for path in ("investigations/pm-visit1", "instruments/pm-instrument1", "proposals/pm-proposal1"):
        told: list[bytes] = []
        found = fuji_checks.points(asker(house, told), f"{SITE}/{path}")
        assert sum(found.values()) == WHOLE - 1, (path, found)
        assert not [one for one in told if SECRET.encode() in one], path


def test_a_publication_leads_to_its_runs(house: House) -> None:
    """Open and under embargo: all but a DOI, as F-UJI itself said of such records."""
    for run in ("open", "embargoed"):
        path = f"releases/{publish(house, run)['pid']}"
        told: list[bytes] = []
        found = fuji_checks.points(asker(house, told), f"{SITE}/{path}")
        assert sum(found.values()) == WHOLE - 1, (run, found)
        assert not [one for one in told if SECRET.encode() in one or b".nxs" in one and run == "embargoed"], run
