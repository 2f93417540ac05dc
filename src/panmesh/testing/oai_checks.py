"""What the Open Archives' validator looks at, asked of a provider by its address: every verb, every error, dates, tokens, POST."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from urllib.parse import parse_qsl, urlencode
from xml.etree import ElementTree

OAI = "{http://www.openarchives.org/OAI/2.0/}"
STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
IDENTIFIER = re.compile(r"oai:[a-zA-Z][a-zA-Z0-9\-]*(\.[a-zA-Z][a-zA-Z0-9\-]*)+:[a-zA-Z0-9\-_.!~*'();/?:@&=+$,%]+")
SPEC = re.compile(r"[A-Za-z0-9\-_.!~*'()]+(:[A-Za-z0-9\-_.!~*'()]+)*")
MAIL = re.compile(r"\S+@(\S+\.)+\S+")

# (status, media type, body) of a question: the query string, and whether it is sent as a form
Ask = Callable[[str, bool], tuple[int, str, bytes]]


class Faulty(AssertionError):
    pass


def checked(ask: Ask, query: str, *, post: bool = False) -> ElementTree.Element:
    """The answer, after everything that holds for each one (sections 3.1, 3.2 and the schema's order of elements)."""
    status, media, body = ask(query, post)
    _hold(status == 200, query, f"HTTP status {status}: errors of the protocol are answers")
    _hold(media.startswith("text/xml"), query, f"media type {media}")
    root = ElementTree.fromstring(body)
    _hold(root.tag == f"{OAI}OAI-PMH", query, f"root {root.tag}")
    names = [child.tag.removeprefix(OAI) for child in root]
    _hold(names[:2] == ["responseDate", "request"], query, f"begins with {names[:2]}")
    _hold(bool(STAMP.fullmatch(_text(root, "responseDate"))), query, "responseDate")
    request = root.find(f"{OAI}request")
    assert request is not None
    codes = [error.get("code") for error in root.findall(f"{OAI}error")]
    given = dict(parse_qsl(query, keep_blank_values=True))
    if set(codes) & {"badVerb", "badArgument"}:
        _hold(not request.attrib, query, "badVerb and badArgument repeat nothing")
    else:
        _hold(dict(request.attrib) == given, query, f"request repeats {request.attrib}")
    _hold(names[2:] == ["error"] * len(codes) if codes else names[2:] == [given["verb"]], query, f"holds {names[2:]}")
    for header in root.iter(f"{OAI}header"):
        _check_header(header, query)
    for record in root.iter(f"{OAI}record"):
        gone = record.find(f"{OAI}header[@status='deleted']") is not None
        parts = [part.tag.removeprefix(OAI) for part in record]
        _hold(parts == (["header"] if gone else ["header", "metadata"]), query, f"a record of {parts}")
        _hold(gone or len(record[1]) == 1, query, "metadata is one element")
    return root


def codes(root: ElementTree.Element) -> list[str | None]:
    return [error.get("code") for error in root.findall(f"{OAI}error")]


def token(root: ElementTree.Element) -> str | None:
    """None: there is no element; "": the list ends here."""
    found = root.find(f".//{OAI}resumptionToken")
    return None if found is None else found.text or ""


def check_provider(ask: Ask, address: str, forms: tuple[str, ...]) -> None:
    """Raises Faulty, with the question that was answered wrongly. The provider holds at least two pages."""
    earliest = _check_identify(ask, address)
    prefixes = {e.text for e in checked(ask, "verb=ListMetadataFormats").iter(f"{OAI}metadataPrefix")}
    _hold(set(forms) <= prefixes and "oai_dc" in prefixes, "ListMetadataFormats", f"{prefixes}")
    first = checked(ask, "verb=ListIdentifiers&metadataPrefix=oai_dc")
    stamps = [e.text or "" for e in first.iter(f"{OAI}datestamp")]
    one = next(e.text or "" for e in first.iter(f"{OAI}identifier"))
    _hold(min(stamps) >= earliest, "Identify", "a datestamp before the earliest")
    _check_window(ask, earliest, stamps[0])
    _check_sets(ask)
    _check_errors(ask, one, token(first) or "")
    for post in (False, True):
        same = checked(ask, urlencode({"verb": "GetRecord", "metadataPrefix": "oai_dc", "identifier": one}), post=post)
        _hold(_text(same, f".//{OAI}identifier", plain=True) == one, "GetRecord", "another identifier")
    following = checked(ask, urlencode({"verb": "ListIdentifiers", "resumptionToken": token(first) or ""}), post=True)
    _hold(not codes(following), "ListIdentifiers", "a token by POST")


def walk(ask: Ask, query: str) -> Iterator[ElementTree.Element]:
    """Every page of a list."""
    verb = dict(parse_qsl(query))["verb"]
    page = checked(ask, query)
    yield page
    while here := token(page):
        page = checked(ask, urlencode({"verb": verb, "resumptionToken": here}))
        yield page


def _check_identify(ask: Ask, address: str) -> str:
    root = checked(ask, "verb=Identify")
    identify = root.find(f"{OAI}Identify")
    assert identify is not None
    order = ["repositoryName", "baseURL", "protocolVersion", "adminEmail", "earliestDatestamp", "deletedRecord", "granularity"]
    _hold([e.tag.removeprefix(OAI) for e in identify][:7] == order, "Identify", "order of elements")
    _hold(_text(identify, "baseURL") == address, "Identify", "baseURL is not the address that was asked")
    _hold(_text(root, "request") == address, "Identify", "request is not the address that was asked")
    _hold(_text(identify, "protocolVersion") == "2.0", "Identify", "protocolVersion")
    _hold(bool(MAIL.fullmatch(_text(identify, "adminEmail"))), "Identify", "adminEmail")
    _hold(_text(identify, "deletedRecord") == "persistent", "Identify", "deletedRecord")
    _hold(_text(identify, "granularity") == "YYYY-MM-DDThh:mm:ssZ", "Identify", "granularity")
    return _text(identify, "earliestDatestamp")


def _check_window(ask: Ask, earliest: str, stamp: str) -> None:
    listing = "verb=ListIdentifiers&metadataPrefix=oai_dc"
    for window in (f"from={stamp}&until={stamp}", f"from={stamp[:10]}&until={stamp[:10]}"):
        found = checked(ask, f"{listing}&{window}")
        _hold(not codes(found), window, f"both ends count: {codes(found)}")
        _hold(all(e.text and e.text[:10] == stamp[:10] for e in found.iter(f"{OAI}datestamp")), window, "a datestamp outside")
    for window in (f"until={int(earliest[:4]) - 1}-12-31", "from=2999-01-01"):
        _hold(codes(checked(ask, f"{listing}&{window}")) == ["noRecordsMatch"], window, "there is nothing there")
    faulty = (
        f"from={stamp}&until={stamp[:10]}",
        "from=2020-02-30",
        "from=junk",
        "from=2021-01-01&until=2020-01-01",
        "until=20200101",
    )
    for window in (*faulty, "from=2020-01-01T00:00:00", "from=2020-01", "from=2020-01-01T00:00Z"):
        _hold(codes(checked(ask, f"{listing}&{window}")) == ["badArgument"], window, "badArgument")


def _check_sets(ask: Ask) -> None:
    specs = [e.text or "" for e in checked(ask, "verb=ListSets").iter(f"{OAI}setSpec")]
    _hold(len(specs) == len(set(specs)) and all(SPEC.fullmatch(spec) for spec in specs), "ListSets", f"{specs}")
    for spec in specs:
        _hold(":" not in spec or spec.rpartition(":")[0] in specs, "ListSets", f"{spec} without what is above it")
        found = checked(ask, f"verb=ListIdentifiers&metadataPrefix=oai_dc&set={spec}")
        for header in found.iter(f"{OAI}header"):
            _hold(spec in [e.text for e in header.findall(f"{OAI}setSpec")], spec, "a header that is not in the set")
    _hold(codes(checked(ask, "verb=ListSets&resumptionToken=junk")) == ["badResumptionToken"], "ListSets", "a token that is none")


def _check_errors(ask: Ask, one: str, going: str) -> None:
    wrong: Mapping[str, str] = {
        "": "badVerb",
        "verb=Nonsense": "badVerb",
        "verb=identify": "badVerb",
        "verb=Identify&verb=Identify": "badVerb",
        "verb=Identify&metadataPrefix=oai_dc": "badArgument",
        "verb=Identify&x=1": "badArgument",
        "verb=ListRecords": "badArgument",
        "verb=ListRecords&metadataPrefix=oai_dc&metadataPrefix=oai_dc": "badArgument",
        "verb=ListRecords&metadataPrefix=oai_dc&set=a%20b": "badArgument",
        "verb=GetRecord&metadataPrefix=oai_dc": "badArgument",
        f"verb=GetRecord&identifier={one}": "badArgument",
        "verb=ListRecords&metadataPrefix=junk": "cannotDisseminateFormat",
        f"verb=GetRecord&metadataPrefix=junk&identifier={one}": "cannotDisseminateFormat",
        "verb=GetRecord&metadataPrefix=oai_dc&identifier=junk": "idDoesNotExist",
        f"verb=GetRecord&metadataPrefix=oai_dc&identifier={one}x": "idDoesNotExist",
        "verb=ListMetadataFormats&identifier=junk": "idDoesNotExist",
        "verb=ListRecords&metadataPrefix=oai_dc&set=no:such": "noRecordsMatch",
        "verb=ListRecords&resumptionToken=junk": "badResumptionToken",
        "verb=ListIdentifiers&resumptionToken=%C3%A9": "badResumptionToken",
        f"verb=ListIdentifiers&resumptionToken={going}x": "badResumptionToken",
        f"verb=ListIdentifiers&resumptionToken=A{going}": "badResumptionToken",
        f"verb=ListIdentifiers&resumptionToken={going}&metadataPrefix=oai_dc": "badArgument",
    }
    for query, code in wrong.items():
        for post in (False, True):
            root = checked(ask, query, post=post)
            _hold(codes(root) == [code], query, f"{codes(root)} and not {code}")


def _check_header(header: ElementTree.Element, query: str) -> None:
    parts = [part.tag.removeprefix(OAI) for part in header]
    _hold(parts == ["identifier", "datestamp", *["setSpec"] * (len(parts) - 2)], query, f"a header of {parts}")
    _hold(bool(IDENTIFIER.fullmatch(_text(header, "identifier"))), query, f"identifier {_text(header, 'identifier')}")
    _hold(bool(STAMP.fullmatch(_text(header, "datestamp"))), query, f"datestamp {_text(header, 'datestamp')}")


def _text(element: ElementTree.Element, name: str, *, plain: bool = False) -> str:
    return element.findtext(name if plain else f"{OAI}{name}") or ""


def _hold(true: bool, query: str, said: str) -> None:
    if not true:
        raise Faulty(f"{query!r}: {said}")
