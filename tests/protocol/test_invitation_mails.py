"""Invitations as mails through a real server of this machine: sent once, tried again, refused; and what is in them leads into the team."""

from __future__ import annotations

import re
import threading
from email.message import Message

import pytest
from sqlalchemy import select, update

from panmesh.adapters.sql.people_tables import invitation
from panmesh.app.announcing import Announcer
from panmesh.app.compose import Composition
from panmesh.app.settings import load
from panmesh.app.team_mails import send_invitations
from panmesh.kernel.clock import DAY_US
from tests.processes import killed
from tests.protocol.conftest import NOW, House
from tests.protocol.mailbox import Mailbox
from tests.protocol.test_notices import text
from tests.protocol.test_teams import VISIT, call, join, number_of, reads, team

MINUTE_US = 60_000_000


@pytest.fixture
def house_settings(mail_settings: dict[str, str]) -> dict[str, str]:
    return mail_settings


@pytest.fixture
def box(mailbox: tuple[Mailbox, int]) -> Mailbox:
    return mailbox[0]


def invite(house: House, address: str, who: str = "pi") -> None:
    made = call(house, who, "POST", f"/{VISIT}/invitations", address=address)
    assert made.status_code == 201, made.text


def state_of(house: House, address: str) -> str:
    return str(next(i["mail"] for i in team(house)["invitations"] if i["address"] == address))


def token_in(mail: Message) -> str:
    found = re.search(r"https://data\.example\.org/invitations/(\S+)", text(mail))
    assert found is not None
    return found[1]


def test_whoever_is_invited_gets_one_mail_and_its_link_leads_in(house: House, box: Mailbox) -> None:
    invite(house, "student@example.org")
    assert state_of(house, "student@example.org") == "waiting"
    Announcer(house.app, threading.Event()).round()
    (mail,) = [m for m in box.got if m["To"] == "student@example.org"]
    assert mail["Subject"] == "Invitation to the team of visit-2"
    assert mail["From"] == "This facility <data@example.org>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert "Pi invites you" in text(mail)
    assert "You" not in mail["Subject"]
    assert state_of(house, "student@example.org") == "sent"
    Announcer(house.app, threading.Event()).round()
    assert len(box.got) == 1
    assert join(house, "outsider", token_in(mail)).status_code == 303
    assert reads(house, "outsider")
    assert join(house, "outsider", token_in(mail)).status_code == 409


def test_a_server_that_is_down_is_asked_again_with_the_same_message(house: House, box: Mailbox) -> None:
    box.refuse = 2
    invite(house, "late@example.org")
    assert send_invitations(house.app) == 0
    assert state_of(house, "late@example.org") == "waiting"
    assert send_invitations(house.app) == 0, "not at once"
    house.moment[0] += 2 * MINUTE_US
    assert send_invitations(house.app) == 0
    house.moment[0] += 6 * MINUTE_US
    assert send_invitations(house.app) == 1
    assert [m["To"] for m in box.got] == ["late@example.org"]
    assert state_of(house, "late@example.org") == "sent"


def test_an_address_that_does_not_exist_is_told_on_the_page_at_once(house: House, box: Mailbox) -> None:
    box.unknown = {"nobody@example.org"}
    invite(house, "nobody@example.org")
    assert send_invitations(house.app) == 0
    assert state_of(house, "nobody@example.org") == "failed"
    house.moment[0] += DAY_US
    assert send_invitations(house.app) == 0
    page = house.client.get(f"/proposals/{VISIT}/team", headers=house.bearer("pi")).text
    assert "mail not taken" in page


def test_after_three_days_of_refusals_it_is_given_up_and_said(house: House, box: Mailbox) -> None:
    box.refuse = 1000
    invite(house, "given-up@example.org")
    for _ in range(100):
        send_invitations(house.app)
        house.moment[0] += 3600 * 1_000_000
    assert state_of(house, "given-up@example.org") == "failed"
    box.refuse = 0
    assert send_invitations(house.app) == 0
    assert box.got == []


def test_what_is_taken_back_before_it_went_is_not_sent(house: House, box: Mailbox) -> None:
    box.refuse = 1
    for address in ("back@example.org", "falls@example.org"):
        invite(house, address)
    number = next(i["id"] for i in team(house)["invitations"] if i["address"] == "back@example.org")
    assert call(house, "pi", "DELETE", f"/{VISIT}/invitations/{number}").status_code == 200
    house.moment[0] += 10 * MINUTE_US
    send_invitations(house.app)
    house.moment[0] += 10 * MINUTE_US
    send_invitations(house.app)
    assert [m["To"] for m in box.got] == ["falls@example.org"]


def test_an_invitation_holds_no_words_of_who_sends_it_and_no_second_head(house: House, box: Mailbox) -> None:
    """Names are the only thing that is theirs: they are one line."""
    house.app.personal.correct(
        house.app.accounts.viewer("pi"), name="Pi https://evil.example Bcc: all@example.org", orcid=None, affiliation=None
    )
    invite(house, "careful@example.org")
    assert send_invitations(house.app) == 1
    (mail,) = box.got
    assert mail["Bcc"] is None
    assert mail["To"] == "careful@example.org"
    assert text(mail).startswith("Pi invites you to the team")
    assert "evil" not in text(mail)
    assert text(mail).count("example.org") == 1, "the link"


def _send(house: House, settings: dict[str, str]) -> None:
    environment = settings | {"PANMESH_DATABASE__URL": house.app.settings.database_url}
    app = Composition(load(data=house.app.settings.data, environment=environment))
    send_invitations(app)
    app.close()


def test_kill_9_between_the_servers_yes_and_ours_sends_the_same_message_again(
    house: House, box: Mailbox, house_settings: dict[str, str]
) -> None:
    invite(house, "twice@example.org")
    killed(lambda: _send(house, house_settings), "invitation.sent:kill", beside=house.app)
    assert state_of(house, "twice@example.org") == "waiting"
    assert send_invitations(house.app) == 0, "the lease of the dead holds for two minutes"
    with house.app.database.write() as c:
        c.execute(update(invitation).values(mail_next_us=NOW))
    assert send_invitations(house.app) == 1
    assert len(box.got) == 2
    assert len({m["Message-ID"] for m in box.got}) == 1
    assert join(house, "outsider", token_in(box.got[0])).status_code == 303


def test_a_mail_goes_to_whoever_is_invited_also_when_the_inviter_left(house: House, box: Mailbox) -> None:
    """Whoever led the team and does not any more invites nobody: the mail is not sent."""
    invite(house, "orphan@example.org")
    call(house, "steward", "PATCH", f"/{VISIT}/members/{number_of(house, 'member')}", role="pi")
    call(house, "steward", "PATCH", f"/{VISIT}/members/{number_of(house, 'pi')}", role="member")
    send_invitations(house.app)
    for mail in box.got:
        assert "does not keep this team any more" in join(house, "outsider", token_in(mail)).text
    assert not reads(house, "outsider")
    with house.app.database.read() as c:
        assert c.execute(select(invitation.c.taken_us)).scalar() is None
