"""What people type into the box for words, as a condition: "SANS at 280-300 K of a polymer, open" is a technique, a range, a word and a state.

A piece that can mean more than its letters is also looked for as its letters: nothing that has them is lost.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from panmesh.catalogue.query import And, Compare, Condition, Field, Op, Or, QuantityRange, Words
from panmesh.http.asked_ranges import instant, quantity, year
from panmesh.kernel import techniques
from panmesh.kernel.errors import Invalid
from panmesh.kernel.pid import is_native
from panmesh.kernel.text import fold, typed, unaccented
from panmesh.kernel.units import COMMON, known

MOST = 20  # pieces; more say nothing more
# Said in a question, not in a record.
FILLERS = frozenset((
    "a", "an", "and", "any", "are", "at", "between", "by", "data", "dataset", "datasets", "do", "does", "for", "from", "have", "in", "is",
    "me", "measurements", "of", "on", "or", "runs", "show", "that", "the", "there", "to", "what", "where", "which", "with", "you",
))  # fmt: skip

# What a number with a unit is said of, by what the unit measures.
_MEANT = {
    "K": ("temperature",),
    "eV": ("incident_energy", "photon_energy_range"),
    "nm": ("incident_wavelength",),
    "T": ("magnetic_field",),
    "bar": ("pressure",),
}
_UNITS = {
    "k": "K", "mk": "mK", "°c": "degC", "degc": "degC", "ev": "eV", "kev": "keV", "gev": "GeV", "å": "angstrom", "angstrom": "angstrom", "nm": "nm",
    "pm": "pm", "t": "T", "tesla": "T", "mt": "mT", "bar": "bar", "mbar": "mbar", "gpa": "GPa", "kpa": "kPa", "hpa": "hPa",
}  # fmt: skip
_AS_WRITTEN = ("meV", "MeV", "mPa", "MPa", "Pa")  # where the case of a letter is a factor
_MONTHS = (
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
)

_NUMBER = r"[-+]?\d{1,12}(?:\.\d{1,12})?(?:e[-+]?\d{1,2})?(?!\.?\d)"
_UNIT = "|".join(sorted((*map(re.escape, _UNITS), "mev", "mpa", "pa"), key=len, reverse=True))
_COMMON = "|".join(sorted(map(re.escape, COMMON), key=len, reverse=True))
_DASHES = str.maketrans(dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-"))
_PIECE = re.compile(
    rf"""
      (?P<named> [a-z_]\w{{0,79}} : (?:{_NUMBER}\.\.(?:{_NUMBER})?|\.\.{_NUMBER}) (?:\s*(?-i:{_COMMON})(?!\w))? )
    | (?P<range> (?P<low>{_NUMBER}) \s*(?:{_UNIT})?\s* (?:-|\.\.|…|\bto\b|\band\b) \s* (?P<high>{_NUMBER}) \s* (?P<unit>{_UNIT}) (?!\w) )
    | (?P<one> (?:(?P<than>[<>≤≥]=?)\s*)? (?P<value>{_NUMBER}) \s* (?P<of>{_UNIT}) (?!\w) )
    | (?P<month> (?:{"|".join(f"{m[:3]}(?:{m[3:]})?" for m in _MONTHS)}) \s+ [12]\d{{3}} (?!\w) )
    | (?P<phrase> -? ["“„«] [^"“”„«»]+ ["”“»] )
    | (?P<word> [^\s"“”„«»]+ )
    """,
    re.VERBOSE | re.IGNORECASE,
)
_ASIDE = ".,;:!?()[]{}<>'`´‘’=|&"  # around a word, no part of it
_JOINED = re.compile(r"[-_/]")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_YEAR = re.compile(r"(?:19|20)\d{2}")
_STATES = {"open": "open", "public": "open", "embargoed": "embargoed"}


def condition_of(text: str, zone: str) -> Condition:
    """All pieces, each in any of the ways in which it may be meant; days in the facility's time zone."""
    parts: list[Condition] = []
    plain: list[str] = []
    for piece in telling_words(text):
        ways = tuple(dict.fromkeys(_ways(piece, zone)))
        if len(ways) == 1 and isinstance(ways[0], Words):
            plain += ways[0].words
        elif ways:
            parts.append(ways[0] if len(ways) == 1 else Or(ways))
    words = [Words(tuple(plain))] if plain or not parts else []
    return And((*words, *parts)) if parts else words[0]


def telling_words(text: str) -> list[str]:
    """Of "XAS on CeO2" the pieces that a record may hold; of a text of such fillers alone, all. What belongs together ("280-300 K") is one."""
    said = list(_pieces(text))[:MOST] or text.split()[:MOST]
    return [piece for piece in said if piece.casefold() not in FILLERS] or said


def _pieces(text: str) -> Iterator[str]:
    excluded = ""
    for match in _PIECE.finditer(text.translate(_DASHES)):
        if match["word"] is None:
            yield match.group()
            continue
        if match["word"] == "NOT":
            excluded = "-"
            continue
        for word in re.split(r"[,;](?!\d)", match["word"]):
            bare = word.strip(_ASIDE)
            if any(letter.isalnum() for letter in bare):
                yield excluded + bare
                excluded = ""


def _ways(piece: str, zone: str) -> Iterator[Condition]:
    match = _PIECE.fullmatch(piece)
    if match is None or match["word"] is not None:
        yield from _without(piece[1:]) if piece[0] == "-" and len(piece) > 1 else _of_word(piece, zone)
    elif match["named"] is not None:
        yield quantity(piece)
    elif match["range"] is not None:
        yield from _values(float(match["low"]), float(match["high"]), match["unit"])
    elif match["one"] is not None:
        if not match["than"]:
            yield Words((match["value"], match["of"]))
        yield from _values(*_ends(float(match["value"]), match["than"] or ""), match["of"])
    elif match["month"] is not None:
        yield Words(tuple(piece.split()))
        yield _month(piece, zone)
    else:
        said = piece.strip('-"“”„«»')
        yield from _without(said) if piece[0] == "-" else (Words((said,)),)


def _of_word(word: str, zone: str) -> Iterator[Condition]:
    pid = word.rpartition("/")[2].partition(".v")[0].casefold()
    if is_native(pid):
        yield from (Compare(field, Op.EQUAL, pid) for field in (Field.PID, Field.VISIT, Field.SAMPLE_PID))
        return
    for one in _writings(word):
        yield Words((one,))
    parts = [part for part in _JOINED.split(word) if part]
    if len(parts) > 1 and all(len(part) > 1 and not part.replace(".", "").isdigit() for part in parts):
        yield Words(tuple(parts))
    meant = techniques.short_for(word)
    if meant is not None:
        yield Compare(Field.TECHNIQUE, Op.EQUAL, meant)
    if word.casefold() in _STATES:
        yield Compare(Field.STATE, Op.EQUAL, _STATES[word.casefold()])
    if _YEAR.fullmatch(word):
        yield year(word, zone)
    if _DAY.fullmatch(word):
        try:
            yield _between(instant(word, zone, end=False), instant(word, zone, end=True))
        except Invalid:
            return  # no day of the calendar: letters alone


def _writings(word: str) -> tuple[str, ...]:
    """Of the same word: as typed, on a keyboard, of one instead of many, hyphened or not."""
    found = [word, typed(word), unaccented(word)]
    lower = word.casefold()
    if len(word) > 5 and lower.isalpha() and lower.endswith("s") and not lower.endswith(("ss", "us", "is")):
        found.append(word[:-1])
    if lower.startswith("xray"):
        found.append(f"x-ray{word[4:]}")
    if len(parts := _JOINED.split(word)) == 2 and all(parts):
        found.append("".join(parts))
    return tuple(dict.fromkeys(found))


def _without(word: str) -> tuple[Condition, ...]:
    """Of a technique: without its narrower ones. A run whose text the viewer may not read is not known to be without the word."""
    pid = techniques.short_for(word)
    names = [techniques.label(term) or "" for term in techniques.descendants(pid)] if pid is not None else []
    said = sorted({fold(name) for name in (*_writings(word), *names)} - {""})
    return (And(tuple(Compare(Field.FULL_TEXT, Op.NOT_CONTAINS, one) for one in said)),)


def _values(low: float | None, high: float | None, written: str) -> Iterator[Condition]:
    unit = _unit(written)
    if low is not None and high is not None and low > high:
        low, high = high, low
    for symbol, names in _MEANT.items():
        if known(symbol).dimension == known(unit).dimension:
            yield from (QuantityRange(name, low, high, unit) for name in names)


def _unit(written: str) -> str:
    """As the system of units writes it; "kev" is no other unit than "keV", but "meV" another one than "MeV"."""
    return written if written in _AS_WRITTEN else _UNITS.get(written.casefold(), written)


def _ends(value: float, than: str) -> tuple[float | None, float | None]:
    if than[:1] in ("<", "≤"):
        return None, value
    if than[:1] in (">", "≥"):
        return value, None
    margin = abs(value) * 1e-3
    return value - margin, value + margin


def _month(piece: str, zone: str) -> Condition:
    name, written = piece.casefold().split()
    number = next(i for i, month in enumerate(_MONTHS, 1) if month.startswith(name))
    following = f"{int(written) + number // 12}-{number % 12 + 1:02d}-01"
    return _between(instant(f"{written}-{number:02d}-01", zone, end=False), instant(following, zone, end=False))


def _between(first: int, end: int) -> Condition:
    return And((Compare(Field.START, Op.AT_LEAST, first), Compare(Field.START, Op.LESS, end)))
