"""What people write of a release: made uniform, and every fault said with its place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from panmesh.kernel.errors import Fault, Invalid
from panmesh.kernel.text import is_plain
from panmesh.publication import identifiers
from panmesh.publication.record import Agent, Funding
from panmesh.publication.release import RELATIONS, Description

MOST = 500  # creators, papers or funders
LONGEST_TITLE = 500
LONGEST_ABSTRACT = 20_000
LONGEST = 500  # of any other field
FEWEST_SIGNS = 50  # of an abstract: what data search engines ask for


def tidy(given: Description) -> Description:
    """Without blanks around and empty entries; identifiers as they are written everywhere, where they are right."""
    return Description(
        title=" ".join(given.title.split()),
        abstract=given.abstract.replace("\r\n", "\n").strip(),
        creators=tuple(_agent(one) for one in given.creators if one.name.strip() or one.orcid),
        papers=tuple(
            replace(one, doi=_known(identifiers.doi, one.doi) or "", title=_line(one.title)) for one in given.papers if one.doi.strip()
        ),
        funding=tuple(_funding(one) for one in given.funding if one.funder.strip() or one.funder_id or one.award),
    )  # fmt: skip


def limit(given: Description) -> None:
    """Raises Invalid for what cannot even be kept as a draft."""
    texts = [given.title, given.abstract]
    texts += [text or "" for one in given.creators for text in (one.name, one.orcid, one.affiliation, one.affiliation_ror)]
    texts += [text or "" for one in given.papers for text in (one.doi, one.relation, one.title)]
    texts += [text or "" for one in given.funding for text in (one.funder, one.funder_id, one.award, one.award_title)]
    if not is_plain(texts):
        raise Invalid("The description has signs that are no text.")
    if (
        len(given.title) > LONGEST_TITLE
        or len(given.abstract) > LONGEST_ABSTRACT
        or max(map(len, texts[2:]), default=0) > LONGEST
    ):
        raise Invalid(f"A title has at most {LONGEST_TITLE} signs, an abstract {LONGEST_ABSTRACT:,}, another field {LONGEST}.")
    if max(len(given.creators), len(given.papers), len(given.funding)) > MOST:
        raise Invalid(f"At most {MOST} creators, papers and funders.")


def faults(given: Description) -> tuple[Fault, ...]:
    """What must be mended before it can be published; all of it, in the order of the form."""
    return tuple(_faults(given))


def _faults(given: Description) -> Iterator[Fault]:
    if not given.title:
        yield Fault("/title", "is missing: say what was measured and on what")
    elif len(given.title.split()) < 2:
        yield Fault("/title", "is one word: say what was measured and on what")
    if not given.abstract:
        yield Fault("/abstract", "is missing: two or three sentences on what the data are and how they were made")
    elif len(given.abstract) < FEWEST_SIGNS:
        yield Fault("/abstract", f"is short: with {FEWEST_SIGNS} signs or more, search engines for data take it up")
    if not given.creators:
        yield Fault("/creators", "nobody is named: say who is to be cited")
    yield from _of_creators(given)
    for number, one in enumerate(given.papers):
        if identifiers.doi(one.doi) is None:
            yield Fault(f"/papers/{number}/doi", "is no DOI: it begins with 10. and has a slash, like 10.1000/xyz123")
        if one.relation not in RELATIONS:
            yield Fault(f"/papers/{number}/relation", f"is one of {', '.join(RELATIONS)}")
    for number, grant in enumerate(given.funding):
        if not grant.funder:
            yield Fault(f"/funding/{number}/funder", "is missing: the name of the funder")
        if grant.funder_id and identifiers.funder(grant.funder_id) is None:
            hint = "is neither a ROR (https://ror.org/…) nor a Crossref funder id (10.13039/…)"
            yield Fault(f"/funding/{number}/funder_id", hint)


def _of_creators(given: Description) -> Iterator[Fault]:
    seen: dict[str, int] = {}
    for number, one in enumerate(given.creators):
        where = f"/creators/{number}"
        if not one.name:
            yield Fault(f"{where}/name", "is missing")
        if one.orcid and identifiers.orcid(one.orcid) is None:
            yield Fault(
                f"{where}/orcid", "is no ORCID iD: a digit is wrong or missing (its last digit is computed from the others)"
            )
        elif one.orcid and seen.setdefault(one.orcid, number) != number:
            yield Fault(f"{where}/orcid", f"is that of {given.creators[seen[one.orcid]].name} already")
        if one.affiliation_ror and identifiers.ror(one.affiliation_ror) is None:
            yield Fault(f"{where}/ror", "is no ROR: it looks like https://ror.org/02550n020")
        elif one.affiliation_ror and not one.affiliation:
            yield Fault(f"{where}/affiliation", "is missing: the name of the institution with that ROR")


def _agent(one: Agent) -> Agent:
    return Agent(
        name=_line(one.name) or "",
        orcid=_known(identifiers.orcid, one.orcid),
        affiliation=_line(one.affiliation),
        affiliation_ror=_known(identifiers.ror, one.affiliation_ror),
        organisation=one.organisation,
    )


def _funding(one: Funding) -> Funding:
    return Funding(
        funder=_line(one.funder) or "",
        funder_id=_known(identifiers.funder, one.funder_id),
        award=_line(one.award),
        award_title=_line(one.award_title),
    )


def _known(read: Callable[[str], str | None], text: str | None) -> str | None:
    """Uniform where it is right; else as it was typed, so that it can be mended."""
    plain = _line(text)
    return (read(plain) or plain) if plain else None


def _line(text: str | None) -> str | None:
    return " ".join((text or "").split()) or None
