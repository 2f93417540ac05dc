"""What a SUSHI client asks a dataset report for: filters, attributes, and what of it is not understood.

Names and numbers of exceptions are those of the COUNTER Code of Practice, appendix F. A request with an odd filter is answered without
it, and the answer says so: clients show these sentences to who asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from panmesh.publication.usage import Count, Method, Reported
from panmesh.wire.sushi import METRICS, REPORT

PUBLISHED, MONTHS = "dataset-dates", "exclude_monthly_details"
ATTRIBUTES = (PUBLISHED,)  # that can be shown beside what a report always has
WHO = ("customer_id", "requestor_id", "api_key")  # that clients send, and that a public report does not need
_MONTH = re.compile(r"[0-9]{4}-[0-9]{2}(-[0-9]{2})?")
_YEARS = re.compile(r"(\d{4})(?:-(\d{4}))?")
_UNKNOWN, _FILTER, _ATTRIBUTE = 3050, 3060, 3062
_REPORT, _DATES = 3000, 3020
_MESSAGES = {
    _REPORT: "Report Not Supported",
    _DATES: "Invalid Date Arguments",
    3030: "No Usage Available for Requested Dates",
    3031: "Usage Not Ready for Requested Dates",
    3040: "Partial Data Returned",
    _UNKNOWN: "Parameter Not Recognized in this Context",
    _FILTER: "Invalid ReportFilter Value",
    _ATTRIBUTE: "Invalid ReportAttribute Value",
}


def exception(code: int, data: str, severity: str = "warning") -> dict[str, Any]:
    return {"code": code, "severity": severity, "message": _MESSAGES[code], "data": data}


def no_report() -> dict[str, Any]:
    """Instead of a report that there is not."""
    return exception(_REPORT, f"There is {REPORT['report-id']}, at {REPORT['path']}.", "error")


def of_span(begin: str | None, end: str | None) -> dict[str, Any] | None:
    """Instead of the report, where these are no months or days, or the wrong way round."""
    for name, value in (("begin_date", begin), ("end_date", end)):
        if value is not None and not _is_day(value):
            return exception(_DATES, f"{name}: a month or a day, such as 2026-03 or 2026-03-31.", "error")
    if begin is not None and end is not None and begin[:7] > end[:7]:
        return exception(_DATES, "begin_date is later than end_date.", "error")
    return None


def _is_day(text: str) -> bool:
    if _MONTH.fullmatch(text) is None:
        return False
    try:
        date.fromisoformat(text if len(text) > len("2026-03") else f"{text}-01")
    except ValueError:
        return False
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    first: str  # month, YYYY-MM
    last: str  # that too
    platform: str | None = None
    dataset: str | None = None  # pid or DOI
    years: tuple[int, int] | None = None  # of publication, both included
    methods: frozenset[Method] = frozenset(Method)
    metrics: tuple[str, ...] = tuple(METRICS)
    shown: tuple[str, ...] = ()  # of ATTRIBUTES
    monthly: bool = True
    filters: tuple[tuple[str, str], ...] = ()  # as they were understood
    exceptions: tuple[dict[str, Any], ...] = ()

    def of(self, found: Iterable[Reported]) -> list[Reported]:
        """What is left of these."""
        kept = [replace(one, counts=tuple(c for c in one.counts if self._counts(c))) for one in found if self._is_meant(one)]
        return [one for one in kept if one.counts]

    def _is_meant(self, one: Reported) -> bool:
        named = self.dataset is None or self.dataset.casefold() in (one.pid.casefold(), (one.doi or one.pid).casefold())
        return named and (self.years is None or self.years[0] <= one.year <= self.years[1])

    def _counts(self, count: Count) -> bool:
        return count.method in self.methods and any(getattr(count, METRICS[name]) for name in self.metrics)


def read(given: Mapping[str, str], platform: str, first: str, last: str) -> Asked:
    """`given`: the parameters of the request but its dates."""
    asked, odd = Asked(first=first, last=last), []
    filters: dict[str, str] = {}
    for name, value in given.items():
        if name in WHO:
            continue
        made, fault = _one(asked, name, value.strip(), platform)
        if fault is not None:
            odd.append(fault)
        else:
            asked = made
            filters |= {} if name in ("attributes_to_show", "granularity", MONTHS) else {name: value.strip()}
    return replace(asked, filters=tuple(filters.items()), exceptions=tuple(odd))


def _one(asked: Asked, name: str, value: str, platform: str) -> tuple[Asked, dict[str, Any] | None]:
    several = tuple(one.strip().casefold() for one in value.split("|"))
    match name:
        case "platform":
            if value.casefold() != platform.casefold():
                return asked, exception(_FILTER, f"platform: this one is {platform}.")
            return replace(asked, platform=platform), None
        case "dataset_id" | "item_id":
            bare = re.sub(r"^(doi|proprietary):|^https?://(dx\.)?doi\.org/", "", value, flags=re.I)
            return replace(asked, dataset=bare), None
        case "yop":
            found = _YEARS.fullmatch(value)
            if found is None:
                return asked, exception(_FILTER, "yop: a year, or two: 2024, 2020-2024.")
            return replace(asked, years=(int(found[1]), int(found[2] or found[1]))), None
        case "access_method":
            if not set(several) <= {one.value for one in Method}:
                return asked, exception(_FILTER, "access_method: regular, machine, or both: regular|machine.")
            return replace(asked, methods=frozenset(Method(one) for one in several)), None
        case "metric_type":
            if not set(several) <= METRICS.keys():
                return asked, exception(_FILTER, f"metric_type: {', '.join(METRICS)}; several with | between them.")
            return replace(asked, metrics=tuple(one for one in METRICS if one in several)), None
        case "attributes_to_show":
            if not set(several) <= set(ATTRIBUTES):
                return asked, exception(_ATTRIBUTE, f"attributes_to_show: {', '.join(ATTRIBUTES)}.")
            return replace(asked, shown=several), None
        case "granularity" | "exclude_monthly_details":
            if value.casefold() not in ("month", "totals", "true", "false"):
                return asked, exception(_ATTRIBUTE, f"{name}: {'month, totals' if name == 'granularity' else 'true, false'}.")
            return replace(asked, monthly=value.casefold() in ("month", "false")), None
    return asked, exception(_UNKNOWN, f"{name}: is not known here, and was left out.")


def of_dates(asked: Asked, today: date, *, found: bool, cut: bool) -> tuple[dict[str, Any], ...]:
    """What is to be said of the months: `today`, days before it are counted; `cut`: there is more than the report has."""
    this = f"{today:%Y-%m}"
    said = []
    if asked.first > this:
        return (exception(3031, f"{asked.first} has not begun."),)
    if asked.last >= this:
        said.append(exception(3040, f"Usage data has not been processed for all requested months: {this} is counted day by day."))
    if cut:
        said.append(exception(3040, "More datasets were used than a report has; those with the fewest requests are left out."))
    if not found:
        said.append(exception(3030, f"No dataset that is asked for was used from {asked.first} to {asked.last}."))
    return tuple(said)
