"""Does a provider follow the PaNOSC Search API? Asked over HTTP of any provider, with its own data or with the known seed.

Each check names the clause that it is about. A failure says what was sent, what came, and what should have.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

import httpx

from panmesh.testing.panosc_checks import CHECKS
from panmesh.testing.panosc_join_checks import JOINS
from panmesh.testing.panosc_known import KNOWN
from panmesh.testing.panosc_provider import Check, Failed, NotApplicable, Provider


class Outcome(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    NOT_APPLICABLE = "not applicable"


@dataclass(frozen=True, slots=True)
class Result:
    check: str
    outcome: Outcome
    why: str
    clause: str


def perform(provider: Provider, check: Check) -> Result:
    """A provider may answer anything at all: whatever trips the check up is the provider's failure, and is told as one."""
    try:
        check.run(provider)
    except NotApplicable as reason:
        return Result(check.title, Outcome.NOT_APPLICABLE, str(reason), check.clause)
    except Failed as reason:
        return Result(
            check.title, Outcome.FAILED, f"expected: {reason}; sent: {provider.sent}; came: {provider.came}", check.clause
        )
    except (httpx.HTTPError, KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        what = f"{type(error).__name__}: {error}"
        return Result(check.title, Outcome.FAILED, f"{what}; sent: {provider.sent}; came: {provider.came}", check.clause)
    return Result(check.title, Outcome.PASSED, "", check.clause)


def examine(client: httpx.Client, root: str, *, seeded: bool = False) -> Iterator[Result]:
    """One result after another. `seeded`: the provider holds the known seed, and must give the printed answers."""
    provider = Provider(client, root)
    for check in (*CHECKS, *JOINS, *(KNOWN if seeded else ())):
        yield perform(provider, check)
