"""Values in the reader's words: sizes, days, numbers with units, access states."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

from markupsafe import Markup, escape

from panmesh.access.explain import explain
from panmesh.access.terms import State
from panmesh.catalogue.model import AccessView, ParameterView
from panmesh.catalogue.technique_tree import Branch
from panmesh.http.asked_ranges import quantity as wanted_quantity
from panmesh.kernel.clock import from_us, iso, to_us
from panmesh.kernel.errors import Invalid
from panmesh.portal.sentences import say
from panmesh.portal.strings import Spoken, spoken

_ICONS = {
    State.OPEN: ("open", "M7 11V7a5 5 0 0 1 9.9-1M5 11h14v10H5z"),
    State.EMBARGOED: ("wait", "M12 7v5l3 3M21 12a9 9 0 1 1-18 0 9 9 0 0 1 18 0z"),
    State.COLLECTING: ("live", "M3 12h4l3-8 4 16 3-8h4"),
    State.PLANNED: ("wait", "M4 5h16v16H4zM4 10h16M8 3v4M16 3v4"),
}
_CLOSED = ("closed", "M7 11V7a5 5 0 0 1 10 0v4M5 11h14v10H5z")

STATES = {
    "planned": "Planned",
    "collecting": "Being measured",
    "embargoed": "Embargoed",
    "open": "Open",
    "held": "Held",
    "withdrawn": "Withdrawn",
    "deleted": "Deleted",
    "proprietary": "Proprietary",
    "internal": "Staff only",
    "aside": "Set aside",
}
CORRECTIONS = {"move": "Move", "split": "Split", "merge": "Merge", "discard": "Discard"}
FLAGS = {"good": "✓ good", "doubtful": "? doubtful", "bad": "✕ bad"}
KINDS = {"raw": "Raw data", "processed": "Processed data"}
HELD = {
    "tokens": "Tokens for scripts",
    "sessions": "Browsers that are signed in",
    "instruments": "Instruments whose staff you are",
    "teams": "Teams you are in",
    "former_teams": "Teams you were in",
    "team_changes": "Changes of teams that concern you",
    "invitations": "Invitations",
    "requests": "Requests about access",
    "grants": "Visits you were let in to",
    "notes": "Notes in logbooks",
    "marks": "Flags and tags in logbooks",
    "pictures": "Pictures in logbooks",
    "corrections": "Corrections of where runs belong",
    "changed_metadata": "Corrections of metadata",
    "baskets": "Baskets",
    "publication_drafts": "Drafts of publications",
    "publications": "Publications",
    "chosen_columns": "Visits whose columns you chose",
    "saved_searches": "Saved searches",
    "webhooks": "Webhooks",
    "notices": "Mails to you",
    "audit": "Entries of the audit log",
}
TEAM_ROLES = {"pi": "Principal investigator", "member": "Member", "grantee": "Reader"}
TEAM_CHANGES = {
    "added": "put in",
    "joined": "joined by invitation",
    "removed": "taken out",
    "left": "left",
    "changed": "role or last day changed",
}
VISIT_KINDS = {
    "user": "user experiment",
    "in-house": "in-house research",
    "commissioning": "commissioning",
    "proprietary": "proprietary",
    "unscheduled": "not scheduled",
}
# States of a file in the ledger of ingest.
UNITS = {
    "seen": "waits",
    "catalogued": "in the catalogue",
    "part": "part of a run",
    "stored": "kept unread",
    "failed": "could not be read",
    "gone": "gone from disk",
}
# How a DOI stands in the steward's list.
DOIS = {
    "waiting": "waiting",
    "failed": "failed",
    "draft": "reserved",
    "registered": "hidden",
    "findable": "registered",
    "unwanted": "none now",
}
DOI_KINDS = {
    "investigation": "visit",
    "dataset": "run",
    "proposal": "proposal",
    "instrument": "instrument",
    "release": "publication",
}
SCOPES = {
    "read": "read metadata",
    "data": "download data",
    "write": "change metadata",
    "ingest": "push files",
    "admin": "administer",
}
FILE_STATES = {"missing": "missing on disk", "changed": "changed on disk", "unreadable": "cannot be read now"}
EVENTS = {
    "run.created": "a run came",
    "run.updated": "a run changed",
    "run.complete": "a run is complete",
    "digests.done": "its files have digests",
    "read.failed": "a file could not be read",
    "opened": "an embargo ended",
    "run.corrected": "staff moved or merged a run",
    "run.withdrawn": "staff discarded a run",
}
# What can be asked for: (what, in the second person, of whom or with what effect, on the button).
REQUESTS = {
    "access": (
        "Access for a time",
        "The principal investigator decides; after 30 days without an answer, a data steward. "
        "It holds for all runs under the same terms, as a rule the whole visit.",
        "Ask for access",
    ),
    "extension": (
        "A longer embargo",
        "A data steward decides. Until then the opening waits, 30 days at most.",
        "Ask for an extension",
    ),
    "release": (
        "Opening now",
        "The principal investigator decides; if that is you, the data open at once. What is open cannot be closed again.",
        "Open the data early",
    ),
    "hold": (
        "A hold",
        "A data steward decides. While it lasts only the core metadata are public, whatever the date.",
        "Ask for a hold",
    ),
    "unhold": ("The end of the hold", "A data steward decides; then the dates count again.", "Ask to end the hold"),
    "withdrawal": (
        "Withdrawal",
        "A data steward decides. A tombstone with your reason stays, for everybody to read.",
        "Ask to withdraw",
    ),
    "deletion": (
        "Deletion",
        "A data steward decides, when the time of keeping has ended; a tombstone with your reason stays, for everybody to read. "
        "Of proprietary data their owner decides, at any time, and nothing stays.",
        "Ask to delete",
    ),
    "declassification": (
        "Giving up that the data are proprietary",
        "The principal investigator decides. From then on they are under embargo, and then open, like all others.",
        "Make them public data",
    ),
    "succession": (
        "Another principal investigator",
        "A data steward or an administrator decides. Who leads now stays in the team.",
        "Ask for a succession",
    ),
    "emergency": (
        "Break the glass",
        "You read at once, for eight hours. Your reason is recorded, and the data stewards are told.",
        "Break the glass",
    ),
}
FOR_GOOD = ("release", "withdrawal", "deletion", "declassification")  # what no undo takes back
ANSWERS = {
    "asked": "waits",
    "granted": "granted",
    "refused": "refused",
    "taken back": "taken back",
    "expired": "nobody answered in time",
    "undone": "undone",
}
CONDITIONS = {
    "q": "Words",
    "from": "From",
    "to": "To",
    "quantity": "Quantity",
    "person": "Person",
    "visit": "Visit",
    "flag": "Flag",
    "tag": "Tag",
    "technique": "Technique",
    "year": "Year",
    "facility": "Facility",
    "mine": "Whose",
}
WHOSE = {"true": "of my visits"}
LACKS = {
    "sample": "without a sample",
    "technique": "without a technique",
    "proposal": "without a proposal",
    "unit": "with a number that needs a unit",
    "time": "without a time",
    "reading": "not read in full",
}
LACKS_WHY = {
    "sample": "Others look for a material: say what was measured, in the file (NXsample) or on the page of the run.",
    "technique": "Searches by technique do not find these: write a definition into the file, or choose the technique on the page of the run.",
    "proposal": "Nobody but the facility's staff knows whose they are: they joined no visit of the schedule.",
    "unit": "A number without its unit is found by no range: write the units attribute of the field.",
    "time": "They stand in no timeline: write start_time with its offset.",
    "reading": "Their files were read in part or not at all: the page of the run says why, and what to do.",
}
# Columns of a table of runs, besides quantities.
RUN_FACTS = {
    "start": "start",
    "lasted": "lasted",
    "sample": "sample",
    "technique": "technique",
    "run": "run",
    "files": "files",
    "bytes": "size",
    "flag": "flag",
}
# What tells one run of a list from the next, the most telling first.
TELLING = (
    "temperature",
    "pressure",
    "magnetic_field",
    "electric_field",
    "concentration",
    "incident_energy",
    "incident_wavelength",
    "exposure_time",
    "frames",
    "duration",
)
# Units as printed, for the spellings that files use most; any other stays as it is.
_UNITS = {
    **dict.fromkeys(("deg", "degree", "degrees", "Deg", "DEG", "Degrees"), "°"),
    **dict.fromkeys(("angstrom", "Angstrom", "angstroms", "Angstroms", "ANGSTROM", "Ang", "\u212b"), "Å"),
    **dict.fromkeys(("1/angstrom", "1/Angstrom", "1/A", "1/Å", "A^-1", "Å^-1", "angstrom^-1", "1/ang"), "Å⁻¹"),
    **dict.fromkeys(("1/nm", "nm^-1"), "nm⁻¹"),
    **dict.fromkeys(("1/cm", "cm^-1"), "cm⁻¹"),
    **dict.fromkeys(("mm^-1", "1/mm"), "mm⁻¹"),
    **dict.fromkeys(("us", "usec", "microsecond", "microseconds"), "µs"),
    **dict.fromkeys(("ms", "msec", "millisecond", "milliseconds"), "ms"),
    **dict.fromkeys(("s", "sec", "Sec", "second", "seconds", "Seconds"), "s"),
    **dict.fromkeys(("um", "micron", "microns", "micrometer", "micrometre"), "µm"),
    **dict.fromkeys(("metre", "metres", "meter", "meters"), "m"),
    **dict.fromkeys(("kelvin", "Kelvin", "kelvins"), "K"),
    **dict.fromkeys(("degC", "celsius", "Celsius"), "°C"),
    **dict.fromkeys(("uA",), "µA"),
    **dict.fromkeys(("ueV", "microeV"), "µeV"),
}
MONTHS = Spoken(
    {
        "1": "January", "2": "February", "3": "March", "4": "April", "5": "May", "6": "June", "7": "July", "8": "August",
        "9": "September", "10": "October", "11": "November", "12": "December",
    }
)  # fmt: skip
MONTHS_SHORT = Spoken({number: name[:3] for number, name in dict.items(MONTHS)})
# What the pages' scripts say.
SCRIPTS = Spoken(
    {
        "came": "New run: {1}",
        "failed": "Could not be read: {1}",
        "complete": "Complete: {1}",
        "file": "a file",
        "copied": "copied",
        "loading": "Loading the viewer …",
        "grown": "The file has grown: show it",
        "unloaded": "The viewer could not be loaded. Reload the page to try again.",
        "frame": "{1} of {2}",
        "unsent": "The picture could not be sent. Paste it again when there is a line.",
        "notlive": "The line is lost: this page is as it was. It comes back by itself.",
        "liveagain": "The line is back: this page is live.",
        "fitting": "{1} fit",
        "draft": "This is what you wrote here before; it was not sent.",
        "unsure": "This is what you wrote here before; whether it has arrived is not known: look whether it is here.",
        "drop": "Drop it",
    }
)
# Each of these tables is said in the reader's language.
STATES, CORRECTIONS, FLAGS, KINDS, VISIT_KINDS, UNITS, SCOPES, FILE_STATES, EVENTS, ANSWERS, CONDITIONS, WHOSE = map(
    Spoken, (STATES, CORRECTIONS, FLAGS, KINDS, VISIT_KINDS, UNITS, SCOPES, FILE_STATES, EVENTS, ANSWERS, CONDITIONS, WHOSE)
)
_THIN = "\u202f"  # narrow, and no line breaks here


def _filled(html: str, *values: object) -> Markup:
    """With each value, escaped, in its place: `Markup.format` does the same in Python, for each place of each row."""
    return Markup(html.format(*map(escape, values)))


def badge(access: AccessView, zone: str) -> Markup:
    """Colour and icon and word."""
    kind, path = _ICONS.get(access.state, _CLOSED)
    said = explain(access, zone, signed_in=True)
    return _filled(
        '<span class="badge badge-{}" title="{}"><svg viewBox="0 0 24 24" aria-hidden="true"><path d="{}"/></svg>{}</span>',
        kind,
        say(said.sentence),
        path,
        say(said.word),
    )


def state_badge(state: State, opens_us: int | None, zone: str) -> Markup:
    """The same of something that is made of several runs: its state, and until when it is embargoed."""
    kind, path = _ICONS.get(state, _CLOSED)
    until = f" until {day(opens_us, zone)}" if state is State.EMBARGOED and opens_us is not None else ""
    return _filled(
        '<span class="badge badge-{}"><svg viewBox="0 0 24 24" aria-hidden="true"><path d="{}"/></svg>{}{}</span>',
        kind,
        path,
        STATES.get(state.value, state.value),
        until,
    )


def access_icon(access: AccessView) -> Markup:
    """Instead of a picture of data that may not be seen; the badge beside it says the word."""
    kind, path = _ICONS.get(access.state, _CLOSED)
    return _filled('<svg class="state state-{}" viewBox="0 0 24 24" aria-hidden="true"><path d="{}"/></svg>', kind, path)


def reach(contact: str) -> Markup:
    """The facility's contact as a link: a mail address, or a URL shown without its scheme."""
    if "://" in contact:
        return _filled('<a href="{}">{}</a>', contact, contact.partition("://")[2].rstrip("/"))
    return _filled('<a href="mailto:{0}">{0}</a>', contact)


def when(us: int | None, zone: str = "UTC", basis: str | None = None) -> Markup:
    """The day and time at the facility, with the exact instant on hover."""
    if us is None:
        return Markup('<span class="none">not known</span>')
    local: datetime = from_us(us).astimezone(ZoneInfo(zone))
    text = f"{civil(local)}, {local:%H:%M}"
    return _filled('<time datetime="{}" title="{} ({})">{}</time>', iso(us), iso(us), basis or zone, text)


def written(text: str, zone: str = "UTC") -> Markup:
    """An instant that was written out in ISO 8601, as `when` says it."""
    return when(to_us(datetime.fromisoformat(text)), zone)


def moment(us: int, zone: str) -> str:
    """The same as plain text."""
    local = from_us(us).astimezone(ZoneInfo(zone))
    return f"{civil(local)}, {local:%H:%M}"


def day(us: int | None, zone: str = "UTC") -> str:
    if us is None:
        return "—"
    local = from_us(us).astimezone(ZoneInfo(zone))
    return civil(local)


def month(text: str) -> str:
    """`2026-11` as people say it."""
    return month_of(datetime.strptime(text, "%Y-%m"))


def civil(one: date) -> str:
    """A day of the facility's calendar."""
    return f"{one.day} {month_of(one)}"


def month_of(one: date, *, long: bool = False) -> str:
    """`Nov 2026`."""
    return f"{month_name(one, long=long)} {one.year}"


def month_name(one: date, *, long: bool = False) -> str:
    return (MONTHS if long else MONTHS_SHORT)[str(one.month)]


def on_day(one: date) -> str:
    """`2 November 2026`, within a sentence."""
    return f"{one.day} {month_of(one, long=True)}"


def script_texts() -> dict[str, str]:
    return {name: SCRIPTS[name] for name in SCRIPTS}


def kind_of_file(name: str | None) -> str:
    return "of an unknown kind" if name in (None, "", "unknown") else str(name).upper()


def asked(name: str, value: str) -> str:
    """What a condition is asked for. A range without a unit says what is taken for it."""
    if name != "quantity":
        return value
    try:
        unit = wanted_quantity(value).unit
    except Invalid:
        return value
    return value if unit is not None else f"{value.strip()} {spoken('in the unit of each file')}"


def coded(text: str) -> Markup:
    """What stands between backticks as code."""
    pieces = [
        escape(piece) if number % 2 == 0 else _filled("<code>{}</code>", piece) for number, piece in enumerate(text.split("`"))
    ]
    return Markup("").join(pieces)


def recorded(value: object, zone: str) -> str:
    """A detail of the audit log: instants as days, lists as their entries, yes and no."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) and value > 10**14:  # microseconds since 1970, in 1973 or later
        return day(value, zone)
    if isinstance(value, list | tuple):
        return ", ".join(recorded(one, zone) for one in value)
    return str(value)


def size(count: int | None) -> str:
    if count is None:
        return "—"
    value, unit = float(count), "B"
    for unit in ("B", "kB", "MB", "GB", "TB", "PB"):
        if value < 1000 or unit == "PB":
            break
        value /= 1000
    return f"{int(value)} B" if unit == "B" else f"{value:.3g} {unit}"


def thousands(count: int) -> str:
    """All of its digits, thousands set apart."""
    return f"{count:,}"


def number(value: float | None) -> str:
    """Six significant digits (all of them below 10⁹), thousands set apart, no needless zeros, a true minus sign."""
    if value is None or not math.isfinite(value):
        return "—"
    text = f"{value:.0f}" if 1e6 <= abs(value) < 1e9 else f"{value:.6g}"
    if "e" in text:
        mantissa, _, exponent = text.partition("e")
        return (f"{mantissa}·10" if mantissa not in ("1", "-1") else f"{mantissa[:-1]}10").replace("-", "−") + raised(
            int(exponent)
        )
    whole, point, rest = text.partition(".")
    if len(whole.lstrip("-")) > 4:
        whole = f"{int(whole):,}".replace(",", _THIN)
    return (whole + point + rest).replace("-", "−")


def measured(p: ParameterView) -> str:
    """The value without its unit; of a scan, from where to where."""
    if isinstance(p.value, str):
        return p.value
    if p.value is not None:
        return number(p.value)
    return f"{number(p.minimum)} … {number(p.maximum)}"


def quantity(p: ParameterView) -> Markup:
    shown = _filled('\u00a0<span class="unit">{}</span>', unit(p.unit)) if p.unit else Markup("")
    return escape(measured(p)) + (Markup("") if isinstance(p.value, str) else shown)


def unit(symbol: str | None) -> str:
    return _UNITS.get(symbol.strip(), symbol) if symbol else ""


def telling(parameters: Iterable[ParameterView], count: int = 3) -> list[ParameterView]:
    """The few conditions that a row of a list has room for."""
    known = [p for p in ranked(parameters) if p.name in TELLING and not (isinstance(p.value, str) and len(p.value) > 24)]
    if any(p.name == "incident_energy" for p in known):
        known = [p for p in known if p.name != "incident_wavelength"]  # says the same
    return known[:count]


def ranked(parameters: Iterable[ParameterView]) -> list[ParameterView]:
    return sorted(parameters, key=lambda p: TELLING.index(p.name) if p.name in TELLING else len(TELLING))


def plain_name(name: str) -> str:
    return name.replace("_", " ")


def span(start_us: int | None, end_us: int | None, zone: str, basis: str | None = None) -> Markup:
    """From when to when and how long; the day is not said twice."""
    begun = when(start_us, zone, basis)
    if start_us is None or end_us is None or end_us <= start_us:
        return begun
    first, last = (from_us(us).astimezone(ZoneInfo(zone)) for us in (start_us, end_us))
    if (first.date(), first.hour, first.minute) == (last.date(), last.hour, last.minute):
        return begun + _filled(' <span class="none">for {}</span>', duration(end_us - start_us))
    ended = when(end_us, zone)
    if first.date() == last.date():
        ended = _filled('<time datetime="{0}" title="{0}">{1}</time>', iso(end_us), f"{last:%H:%M}")
    return begun + " – " + ended + _filled(' <span class="none">({})</span>', duration(end_us - start_us))


def days(start_us: int | None, end_us: int | None, zone: str) -> str:
    if start_us is None or end_us is None or day(start_us, zone) == day(end_us, zone):
        return day(start_us, zone)
    first, last = (from_us(us).astimezone(ZoneInfo(zone)) for us in (start_us, end_us))
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day} – {day(end_us, zone)}"
    return f"{first.day} {month_name(first)}{f' {first.year}' if first.year != last.year else ''} – {day(end_us, zone)}"


def duration(us: int) -> str:
    seconds = us / 1e6
    if seconds < 120:
        return f"{seconds:.3g} s"
    minutes, hours = round(seconds / 60), round(seconds / 3600)
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h" + (f" {minutes % 60} min" if minutes % 60 else "")
    return f"{hours // 24} d" + (f" {hours % 24} h" if hours % 24 else "")


def ago(us: int | None, now_us: int) -> Markup:
    """How long since, with the exact instant on hover."""
    if us is None:
        return Markup("never")
    seconds = max(0, (now_us - us) // 1_000_000)
    limits = ((60, 1, "s"), (3600, 60, "min"), (2 * 86_400, 3600, "h"))
    divisor, name = next(((d, n) for limit, d, n in limits if seconds < limit), (86_400, "d"))
    return _filled('<time datetime="{0}" title="{0}">{1} {2} ago</time>', iso(us), seconds // divisor, name)


def share(part: int, of: int) -> str:
    """Per cent; what is not whole is not 100, and what is there is not 0."""
    if not of:
        return "–"
    percent = 100 * part / of
    if 0 < percent < 1:
        return "< 1 %"
    return f"{min(percent, 99.0) if part < of else percent:.0f} %"


def plural(count: int, one: str, many: str | None = None) -> str:
    return f"{thousands(count)} {spoken(one if count == 1 else many or one + 's')}"


def all_words() -> list[Spoken]:
    """Every table of words here, for translators."""
    return [value for value in globals().values() if isinstance(value, Spoken)]


def listed(values: Sequence[str], words: dict[str, str]) -> str:
    return ", ".join(words.get(value, value) for value in values)


def raised(exponent: int) -> str:
    return str(exponent).translate(str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻"))


def holds(branch: Branch, chosen: Sequence[str]) -> bool:
    """Whether one of the chosen techniques is below this one."""
    return any(child.pid in chosen or holds(child, chosen) for child in branch.children)
