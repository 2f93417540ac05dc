"""An invitation as a mail. Nothing in it was written by whoever invites, so that nobody sends their own words to strangers by it."""

from __future__ import annotations

from email.message import EmailMessage
from email.utils import format_datetime, formataddr

from panmesh.access.teams import Invitation
from panmesh.kernel.clock import facility_day, from_us


def compose(one: Invitation, *, sender: str, facility: str, host: str, link: str, zone: str) -> EmailMessage:
    """`host`: of the Message-ID, which is the same at each attempt."""
    mail = EmailMessage()
    last = facility_day(one.valid_until_us, zone)
    mail["From"] = formataddr((_line(facility), sender))
    mail["To"] = one.address
    mail["Subject"] = f"Invitation to the team of {_line(one.about)}"
    mail["Date"] = format_datetime(from_us(one.at_us))
    mail["Message-ID"] = f"<invitation-{one.id}@{host}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(
        f"{_person(one.invited_by)} invites you to the team of {_line(one.about)} at {_line(facility)}: you would read its data"
        f" before they are open to everybody.\n\n"
        f"To join, open this link and sign in, or make an account there:\n{link}\n\n"
        f"It works once, for you alone, until {last.day} {last:%B %Y}. Do not pass it on: whoever opens it joins in your place.\n"
        f"If you expected no invitation, do nothing.\n"
    )
    return mail


def _person(name: str) -> str:
    """A name that is an address, or a sentence, is no name: people write their own, and the mail goes to strangers."""
    words = [word for word in _line(name).split() if not any(sign in word for sign in ":/@") and not word.startswith("www.")]
    return " ".join(words)[:80] or "Somebody"


def _line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:200]
