"""An alert as a mail: plain words, a way out in one click (RFC 8058), known to machines as sent by one."""

from __future__ import annotations

from collections.abc import Callable
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, formataddr

from panmesh.catalogue.mailing import Letter
from panmesh.catalogue.model import DatasetSummary
from panmesh.kernel.clock import facility_day, from_us

MOST = 50  # runs that are named


def compose(
    letter: Letter, *, sender: str, facility: str, link: Callable[[str], str], search_link: str, unsubscribe: str, manage: str
) -> EmailMessage:
    """`link`: the page of a run by its pid."""
    count = len(letter.runs)
    mail = EmailMessage(policy=SMTP.clone(max_line_length=900))  # mail programs read a folded List-Unsubscribe badly
    mail["From"] = formataddr((facility, sender))
    mail["To"] = letter.to
    mail["Subject"] = f"{count} new {'run' if count == 1 else 'runs'}: {letter.search.name}"
    mail["Date"] = format_datetime(from_us(letter.at_us))
    mail["Message-ID"] = f"<{letter.message}>"
    mail["List-Unsubscribe"] = f"<{unsubscribe}>"
    mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    mail["Auto-Submitted"] = "auto-generated"
    lines = [f"New in your search “{letter.search.name}” at {facility}:", ""]
    for run in letter.runs[:MOST]:
        lines += [f"- {run.title or run.pid}", f"  {facts(run)}", f"  {link(run.pid)}", ""]
    if count > MOST:
        lines += [f"… and {count - MOST} more.", ""]
    lines += [f"The whole search: {search_link}", f"Your searches and alerts: {manage}", f"No more of these mails: {unsubscribe}"]
    mail.set_content("\n".join(lines) + "\n")
    return mail


def facts(run: DatasetSummary) -> str:
    """What is said of a run in one line; what the reader may not know is not there."""
    said = [
        facility_day(run.start_us, run.facility_zone).isoformat() if run.start_us is not None else None,
        run.instrument.name if run.instrument else None,
        ", ".join(t.name for t in run.techniques[:2]) or None,
        run.sample.name if run.sample else None,
        run.access.state.value,
    ]
    return " · ".join(one for one in said if one)
