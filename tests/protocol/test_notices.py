"""Notices of the policy: written down by the clock, mailed to those they are for, once; through a real mail server that is down, slow to agree or unwilling."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from email.message import Message
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
from sqlalchemy import select, update

from panmesh.adapters.sql import tables as t
from panmesh.adapters.sql.doi_tables import doi
from panmesh.adapters.sql.dois import intend_doi
from panmesh.adapters.sql.event_notices import tell_of_archive
from panmesh.adapters.sql.notice_round import SqlNoticeRound
from panmesh.adapters.sql.request_tables import announcement, notice
from panmesh.app.announcing import Announcer
from panmesh.cli.main import cli
from panmesh.kernel.clock import DAY_US, facility_day, from_us
from tests.protocol.conftest import NOW, PIDS, SECRET, House
from tests.protocol.mailbox import Mailbox

RUN, VISIT = PIDS["embargoed"], "pm-visit2"
OPENS = NOW + 990 * DAY_US
Work = Callable[[int], list[Message]]


@pytest.fixture
def house_settings(mail_settings: dict[str, str]) -> dict[str, str]:
    return mail_settings


@pytest.fixture
def at(house: House, mailbox: tuple[Mailbox, int]) -> Work:
    """Sets the clock, lets the house work, returns the mails that came since the last time."""
    for login in ("outsider", "member", "pi", "scientist", "steward"):
        house.app.accounts.set_email(login, f"{login}@example.org")
    with house.app.database.write() as c:  # of one visit alone
        c.execute(update(t.terms).where(t.terms.c.id != 2).values(team_id=None, instrument_id=None))
    announcer = Announcer(house.app, threading.Event())

    def work(now_us: int) -> list[Message]:
        house.moment[0] = now_us
        before = len(mailbox[0].got)
        announcer.round()
        return mailbox[0].got[before:]

    assert work(NOW) == []  # nobody is told of what was before
    return work


def to(mails: list[Message]) -> set[str]:
    return {mail["To"].partition("@")[0] for mail in mails}


def text(mail: Message) -> str:
    return mail.get_content()  # type: ignore[attr-defined, no-any-return]


def ask(house: House, who: str, kind: str, **wanted: Any) -> int:
    body = {"kind": kind, "about": RUN, "reason": "We want to compare it with ours."} | wanted
    return int(house.client.post("/api/v1/requests", json=body, headers=house.bearer(who)).json()["id"])


def states(house: House) -> list[tuple[str, str]]:
    with house.app.database.read() as c:
        return [(r.kind, r.state) for r in c.execute(select(notice).order_by(notice.c.id))]


def test_the_team_hears_before_its_data_open_and_when_they_did(
    house: House, at: Work, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PANMESH_DATABASE__URL", house.app.settings.database_url)
    house.app.harvest_upkeep.renew()
    mails = at(OPENS - 180 * DAY_US)
    assert to(mails) == {"pi", "member", "scientist"}
    subject = f"ata open on {_words(OPENS)}: A run embargoed"
    subjects = {mail["To"].partition("@")[0]: mail["Subject"] for mail in mails}
    assert subjects == {"pi": f"Your d{subject}", "member": f"Your d{subject}", "scientist": f"D{subject}"}
    lead = next(mail for mail in mails if mail["To"].startswith("pi"))
    assert "in 180 days" in text(lead)
    assert f"https://data.example.org/why/{VISIT}?ask=extension" in text(lead)
    assert "open them now" in text(lead)
    assert lead["Auto-Submitted"] == "auto-generated"
    assert at(OPENS - 180 * DAY_US + 1) == []
    month_asleep = at(OPENS - 20 * DAY_US)
    assert ["in 20 days" in text(mail) for mail in month_asleep] == [True] * 3, "as it is on the day on which they are sent"
    cli.main(["mail", "preview", "notice", "1", "--data", str(house.app.settings.data)], standalone_mode=False)
    assert "in 180 days" in capsys.readouterr().out
    opened = at(OPENS + DAY_US)
    assert {mail["Subject"] for mail in opened} == {"Now open to everybody: A run embargoed"}
    assert "CC BY 4.0" in text(opened[0])
    assert at(OPENS + 2 * DAY_US) == []
    kept = at(NOW - 10 * DAY_US + 10 * 365 * DAY_US - 300 * DAY_US)
    assert to(kept) == {"pi", "steward"}
    assert "promised to keep" in text(kept[0])
    with house.app.database.read() as c:  # harvesters and webhooks follow the clock by themselves: nothing is told twice
        assert not c.execute(select(t.change).where(t.change.c.what == "access")).all()


def _words(us: int) -> str:
    day = facility_day(us, "UTC")
    return f"{day.day} {day:%B %Y}"


def test_who_decides_is_asked_reminded_and_then_the_steward(house: House, at: Work) -> None:
    number = ask(house, "outsider", "access")
    (mail,) = at(NOW + 1)
    assert to([mail]) == {"pi"}
    assert f"https://data.example.org/requests/{number}?answer=grant" in text(mail)
    assert "We want to compare" in text(mail)
    (mail,) = at(NOW + 8 * DAY_US)
    assert (to([mail]), "a week ago Outsider asked for access" in text(mail)) == ({"pi"}, True)
    (mail,) = at(NOW + 31 * DAY_US)
    assert to([mail]) == {"steward"}
    body = {"grant": True, "words": "Welcome.", "revision": 1}
    house.client.post(f"/api/v1/requests/{number}/decision", json=body, headers=house.bearer("steward"))
    (mail,) = at(NOW + 31 * DAY_US + 1)
    assert (to([mail]), mail["Subject"]) == ({"outsider"}, "Granted: access to the data: A run embargoed")
    (mail,) = at(NOW + (31 + 365 - 6) * DAY_US)
    assert (to([mail]), "ends on" in mail["Subject"]) == ({"outsider"}, True)
    late = ask(house, "member", "release")
    at(house.moment[0] + 1)
    gone = at(house.moment[0] + 31 * DAY_US)
    assert [m["Subject"].partition(":")[0] for m in gone] == ["Nobody answered in time"]
    assert late


def test_whoever_decides_reads_what_exactly_they_would_allow(house: House, at: Work) -> None:
    day = facility_day(OPENS + 400 * DAY_US, "UTC")
    asked: list[tuple[str, str, dict[str, Any], str]] = [
        ("outsider", "access", {"days": 30}, "It would be for 30 days, and for all runs under the same terms"),
        ("pi", "extension", {"to": day.isoformat()}, f"The data would open on {day.day} {day:%B %Y}."),
        ("member", "hold", {"hold": "sensitive"}, "It would be for being sensitive"),
        ("pi", "succession", {"login": "Member"}, "Who would lead: Member (member)."),
        ("pi", "withdrawal", {}, "the reason stays on the page, for everybody to read"),
    ]
    revisions = {}
    for minute, (who, kind, wanted, told) in enumerate(asked):
        revisions[kind] = ask(house, who, kind, **wanted)
        (mail,) = at(NOW + 1 + minute)
        assert told in text(mail), kind
    weeks_later = {mail["Subject"]: text(mail) for mail in at(NOW + 8 * DAY_US)}
    for _, _, _, told in asked:
        assert [told in said and "We want to compare" in said for said in weeks_later.values()].count(True) == 1, told
    for kind, login in (("access", "pi"), ("extension", "steward")):
        body = {"grant": True, "words": "", "revision": 1}
        path = f"/api/v1/requests/{revisions[kind]}/decision"
        assert house.client.post(path, json=body, headers=house.bearer(login)).status_code == 200
    granted = {next(iter(to([mail]))): text(mail) for mail in at(NOW + 8 * DAY_US + 1)}
    assert f"It lasts until {_words(NOW + 38 * DAY_US)}." in granted["outsider"]
    assert f"The data open on {day.day} {day:%B %Y}." in granted["pi"]


def test_what_is_decided_between_rounds_moves_what_is_said(house: House, at: Work) -> None:
    at(OPENS - 91 * DAY_US)
    number = ask(house, "pi", "extension", to=facility_day(OPENS + 400 * DAY_US, "UTC").isoformat())
    assert to(at(OPENS - 89 * DAY_US)) == {"steward"}  # asked; the day is another one while it waits
    body = {"grant": False, "words": "Two extensions are enough.", "revision": 1}
    house.client.post(f"/api/v1/requests/{number}/decision", json=body, headers=house.bearer("steward"))
    mails = at(OPENS - 88 * DAY_US)
    opening = {f"Your data open on {_words(OPENS)}", f"Data open on {_words(OPENS)}"}
    assert {m["Subject"].partition(":")[0] for m in mails} == {"Refused"} | opening
    ask(house, "pi", "release")
    opened = at(OPENS - 87 * DAY_US)
    assert {m["Subject"].partition(":")[0] for m in opened} == {"Now open to everybody"}
    assert at(OPENS + DAY_US) == []


def test_a_server_that_is_down_refuses_or_knows_nobody(house: House, at: Work, mailbox: tuple[Mailbox, int]) -> None:
    box = mailbox[0]
    box.refuse = 3
    assert at(OPENS - 180 * DAY_US) == []
    assert at(OPENS - 180 * DAY_US + 1) == []  # not at once
    mails = at(OPENS - 180 * DAY_US + 2 * 60_000_000)
    assert len({mail["Message-ID"] for mail in mails}) == 3
    box.unknown = {"pi@example.org"}
    assert to(at(OPENS - 90 * DAY_US)) == {"member", "scientist"}
    assert ("opens soon", "bounced") in states(house)
    assert to(at(OPENS - 30 * DAY_US)) == {"member", "scientist"}
    mails = at(OPENS - 7 * DAY_US)  # twice is enough: nobody leads any more
    assert to(mails) == {"member", "scientist", "steward"}
    told = next(mail for mail in mails if mail["To"].startswith("steward"))
    assert f"/why/{VISIT}?ask=succession" in text(told)
    house.app.accounts.set_email("pi", "new-pi@example.org")
    box.refuse, box.refusal = 3, "554 we think this is spam"
    assert at(OPENS) == []
    assert states(house).count(("opened", "failed")) == 3
    total, failed = house.app.notice_outbox.undelivered(house.moment[0], 50)
    assert (total, failed[0][2][-28:]) == (5, "554 we think this is spam"[-28:]) or "spam" in failed[0][2]
    for one, _, _ in failed[:3]:
        house.app.notice_outbox.again(one.id, house.moment[0])
    assert to(at(OPENS + 1)) == {"new-pi", "member", "scientist"}


def test_no_mail_tells_of_what_its_reader_may_not_know(house: House, at: Work) -> None:
    with house.app.database.write() as c:
        c.execute(update(t.terms).where(t.terms.c.id == 3).values(team_id=1, instrument_id=1))
    body = {"kind": "deletion", "about": PIDS["proprietary"], "reason": "It is not needed any more."}
    assert house.client.post("/api/v1/requests", json=body, headers=house.bearer("steward")).status_code == 201
    mails = at(NOW + 1) + at(NOW + 8 * DAY_US)
    assert heads(mails) == [("pi", "Asked for"), ("pi", "Still waiting for an answer")], (
        "the data are theirs, and so is the answer"
    )
    decide(house, "pi", 1, grant=False)
    mails += at(NOW + 9 * DAY_US)
    assert "steward" in to(mails)
    for mail in mails:
        if mail["To"].startswith("steward"):
            assert SECRET not in text(mail) + mail["Subject"]


_ROUND = """
import sys, threading
from pathlib import Path
from panmesh.app.announcing import Announcer
from panmesh.app.compose import Composition
from panmesh.app.settings import load
app = Composition(load(data=Path(sys.argv[1])))
Announcer(app, threading.Event()).round()
app.close()
"""


def test_kill_9_loses_no_notice_and_a_second_copy_is_known_as_one(
    house: House, at: Work, mailbox: tuple[Mailbox, int], house_settings: dict[str, str]
) -> None:
    """Killed between two pieces of a round, and then between the server's yes and ours."""
    with house.app.database.write() as c:
        c.execute(update(t.terms).where(t.terms.c.id == 2).values(opens_us=NOW + 90 * DAY_US - 1))
        c.execute(update(announcement).values(upto_us=NOW - DAY_US))
    environment = os.environ | house_settings | {"PANMESH_DATABASE__URL": house.app.settings.database_url}
    command = [sys.executable, "-c", _ROUND, str(house.app.settings.data)]
    for point in ("notice.written", "notice.sent"):
        killed = subprocess.run(command, env=environment | {"PANMESH_FAULT": f"{point}:kill"}, capture_output=True, timeout=240)
        assert killed.returncode == -9, killed.stderr.decode()[-800:]
    assert states(house) == [("opens soon", "waiting")] * 3
    with house.app.database.write() as c:
        c.execute(notice.update().values(next_us=0))  # as if the lease of the dead had passed
    at(NOW + DAY_US // 12)
    assert len(mailbox[0].got) == 4
    assert len({mail["Message-ID"] for mail in mailbox[0].got}) == 3
    assert set(states(house)) == {("opens soon", "sent")}
    assert re.fullmatch(r"<[0-9a-f]{32}@data.example.org>", mailbox[0].got[0]["Message-ID"])


PAPER = "10.5555/Ceria.2026"


def publish(house: House, who: str, pids: list[str], papers: list[dict[str, str]]) -> tuple[str, str]:
    """Pid and ETag of what was published."""
    said = {
        "title": "Ceria at three temperatures",
        "abstract": "What was measured on ceria at three temperatures, for the paper.",
        "creators": [{"name": "Member"}],
        "papers": papers,
    }
    bearer = house.bearer(who)
    made = house.client.post("/api/v1/releases/drafts", json={"pids": pids, "description": said}, headers=bearer)
    assert made.status_code == 201, made.text
    path = f"/api/v1/releases/drafts/{made.json()['key']}/publish"
    done = house.client.post(path, headers=bearer | {"If-Match": made.headers["etag"]})
    assert done.status_code == 201, done.text
    return done.json()["pid"], done.headers["etag"]


def test_a_paper_that_names_data_under_embargo_offers_to_open_them(
    house: House, at: Work, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PANMESH_DATABASE__URL", house.app.settings.database_url)
    pid, etag = publish(house, "pi", [RUN], [{"doi": "10.5555/of-the-method", "relation": "IsDocumentedBy"}])
    assert at(NOW + 1) == [], "a paper about how they were taken is no use of them"
    papers = [{"doi": PAPER, "relation": "IsCitedBy", "title": "Ceria"}]
    changed = house.client.patch(
        f"/api/v1/releases/{pid}", json={"papers": papers, "funding": []}, headers=house.bearer("pi") | {"If-Match": etag}
    )
    assert changed.status_code == 200, changed.text
    (mail,) = at(NOW + 2)
    assert (to([mail]), mail["Subject"]) == ({"member"}, "A paper names your data: A run embargoed")  # who linked it knows
    said = text(mail)
    assert f"https://doi.org/{PAPER.casefold()}" in said.casefold()
    assert f"https://data.example.org/releases/{pid.rpartition('.')[0]}" in said
    assert f"https://data.example.org/why/{VISIT}?ask=release" in said
    assert "ask your principal investigator" in said
    again = house.client.patch(
        f"/api/v1/releases/{pid}",
        json={"papers": [*papers, {"doi": PAPER.upper(), "relation": "IsSupplementTo"}], "funding": []},
        headers=house.bearer("pi") | {"If-Match": changed.headers["etag"]},
    )
    assert again.status_code in (200, 422), again.text
    assert at(NOW + 3) == [], "each paper is told once"
    cli.main(["mail", "preview", "notice", "1", "--data", str(house.app.settings.data)], standalone_mode=False)
    assert "A paper names your data" in capsys.readouterr().out


def test_a_paper_is_told_to_each_person_once_and_not_after_it_was_taken_back(
    house: House, at: Work, mailbox: tuple[Mailbox, int]
) -> None:
    with house.app.database.write() as c:
        c.execute(update(t.terms).where(t.terms.c.id.in_([1, 2])).values(team_id=1))
    mailbox[0].refuse = 1
    papers = [{"doi": PAPER, "relation": "IsSupplementTo"}]
    pid, _ = publish(house, "pi", [PIDS["open"], RUN], papers)
    assert at(NOW + 1) == []
    assert states(house) == [("paper", "waiting")], "one for each person, though two visits are concerned"
    body = {"reason": "The paper was withdrawn by its authors."}
    gone = house.client.post(f"/api/v1/releases/{pid}/withdrawal", json=body, headers=house.bearer("steward"))
    assert gone.status_code == 200, gone.text
    assert at(NOW + DAY_US) == []
    assert states(house) == [("paper", "void")]


def test_who_measured_is_told_when_the_files_went_to_the_archive(house: House, at: Work) -> None:
    with house.app.database.write() as c:
        for _ in range(3):  # three files of one visit
            tell_of_archive(c, 2, "tape", house.moment[0])
    assert at(NOW + 1) == [], "while they are being moved nothing is said"
    mails = at(NOW + 2 * 3600 * 1_000_000)
    assert to(mails) == {"pi", "member", "scientist"}
    assert {mail["Subject"] for mail in mails} == {"Moved to the archive: A run embargoed"}
    assert "(tape)" in text(mails[0])
    assert f"https://data.example.org/investigations/{VISIT}" in text(mails[0])


def test_a_week_before_files_leave_the_fast_disks_the_team_hears_of_it(
    house: House, at: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(vars(house.app), "notice_round", SqlNoticeRound(house.app.database, house.app.rules, 90))
    with house.app.database.read() as c:
        ends = c.execute(select(t.terms.c.ends_us).where(t.terms.c.id == 2)).scalar_one()
    leave = ends + 90 * DAY_US
    assert at(leave - 8 * DAY_US) == []
    mails = at(leave - 7 * DAY_US)
    assert to(mails) == {"pi", "member", "scientist"}
    assert mails[0]["Subject"].startswith(f"To the archive on {_words(leave)}: ")
    assert VISIT in text(mails[0])
    assert at(leave - 6 * DAY_US) == []
    assert at(leave + DAY_US) == []


def test_a_house_that_slept_over_the_day_says_nothing_of_it(house: House, at: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(vars(house.app), "notice_round", SqlNoticeRound(house.app.database, house.app.rules, 90))
    assert at(NOW + 90 * DAY_US) == []


def test_a_clock_that_is_set_back_announces_nothing_twice_and_undoes_nothing(house: House, at: Work) -> None:
    """A day back between two rounds, across the day on which the data open and with mails that still wait."""
    assert to(at(OPENS - 7 * DAY_US + 1)) == {"pi", "member", "scientist"}
    assert len(at(OPENS + 1)) == 3
    told = house.client.get("/api/v1/events").json()["next"]
    page = house.client.get("/api/v1/events", params={"after": "beginning", "kind": "opened"}).json()
    opened = [(item["type"], item["pid"]) for item in page["items"]]
    assert ("opened", RUN) in opened
    upto, before = house.app.notice_round.upto(), states(house)
    for moment in (OPENS + 1 - DAY_US, OPENS - DAY_US // 2, OPENS - 1):
        assert at(moment) == []
        assert house.app.notice_round.upto() == upto, "how far the clock was followed goes forward only"
        assert states(house) == before
        again = house.client.get("/api/v1/events", params={"after": page["next"]}).json()
        assert again["items"] == []
        assert house.client.get(f"/api/v1/datasets/{RUN}").json()["access"]["state"] == "embargoed"  # computed, never stored
    for moment in (OPENS + 2, OPENS + DAY_US):
        assert at(moment) == []
        assert states(house) == before
    after = house.client.get("/api/v1/events", params={"after": told}).json()
    assert [item for item in after["items"] if item["pid"] == RUN and item["type"] == "opened"] == []


def test_a_mail_that_waits_while_the_clock_is_set_back_is_sent_once(house: House, at: Work, mailbox: tuple[Mailbox, int]) -> None:
    mailbox[0].refuse = 3
    assert at(OPENS + 1) == []
    assert states(house).count(("opened", "waiting")) == 3
    assert at(OPENS + 1 - DAY_US) == []
    assert states(house).count(("opened", "waiting")) == 3, "it is not void: the day was there"
    assert to(at(OPENS + DAY_US // 24)) == {"pi", "member", "scientist"}
    assert at(OPENS + DAY_US) == []


def decide(house: House, who: str, number: int, *, grant: bool) -> None:
    path = f"/api/v1/requests/{number}"
    revision = house.client.get(path, headers=house.bearer(who)).json()["revision"]
    body = {"grant": grant, "words": "So it was decided.", "revision": revision}
    assert house.client.post(f"{path}/decision", json=body, headers=house.bearer(who)).status_code == 200


def heads(mails: list[Message]) -> list[tuple[str, str]]:
    return sorted((mail["To"].partition("@")[0], mail["Subject"].partition(":")[0]) for mail in mails)


TEAM = ("member", "pi", "scientist")


def test_what_was_held_over_its_day_is_told_to_be_open_when_the_hold_ends(house: House, at: Work) -> None:
    at(OPENS - 2 * DAY_US)
    decide(house, "steward", ask(house, "pi", "hold"), grant=True)
    (granted,) = at(OPENS - DAY_US)
    assert "the principal investigator and the data stewards alone read them" in text(granted)
    assert at(OPENS + DAY_US) == []
    house.moment[0] = ended = OPENS + 200 * DAY_US
    decide(house, "steward", ask(house, "pi", "unhold"), grant=True)
    mails = at(ended + DAY_US // 12)
    assert heads(mails) == sorted([(who, "Now open to everybody") for who in TEAM] + [("pi", "Granted")])
    assert {f"since {_words(ended)}" in text(mail) for mail in mails if mail["Subject"].startswith("Now")} == {True}
    assert ["The data are open to everybody." in text(mail) for mail in mails if mail["Subject"].startswith("Granted")] == [True]
    for days in (1, 2, 40):
        assert at(ended + days * DAY_US) == []


def test_what_waited_for_an_answer_is_told_to_be_open_when_the_answer_is_no(house: House, at: Work) -> None:
    at(OPENS - DAY_US)
    number = ask(house, "pi", "extension", to=facility_day(OPENS + 400 * DAY_US, "UTC").isoformat())
    at(OPENS + 22 * DAY_US)
    house.moment[0] = refused = OPENS + 29 * DAY_US
    decide(house, "steward", number, grant=False)
    mails = at(refused + 3 * DAY_US)
    assert heads(mails) == sorted([(who, "Now open to everybody") for who in TEAM] + [("pi", "Refused")])
    assert {f"since {_words(refused)}" in text(mail) for mail in mails if mail["Subject"].startswith("Now")} == {True}
    assert at(refused + 40 * DAY_US) == []


def test_nobody_is_reminded_of_a_request_that_the_clock_has_answered(house: House, at: Work) -> None:
    at(OPENS - 3 * DAY_US)
    ask(house, "outsider", "access")
    ask(house, "member", "release")
    at(OPENS - 2 * DAY_US)
    assert {head for _, head in heads(at(OPENS + 1))} == {"Now open to everybody"}
    assert at(OPENS + 6 * DAY_US) == []
    (late,) = at(OPENS + 28 * DAY_US)
    assert (to([late]), "The data are open to everybody." in text(late), "ask again" in text(late)) == ({"member"}, True, False)
    (late,) = at(OPENS + 60 * DAY_US)
    assert (to([late]), "The data are open to everybody." in text(late), "ask again" in text(late)) == ({"outsider"}, True, False)


def test_access_that_everybody_has_by_then_does_not_end(house: House, at: Work) -> None:
    at(OPENS - 20 * DAY_US)
    decide(house, "pi", ask(house, "outsider", "access", days=60), grant=True)
    mails = [mail for days in range(-19, 45) for mail in at(OPENS + days * DAY_US) if to([mail]) == {"outsider"}]
    assert heads(mails) == [("outsider", "Granted")]


def test_who_asked_hears_that_what_was_granted_was_taken_back(house: House, at: Work) -> None:
    number = ask(house, "outsider", "access")
    decide(house, "pi", number, grant=True)
    at(NOW + 1)
    assert house.client.post(f"/api/v1/requests/{number}/undo", headers=house.bearer("pi")).status_code == 200
    (mail,) = at(NOW + 2)
    assert heads([mail]) == [("outsider", "Taken back")]
    assert "granted first, and then taken back" in text(mail)


def test_the_end_of_a_visit_is_told_with_its_doi_and_to_each_what_they_can_do(house: House, at: Work) -> None:
    ended = NOW + DAY_US // 24
    with house.app.database.write() as c:
        c.execute(update(t.terms).where(t.terms.c.id == 2).values(ends_us=ended))
        intend_doi(c, kind="investigation", pid=VISIT, now_us=NOW)
        c.execute(update(doi).values(name="10.5555/visit", confirmed="findable"))
    told = {next(iter(to([mail]))): mail for mail in at(NOW + DAY_US // 12)}
    assert sorted(told) == list(TEAM)
    assert ["https://doi.org/10.5555/visit" in text(mail) for mail in told.values()] == [True] * 3
    assert {who: mail["Subject"] for who, mail in told.items()} == {
        "pi": "Your visit is over: A run embargoed",
        "member": "Your visit is over: A run embargoed",
        "scientist": "A visit is over: A run embargoed",
    }
    assert {who: "ask=extension" in text(mail) for who, mail in told.items()} == {"pi": True, "member": True, "scientist": False}


def test_a_mail_bears_the_day_on_which_it_is_sent(house: House, at: Work) -> None:
    mails = at(OPENS + 20 * DAY_US)  # the house slept
    assert {parsedate_to_datetime(mail["Date"]) for mail in mails} == {from_us((OPENS + 20 * DAY_US) // 10**6 * 10**6)}


def test_a_steward_who_cannot_answer_is_told_what_they_can_do(house: House, at: Work) -> None:
    house.app.accounts.set_disabled("pi", True)
    number = ask(house, "member", "release")
    (mail,) = at(NOW + 1)
    assert to([mail]) == {"steward"}
    assert f"/why/{RUN}?ask=succession" in text(mail)
    assert "answer=grant" not in text(mail)
    (mail,) = at(NOW + 8 * DAY_US)
    assert (to([mail]), "answer=grant" in text(mail)) == ({"steward"}, False)
    assert house.client.get(f"/requests/{number}", headers=house.bearer("steward")).status_code == 200
