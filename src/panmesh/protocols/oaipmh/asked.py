"""What a harvester asks, parsed fully or refused with the error that the protocol has for it (OAI-PMH 2.0, sections 3 and 4)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum


class Verb(StrEnum):
    IDENTIFY = "Identify"
    LIST_FORMATS = "ListMetadataFormats"
    LIST_SETS = "ListSets"
    GET_RECORD = "GetRecord"
    LIST_IDENTIFIERS = "ListIdentifiers"
    LIST_RECORDS = "ListRecords"


class Code(StrEnum):
    BAD_VERB = "badVerb"
    BAD_ARGUMENT = "badArgument"
    BAD_TOKEN = "badResumptionToken"
    NO_SUCH_FORM = "cannotDisseminateFormat"
    NO_SUCH_ITEM = "idDoesNotExist"
    NOTHING = "noRecordsMatch"
    NO_FORMS = "noMetadataFormats"


class Refused(Exception):
    """One error of the protocol; it travels as an answer, not as a status."""

    def __init__(self, code: Code, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    verb: Verb
    arguments: dict[str, str]  # without the verb

    def __getitem__(self, name: str) -> str | None:
        return self.arguments.get(name)


_REQUIRED = {
    Verb.GET_RECORD: frozenset({"identifier", "metadataPrefix"}),
    Verb.LIST_IDENTIFIERS: frozenset({"metadataPrefix"}),
    Verb.LIST_RECORDS: frozenset({"metadataPrefix"}),
}
_ALLOWED = {
    Verb.IDENTIFY: frozenset[str](),
    Verb.LIST_FORMATS: frozenset({"identifier"}),
    Verb.LIST_SETS: frozenset({"resumptionToken"}),
    Verb.GET_RECORD: _REQUIRED[Verb.GET_RECORD],
    Verb.LIST_IDENTIFIERS: frozenset({"metadataPrefix", "from", "until", "set", "resumptionToken"}),
    Verb.LIST_RECORDS: frozenset({"metadataPrefix", "from", "until", "set", "resumptionToken"}),
}
_SET = re.compile(r"[A-Za-z0-9\-_.!~*'()]+(:[A-Za-z0-9\-_.!~*'()]+)*")
_DAY, _SECOND = re.compile(r"\d{4}-\d\d-\d\d"), re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def parse(pairs: Sequence[tuple[str, str]]) -> Asked:
    """Raises Refused."""
    verbs = [value for name, value in pairs if name == "verb"]
    if len(verbs) != 1 or verbs[0] not in set(Verb):
        said = "there is no verb" if not verbs else "there are several verbs" if len(verbs) > 1 else f"{verbs[0]!r} is no verb"
        raise Refused(Code.BAD_VERB, f"{said}; ask with one of {', '.join(Verb)}.")
    verb = Verb(verbs[0])
    rest = [(name, value) for name, value in pairs if name != "verb"]
    arguments = dict(rest)
    faults = [f"{name!r} is no argument of {verb}" for name in arguments if name not in _ALLOWED[verb]]
    faults += [f"{name!r} is there twice" for name in arguments if sum(n == name for n, _ in rest) > 1]
    faults += [f"{name!r} is empty" for name, value in arguments.items() if not value]
    if "resumptionToken" in arguments and len(arguments) > 1:
        faults.append("a resumptionToken stands alone")
    elif "resumptionToken" not in arguments:
        faults += [f"{name!r} is missing" for name in sorted(_REQUIRED.get(verb, frozenset()) - set(arguments))]
    if "set" in arguments and not _SET.fullmatch(arguments["set"]):
        faults.append(f"{arguments['set']!r} is not written like a set")
    if faults:
        raise Refused(Code.BAD_ARGUMENT, "; ".join(faults) + ".")
    return Asked(verb=verb, arguments=arguments)


def window(asked: Asked) -> tuple[int, int]:
    """`from` and `until`, both included, in seconds since 1970. Raises Refused."""
    given = {name: value for name in ("from", "until") if (value := asked[name]) is not None}
    days = {name for name, value in given.items() if _DAY.fullmatch(value)}
    faults = [
        f"{name}={value!r} is neither YYYY-MM-DD nor YYYY-MM-DDThh:mm:ssZ" for name, value in given.items() if not _written(value)
    ]
    if not faults and 0 < len(days) < len(given):
        faults.append("'from' and 'until' are written to different precision")
    if faults:
        raise Refused(Code.BAD_ARGUMENT, "; ".join(faults) + ".")
    since = _seconds(given["from"]) if "from" in given else 0
    until = 1 << 40
    if "until" in given:
        until = _seconds(given["until"]) + (86_399 if "until" in days else 0)
    if len(given) == 2 and since > until:
        raise Refused(Code.BAD_ARGUMENT, "'from' is later than 'until'.")
    return since, until


def stamp(seconds: int) -> str:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def _written(text: str) -> bool:
    if not (_DAY.fullmatch(text) or _SECOND.fullmatch(text)):
        return False
    try:
        _seconds(text)
    except ValueError:
        return False
    return True


def _seconds(text: str) -> int:
    return int(datetime.fromisoformat(text.removesuffix("Z")).replace(tzinfo=UTC).timestamp())
