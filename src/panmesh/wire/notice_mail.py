"""What the policy has to say, as a mail: plain words, and the addresses where it is answered."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, formataddr

from panmesh.access.notices import Notice, NoticeKind, moot, offers_release
from panmesh.access.requests import Answer, Kind
from panmesh.access.terms import State, state
from panmesh.kernel.clock import from_us

Link = Callable[..., str]  # from the parts of a path, and `query`, to an address

ASKED = {
    Kind.ACCESS: "access to the data",
    Kind.EXTENSION: "a longer embargo",
    Kind.RELEASE: "opening the data early",
    Kind.HOLD: "a hold of the data",
    Kind.UNHOLD: "the end of a hold",
    Kind.WITHDRAWAL: "withdrawal of the data",
    Kind.DELETION: "deletion of the data",
    Kind.DECLASSIFICATION: "making proprietary data public",
    Kind.SUCCESSION: "another principal investigator",
    Kind.EMERGENCY: "breaking the glass",
}


def compose_notice(one: Notice, *, sender: str, facility: str, host: str, link: Link) -> EmailMessage:
    mail = EmailMessage(policy=SMTP.clone(max_line_length=900))
    mail["From"] = formataddr((facility, sender))
    mail["To"] = one.to or ""
    mail["Subject"] = _one_line(subject(one))
    mail["Date"] = format_datetime(from_us(_said_us(one)))
    mail["Message-ID"] = f"<{one.message}@{host}>"
    mail["Auto-Submitted"] = "auto-generated"
    lines = [
        f"Dear {one.name},",
        "",
        *_WORDS[one.kind](one, link),
        "",
        f"This mail was written by the data catalogue of {facility}.",
    ]
    mail.set_content("\n".join(lines) + "\n", cte="quoted-printable")
    return mail


def subject(one: Notice) -> str:
    what = ASKED[one.request_kind] if one.request_kind is not None else ""
    match one.kind:
        case NoticeKind.ENDED:
            return f"{'Your' if one.takes_part else 'A'} visit is over: {_name(one)}"
        case NoticeKind.OPENS_SOON:
            return f"{'Your data' if one.takes_part else 'Data'} open on {_day(one.opens)}: {_name(one)}"
        case NoticeKind.OPENED:
            return f"Now open to everybody: {_name(one)}"
        case NoticeKind.RETENTION:
            return f"Data are kept until {_day(one.kept_until)}: {_name(one)}"
        case NoticeKind.PAPER:
            return f"A paper names your data: {_name(one)}"
        case NoticeKind.ARCHIVES_SOON:
            return f"To the archive on {_day(one.archives)}: {_name(one)}"
        case NoticeKind.ARCHIVED:
            return f"Moved to the archive: {_name(one)}"
        case NoticeKind.ASKED if one.request_kind is Kind.EMERGENCY:
            return f"The glass was broken: {_name(one)}"
        case NoticeKind.ASKED:
            return f"Asked for: {what}: {_name(one)}"
        case NoticeKind.REMINDER:
            return f"Still waiting for an answer: {what}: {_name(one)}"
        case NoticeKind.ESCALATED:
            return f"No answer in 30 days: {what}: {_name(one)}"
        case NoticeKind.DECIDED:
            return f"{_OUTCOME.get(one.answer or Answer.ASKED, 'Decided')}: {what}: {_name(one)}"
        case NoticeKind.GRANT_ENDS:
            return f"Your access ends on {_day(one.ends)}: {_name(one)}"
        case NoticeKind.UNREACHABLE:
            return f"Nobody who leads the team can be reached: {_name(one)}"


_OUTCOME = {
    Answer.GRANTED: "Granted",
    Answer.REFUSED: "Refused",
    Answer.EXPIRED: "Nobody answered in time",
    Answer.UNDONE: "Taken back",
}


def _ended(one: Notice, link: Link) -> Iterator[str]:
    yield (
        f"your visit {_about(one)} is over."
        if one.takes_part
        else f"the visit {_about(one)} is over; you look after the instrument."
    )
    yield ""
    yield (
        f"The data are for {'your' if one.takes_part else 'its'} team alone until {_day(one.opens)}; on that day they open to everybody by themselves."
        if one.opens
        else "No day is set yet on which the data open."
    )
    if one.terms is None or not one.terms.core_from_proposal:
        yield "Title, instrument and dates are public from now on."
    yield "What is missing in the metadata is best added now:"
    yield f"  {link('investigations', one.visit)}"
    yield from _doi(one, "The DOI of the visit, for your papers:")
    yield from _choices(one, link)


def _opens_soon(one: Notice, link: Link) -> Iterator[str]:
    yield f"the data of the visit {_about(one)} open to everybody on {_day(one.opens)}, {_left(one.days_left)}."
    yield "Nothing has to be done for that."
    yield from _choices(one, link)


def _left(days: int | None) -> str:
    return {1: "tomorrow", 7: "in a week"}.get(days or 0, f"in {days} days")


def _doi(one: Notice, words: str) -> Iterator[str]:
    if one.doi:
        yield words
        yield f"  https://doi.org/{one.doi}"


def _choices(one: Notice, link: Link) -> Iterator[str]:
    """What the team may ask for; who only looks after the instrument may not."""
    if not one.takes_part:
        return
    yield ""
    yield "If you need more time, for a thesis or a patent, ask for an extension:"
    yield f"  {link('why', one.visit, query='ask=extension')}"
    yield from _open_now(
        one,
        link,
        "If your paper is out, open them now:",
        "If your paper is out, ask your principal investigator to open them now:",
    )


def _open_now(one: Notice, link: Link, leads: str, takes_part: str) -> Iterator[str]:
    yield leads if one.leads else takes_part
    yield f"  {link('why', one.visit, query='ask=release')}"


def _opened(one: Notice, link: Link) -> Iterator[str]:
    yield f"the data of the visit {_about(one)} are open to everybody since {_day(one.opens)}, under CC BY 4.0."
    yield f"  {link('investigations', one.visit)}"
    yield from _doi(one, "Others cite them by their DOI:")


def _retention(one: Notice, link: Link) -> Iterator[str]:
    yield f"the facility promised to keep the data of the visit {_about(one)} until {_day(one.kept_until)}."
    yield "From that day on they may be deleted. Who still needs them makes a copy, or tells the facility:"
    yield f"  {link('investigations', one.visit)}"


def _paper(one: Notice, link: Link) -> Iterator[str]:
    yield f"data of the visit {_about(one)} were linked to a paper:"
    yield f"  https://doi.org/{one.paper}"
    yield "The publication that links them:"
    yield f"  {link('releases', one.release)}"
    if offers_release(one):
        yield ""
        yield f"The data are under embargo{f' until {_day(one.opens)}' if one.opens else ''}: who reads the paper cannot look at them yet."
        asked = "If nothing speaks against it, ask your principal investigator to open them now:"
        yield from _open_now(one, link, "Open them now, if nothing speaks against it:", asked)


def _archives_soon(one: Notice, link: Link) -> Iterator[str]:
    yield f"files of the visit {_about(one)} leave the fast disks of the facility on {_day(one.archives)}, in a week, and go to its archive."
    yield "Nothing is lost: their addresses and DOIs stay as they are, and so does who may read them. The first bytes of a download come"
    yield "later from then on. Who still computes on them copies them now:"
    yield f"  {link('investigations', one.visit)}"


def _archived(one: Notice, link: Link) -> Iterator[str]:
    yield f"files of the visit {_about(one)} were moved to the archive of the facility ({one.archive})."
    yield "Their addresses and DOIs stay as they are, and so does who may read them. The first bytes of a download may come later than before:"
    yield f"  {link('investigations', one.visit)}"


def _asked(one: Notice, link: Link) -> Iterator[str]:
    if one.request_kind is Kind.EMERGENCY:
        yield f"{one.asked_by} broke the glass to read {_about(one)}, for eight hours. The reason:"
    else:
        yield f"{one.asked_by} asks for {_what(one)}: {_about(one)}. The reason:"
    yield from _quoted(one.reason)
    if one.request_kind is Kind.EMERGENCY:
        yield f"Everything about it: {link('requests', str(one.request))}"
    else:
        yield from _wanted(one)
        yield from _answers(one, link)


def _reminder(one: Notice, link: Link) -> Iterator[str]:
    yield f"a week ago {one.asked_by} asked for {_what(one)}: {_about(one)}. Nobody has answered. The reason:"
    yield from _quoted(one.reason)
    yield from _wanted(one)
    yield from _answers(one, link)


def _escalated(one: Notice, link: Link) -> Iterator[str]:
    yield f"30 days ago {one.asked_by} asked for {_what(one)}: {_about(one)}."
    yield "The principal investigator did not answer. From now on you may, too. The reason:"
    yield from _quoted(one.reason)
    yield from _wanted(one)
    yield from _answers(one, link)


def _wanted(one: Notice) -> Iterator[str]:
    """What exactly whoever answers would allow."""
    said = []
    if one.wanted_days is not None:
        long = "a day" if one.wanted_days == 1 else f"{one.wanted_days} days"
        said.append(f"It would be for {long}, and for all runs under the same terms: as a rule the whole visit.")
    if one.wanted_day is not None:
        said.append(f"The data would open on {_day(one.wanted_day)}.")
    if one.wanted_leader is not None:
        said.append(f"Who would lead: {_one_line(one.wanted_leader)}. Who leads now stays in the team.")
    if one.wanted_hold is not None:
        cause = "being sensitive" if one.wanted_hold == "sensitive" else "a legal reason"
        said.append(f"It would be for {cause}; while it lasts only the core metadata are public.")
    if one.request_kind in (Kind.WITHDRAWAL, Kind.DELETION):
        bare = one.terms is not None and state(one.terms, one.due_us) is State.PROPRIETARY
        stays = "nothing of them stays" if bare else "the reason stays on the page, for everybody to read"
        said.append(f"This cannot be undone; {stays}.")
    yield from [*said, ""] if said else []


def _answers(one: Notice, link: Link) -> Iterator[str]:
    number = str(one.request)
    if not one.decides:
        yield "Only who leads the team can answer this, and nobody who does can be reached. Name another principal investigator:"
        yield f"  {link('why', one.visit, query='ask=succession')}"
        yield f"Everything about it: {link('requests', number)}"
        yield f"Without an answer it ends on {_day(one.deadline)}."
        return
    yield f"Grant it:  {link('requests', number, query='answer=grant')}"
    yield f"Refuse it: {link('requests', number, query='answer=refuse')}"
    yield f"Without an answer it ends on {_day(one.deadline)}."


def _decided(one: Notice, link: Link) -> Iterator[str]:
    what = _what(one)
    if one.answer is Answer.EXPIRED:
        yield f"nobody answered your request for {what}: {_about(one)}."
        if moot(one, _said_us(one)):
            yield from _stands_now(one)
            return
        yield "You can ask again:"
        yield f"  {link('why', one.visit, query=f'ask={one.request_kind.value}') if one.request_kind else ''}"
        return
    verdict = {Answer.GRANTED: "granted", Answer.REFUSED: "refused", Answer.UNDONE: "granted first, and then taken back"}
    yield f"your request for {what} was {verdict.get(one.answer or Answer.ASKED, 'decided')}: {_about(one)}."
    if one.answer is Answer.GRANTED and one.ends is not None:
        yield f"It lasts until {_day(one.ends)}."
    if one.request_kind in _MOVING:
        yield from _stands_now(one)
    if one.words:
        yield from _quoted(one.words)
    yield f"Everything about it: {link('requests', str(one.request))}"


_MOVING = (Kind.EXTENSION, Kind.RELEASE, Kind.HOLD, Kind.UNHOLD, Kind.DECLASSIFICATION)


def _stands_now(one: Notice) -> Iterator[str]:
    """What became of the data."""
    current = state(one.terms, _said_us(one)) if one.terms is not None else None
    match current:
        case State.OPEN:
            yield "The data are open to everybody."
        case State.EMBARGOED if one.opens is not None:
            yield f"The data open on {_day(one.opens)}."
        case State.HELD:
            yield "The data are held back: until that ends, the principal investigator and the data stewards alone read them."
        case State.WITHDRAWN | State.DELETED:
            yield f"The data were {current.value}."


def _said_us(one: Notice) -> int:
    return one.said_us if one.said_us is not None else one.due_us


def _grant_ends(one: Notice, link: Link) -> Iterator[str]:
    yield f"the access that you were given to {_about(one)} ends on {_day(one.ends)}. If you need it longer, ask again after that day:"
    yield f"  {link('why', one.visit, query='ask=access')}"


def _unreachable(one: Notice, link: Link) -> Iterator[str]:
    yield f"nobody who leads the team of {_about(one)} has a mail address at which mails arrive."
    yield "Set the address of the principal investigator, or name another one:"
    yield f"  {link('why', one.visit, query='ask=succession')}"


_WORDS: dict[NoticeKind, Callable[[Notice, Link], Iterator[str]]] = {
    NoticeKind.ENDED: _ended,
    NoticeKind.OPENS_SOON: _opens_soon,
    NoticeKind.OPENED: _opened,
    NoticeKind.RETENTION: _retention,
    NoticeKind.ASKED: _asked,
    NoticeKind.REMINDER: _reminder,
    NoticeKind.ESCALATED: _escalated,
    NoticeKind.DECIDED: _decided,
    NoticeKind.GRANT_ENDS: _grant_ends,
    NoticeKind.PAPER: _paper,
    NoticeKind.ARCHIVES_SOON: _archives_soon,
    NoticeKind.ARCHIVED: _archived,
    NoticeKind.UNREACHABLE: _unreachable,
}


def _quoted(text: str | None) -> Iterator[str]:
    yield ""
    yield from (f"  {line}" for line in (text or "").splitlines())
    yield ""


def _what(one: Notice) -> str:
    return ASKED[one.request_kind] if one.request_kind is not None else "something"


def _name(one: Notice) -> str:
    return one.title or one.visit or "a visit"


def _about(one: Notice) -> str:
    return f"“{_one_line(_name(one))}”" + (f" at {one.instrument}" if one.instrument else "")


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _day(day: date | None) -> str:
    return f"{day.day} {day:%B %Y}" if day is not None else "a day that is not known"
