"""Data management plans: made of what is known, answered by the team, read by nobody else, valid by the official schema."""

from __future__ import annotations

import html
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from sqlalchemy import update

from panmesh.access.terms import AccessClass
from panmesh.access.viewer import TeamRole
from panmesh.adapters.sql import tables as t
from panmesh.adapters.sql.doi_tables import doi
from panmesh.app import compose
from panmesh.kernel.clock import DAY_US, facility_day
from panmesh.publication.plan import InstrumentProfile, Known
from tests.protocol.conftest import NOW, SECRET, House
from tests.protocol.test_notes import sign_in
from tests.protocol.test_releases import publish

EXAMPLES = (
    "ex1-header-fundedProject", "ex2-dataset-planned", "ex3-dataset-finished", "ex4-dataset-embargo", "ex5-dataset-planned-host",
    "ex6-dataset-closed", "ex7-dataset-many", "ex8-dmp-minimal-content", "ex9-dmp-long", "ex10-fairsharing",
)  # fmt: skip
FIRST = {"If-Match": '"plan-0"'}
JSON = {"Content-Type": "application/vnd.org.rd-alliance.dmp-common.v1.2+json"}
SCHEMA: dict[str, Any] = {}
PROPOSAL = "pm-proposal0000001"
PLAN = f"/api/v1/proposals/{PROPOSAL}/plan"
DMP = f"/api/v1/proposals/{PROPOSAL}/dmp"

pytestmark = pytest.mark.shared_data


@pytest.fixture
def house_settings(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    # What [instrument.i1] would say; the house makes its instruments itself.
    profile = InstrumentProfile(pid="", name="I1", daily_gigabytes=250, data_format="NeXus/HDF5")
    monkeypatch.setattr(compose, "instrument_profiles", lambda settings: {"i1": profile})
    return {
        "PANMESH_FACILITY__CONTACT": "data@example.org",
        "PANMESH_SERVER__PUBLIC_URL": "https://data.example.org",
    }


@pytest.fixture
def planned(house: House) -> House:
    """A proposal with two visits: one that ended and left a run, one that is planned."""
    with house.app.database.write() as c:
        facility = c.execute(t.facility.select()).one().id
        row = {
            "id": 1,
            "pid": PROPOSAL,
            "facility_id": facility,
            "number": "HC-1",
            "number_folded": "hc1",
            "title": "Zirconia glass",
        }
        c.execute(
            t.proposal.insert(), row | {"proposal_text": f"About {SECRET}.", "kind": "user", "policy_version": "1", "team_id": 1}
        )
        c.execute(update(t.investigation).where(t.investigation.c.id == 2).values(proposal_id=1, starts_us=NOW - 20 * DAY_US))
        c.execute(update(t.investigation).where(t.investigation.c.id == 2).values(ends_us=NOW - 10 * DAY_US))
        starts, ends = NOW + 30 * DAY_US, NOW + 33 * DAY_US
        terms = {"id": 50, "access": "public", "team_id": 1, "instrument_id": 1, "policy_version": "1"}
        c.execute(t.terms.insert(), terms | {"starts_us": starts, "ends_us": ends, "opens_us": ends + 1096 * DAY_US})
        visit = {
            "id": 50,
            "pid": "pm-visit50",
            "facility_id": facility,
            "terms_id": 50,
            "natural_key": "v50",
            "visit_id": "visit-50",
        }
        visit |= {
            "title": "Second visit",
            "kind": "user",
            "instrument_id": 1,
            "proposal_id": 1,
            "starts_us": starts,
            "ends_us": ends,
        }
        c.execute(t.investigation.insert(), visit)
    return house


def ask(house: House, who: str | None, path: str = PLAN, method: str = "GET", **given: Any) -> Any:
    headers = given.pop("headers", {}) | (house.bearer(who) if who else {})
    return house.client.request(method, path, headers=headers, **given)


@pytest.fixture
def proposed(planned: House, shared_data: Path) -> House:
    """With the official schema, by which everything that is written of a plan is judged."""
    SCHEMA.update(json.loads((shared_data / "metadata" / "schemas" / "madmp12.json").read_text()))
    return planned


def dmp(house: House) -> dict[str, Any]:
    answer = ask(house, "pi", DMP)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/vnd.org.rd-alliance.dmp-common.v1.2+json"
    document: dict[str, Any] = answer.json()
    check = jsonschema.Draft202012Validator(SCHEMA, format_checker=jsonschema.FormatChecker())
    assert [fault.message for fault in check.iter_errors(document)] == []
    return document["dmp"]  # type: ignore[no-any-return]


def test_only_those_who_read_the_proposals_text_read_its_plan(proposed: House) -> None:
    for who in ("pi", "member", "scientist", "steward", "admin"):
        assert ask(proposed, who).status_code == 200, who
        assert SECRET in ask(proposed, who).text
    absent = ask(proposed, "outsider", PLAN.replace("0001", "0009"))
    for who in (None, "outsider"):
        for path in (
            PLAN,
            DMP,
            PLAN.replace(PROPOSAL, "HC-1"),
            f"/proposals/{PROPOSAL}/plan",
            f"/proposals/{PROPOSAL}/plan.json",
        ):
            answer = ask(proposed, who, path)
            assert answer.status_code == 404, (who, path)
            assert SECRET not in answer.text
        assert ask(proposed, who, "/api/v1/plans").json() == []
        assert ask(proposed, who).json() == absent.json()
    assert ask(proposed, "pi", "/api/v1/plans").json() == [{"pid": PROPOSAL, "number": "HC-1", "title": "Zirconia glass"}]


def test_a_proprietary_visit_is_in_nobodys_plan_who_may_not_know_of_it(proposed: House) -> None:
    with proposed.app.database.write() as c:
        c.execute(update(t.terms).where(t.terms.c.id == 50).values(access=AccessClass.PROPRIETARY.value))
    assert "visit-50" not in ask(proposed, "steward").text
    assert "pm-visit50" not in ask(proposed, "steward", DMP).text
    document = dmp(proposed)
    assert [d["distribution"][0]["data_access"] for d in document["dataset"]] == ["open", "closed"]
    assert "license" not in document["dataset"][1]["distribution"][0]


def test_estimates_become_what_was_measured(proposed: House) -> None:
    ended, planned = dmp(proposed)["dataset"]
    assert ended["distribution"][0]["byte_size"] == 1000
    assert ended["description"] == "1 run in 1 file, as measured."
    assert planned["distribution"][0]["byte_size"] == 3 * 250 * 10**9
    assert planned["distribution"][0]["format"] == ["application/x-hdf5"]
    opens = NOW - 10 * DAY_US + 1000 * DAY_US
    assert ended["distribution"][0]["license"][0]["start_date"] == facility_day(opens, "UTC").isoformat()
    before = dmp(proposed)["modified"]
    proposed.moment[0] += 40 * DAY_US
    with proposed.app.database.write() as c:
        c.execute(
            update(t.dataset).where(t.dataset.c.id == 3).values(investigation_id=50, terms_id=50, total_bytes=7, file_count=2)
        )
    planned = dmp(proposed)["dataset"][1]
    assert planned["distribution"][0]["byte_size"] == 7
    assert dmp(proposed)["modified"] > before


def test_dois_and_papers_are_in_the_plan_as_soon_as_they_are_there(proposed: House) -> None:
    """Of a visit that ended: its own DOI, what was published of it, and the papers that use that."""
    before = dmp(proposed)
    proposed.moment[0] += DAY_US
    made = publish(proposed, "embargoed")
    said = {"asked_us": NOW, "wanted": "findable", "attempts": 0, "confirmed": "findable"}
    with proposed.app.database.write() as c:
        visit = {"kind": "investigation", "pid": "pm-visit2", "suffix": "v2", "name": "10.82012/v2"}
        c.execute(doi.insert(), visit | said)
        c.execute(update(doi).where(doi.c.pid == made["pid"]).values(name="10.82012/abcd", confirmed="findable"))
    after = dmp(proposed)
    assert after["modified"] > before["modified"]
    assert after["dataset"][0]["dataset_id"] == {"identifier": "10.82012/v2", "type": "doi"}
    assert [(r["relation_type"], r["identifier"], r["type"]) for r in after["dataset"][0]["related_identifier"]] == [
        ("IsSourceOf", "10.82012/abcd", "doi"),
        ("IsSupplementTo", "10.1000/xyz123", "doi"),
    ]
    assert "related_identifier" not in after["dataset"][1]
    answers = {q["question"]: q["answer"] for q in ask(proposed, "pi").json()["questions"]}
    assert answers["Under which DOIs are they cited?"] == (
        "visit-2: https://doi.org/10.82012/v2; Thermal expansion of ceria, figure 3: https://doi.org/10.82012/abcd"
    )
    assert answers["Which papers came of them?"] == "Expansion, https://doi.org/10.1000/xyz123"
    ask(proposed, "pi", DMP, "PUT", json={"dmp": before}, headers=FIRST)
    assert [d["dataset_id"] for d in dmp(proposed)["dataset"]] == [d["dataset_id"] for d in after["dataset"]]


def test_a_proposal_without_a_visit_plans_its_data(proposed: House) -> None:
    with proposed.app.database.write() as c:
        c.execute(update(t.investigation).values(proposal_id=None))
    (planned,) = dmp(proposed)["dataset"]
    assert planned["title"] == "Data of Zirconia glass"
    assert planned["distribution"][0]["data_access"] == "shared"
    before = dmp(proposed)
    assert ask(proposed, "pi", DMP, "PUT", json={"dmp": before}, headers=FIRST).status_code == 200
    assert dmp(proposed)["dataset"] == before["dataset"]


def test_the_team_answers_and_takes_it_back(proposed: House) -> None:
    first = ask(proposed, "member").json()
    waiting = [q["field"] for q in first["questions"] if q["source"] == "team" and q["answer"] is None]
    assert {"personal_data", "sensitive_data", "ethical_issues", "funding", "results"} <= set(waiting)
    change = {"personal_data": "no", "results": "A repository of the university."}
    assert ask(proposed, "member", method="PATCH", json=change).status_code == 428
    assert ask(proposed, "scientist", method="PATCH", json=change, headers=FIRST).status_code == 403
    assert ask(proposed, "outsider", method="PATCH", json=change, headers=FIRST).status_code == 404
    made = ask(proposed, "member", method="PATCH", json=change, headers=FIRST)
    assert made.status_code == 200, made.text
    assert made.json()["answered"] == first["answered"] + 2
    assert made.headers["etag"] == '"plan-1"'
    assert ask(proposed, "pi", method="PATCH", json=change, headers=FIRST).status_code == 412
    assert dmp(proposed)["dataset"][0]["personal_data"] == "no"
    browser = sign_in(proposed, "pi")
    assert "Undo that" in browser.get(f"/proposals/{PROPOSAL}/plan")
    assert browser.post(f"/proposals/{PROPOSAL}/plan", revision="1", do="undo").status_code == 303
    assert ask(proposed, "member").json()["answered"] == first["answered"]
    assert dmp(proposed)["dataset"][0]["personal_data"] == "unknown"


def test_the_page_asks_only_whom_it_can_and_keeps_what_they_write(proposed: House) -> None:
    browser = sign_in(proposed, "pi")
    shown = browser.get(f"/proposals/{PROPOSAL}/plan")
    assert "What only you can answer" in shown
    assert "about 750 GB expected, 1 kB of it measured" in shown
    answer = browser.post(f"/proposals/{PROPOSAL}/plan", revision="0", ethical_issues="yes", ethical_description="<b>Bees</b>")
    assert answer.status_code == 303
    assert "Yes: &lt;b&gt;Bees&lt;/b&gt;" in browser.get(f"/proposals/{PROPOSAL}/plan")
    assert dmp(proposed)["ethical_issues_exist"] == Known.YES
    sent = {"funder_name": "European Commission", "funder_id": "https://ror.org/00k4n6c32", "grant_id": "823852"}
    assert browser.post(f"/proposals/{PROPOSAL}/plan", revision="1", **sent).status_code == 303
    assert "European Commission, grant 823852" in browser.get(f"/proposals/{PROPOSAL}/plan")
    (funding,) = dmp(proposed)["project"][0]["funding"]
    assert funding["funder_id"] == {"identifier": "https://ror.org/00k4n6c32", "type": "ror"}
    sent = {"funder_name": "A university"}
    assert browser.post(f"/proposals/{PROPOSAL}/plan", revision="2", **sent).status_code == 303
    assert browser.post(f"/proposals/{PROPOSAL}/plan", revision="3", drop_funder="0").status_code == 303
    assert [f["funder_id"]["identifier"] for f in dmp(proposed)["project"][0]["funding"]] == ["A university"]
    assert f'href="/proposals/{PROPOSAL}/plan"' in browser.get("/plans")
    assert proposed.client.get("/plans").headers["location"].startswith("/sign-in")


def test_a_grantee_reads_and_does_not_answer(proposed: House) -> None:
    proposed.app.accounts.set_member("team", "outsider", TeamRole.GRANTEE)
    assert ask(proposed, "outsider").json()["may_answer"] is False
    assert ask(proposed, "outsider", method="PATCH", json={"results": "x"}, headers=FIRST).status_code == 403


@pytest.mark.parametrize("example", EXAMPLES)
def test_plans_of_other_tools_are_taken(proposed: House, shared_data: Path, example: str) -> None:
    """The examples of the standard, and what we write of them is valid and says the same."""
    content = (shared_data / "metadata" / "madmp" / f"{example}.json").read_bytes()
    theirs = json.loads(content)["dmp"]
    answer = ask(proposed, "pi", DMP, "PUT", content=content, headers=FIRST | JSON)
    assert answer.status_code == 200, answer.text
    ours = dmp(proposed)
    assert ours["ethical_issues_exist"] == theirs["ethical_issues_exist"]
    assert theirs["dmp_id"] in ours["alternate_identifier"]
    titles = [d["title"] for d in ours["dataset"]]
    assert [d["title"] for d in theirs["dataset"] if d["title"] not in titles] == []
    assert titles[:2] == ["A run embargoed", "Second visit"]
    given = [f["funder_id"] for p in theirs.get("project", []) for f in p.get("funding", []) if f["funder_id"]["identifier"]]
    assert [f["funder_id"] for f in ours["project"][0].get("funding", [])] == given
    names = {c["name"] for c in ours["contributor"]}
    assert {c["name"] for c in theirs.get("contributor", [])} <= names


def test_a_repository_that_is_named_by_its_doi_alone_is_kept(proposed: House, shared_data: Path) -> None:
    content = (shared_data / "metadata" / "madmp" / "ex10-fairsharing.json").read_bytes()
    assert ask(proposed, "pi", DMP, "PUT", content=content, headers=FIRST | JSON).json()["left_out"] == []
    hosts = [one["host"] for data in dmp(proposed)["dataset"] for one in data["distribution"]]
    assert [h["url"] for h in hosts if h["title"] == "GBIF.org"] == ["https://doi.org/10.25504/FAIRsharing.zv11j3"]


TIMES = ("created", "modified")  # of a plan: ours, since it is made here


@pytest.mark.parametrize("example", EXAMPLES)
def test_what_other_tools_wrote_comes_out_again(proposed: House, shared_data: Path, example: str) -> None:
    """All but the times of the plan, and what is named as left out."""
    content = (shared_data / "metadata" / "madmp" / f"{example}.json").read_bytes()
    answer = ask(proposed, "pi", DMP, "PUT", content=content, headers=FIRST | JSON)
    left = {[step for step in fault["pointer"].split("/") if not step.isdigit()][-1] for fault in answer.json()["left_out"]}
    lost = Counter(_told(json.loads(content)["dmp"])) - Counter(_told(dmp(proposed)))
    assert [one for one in lost if one[0] not in TIMES and not left & set(one[0].split("/"))] == []
    page = sign_in(proposed, "pi").get(f"/proposals/{PROPOSAL}/plan")
    assert html.escape(json.loads(content)["dmp"]["title"]) in page.replace("&#39;", "&#x27;")


def _told(value: Any, where: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    """Where each text and number stands. An identifier of the plan, its writer and its host's flags go by the names of version 1.2 here."""
    if isinstance(value, dict):
        for name, one in value.items():
            yield from _told(one, (*where, _HERE.get(name, name)))
    elif isinstance(value, list):
        for one in value:
            yield from _told(one, where)
    elif value != "":
        yield "/".join(where), repr(value.removeprefix("https://doi.org/") if isinstance(value, str) else value)


_HERE = {
    "dmp_id": "alternate_identifier",
    "contact": "contributor",
    "contact_id": "contributor_id",
    "supports_versioning": "support_versioning",
}


def test_our_own_plan_brought_back_doubles_nothing(proposed: House) -> None:
    before = dmp(proposed)
    answer = ask(proposed, "pi", DMP, "PUT", json={"dmp": before}, headers=FIRST)
    assert (answer.status_code, answer.json()["left_out"]) == (200, [])
    after = dmp(proposed)
    assert {k: v for k, v in after.items() if k != "modified"} == {k: v for k, v in before.items() if k != "modified"}


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b"[]",
        b'{"dmp": 3}',
        b'{"dmp": {"dataset": {"title": 7}, "cost": [null, [], "x"], "project": "p"}}',
        b'{"dmp": {"language": "xxx"}}',
        b'{"dmp": {"cost": [{"title": "Disk", "theirs": [[[[[[1]]]]]], "odd\\u0001": "\\u0002", "big": 1e300}]}}',
    ],
)
def test_what_is_no_plan_spoils_none(proposed: House, body: bytes) -> None:
    answer = ask(proposed, "pi", DMP, "PUT", content=body, headers=FIRST | JSON)
    assert answer.status_code in (200, 422), answer.text
    dmp(proposed)
