"""Counted use as a COUNTER dataset report for SUSHI (schema of DataCite's usage reports)."""

from __future__ import annotations

import calendar
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from panmesh.publication.usage import Count, Reported

METRICS = {
    "total-dataset-investigations": "investigations",
    "unique-dataset-investigations": "unique_investigations",
    "total-dataset-requests": "requests",
    "unique-dataset-requests": "unique_requests",
}


REPORT = {
    "report-name": "dataset report",
    "report-id": "DSR",
    "release": "rd1",
    "report-description": "Use of public datasets, by month.",
    "path": "/reports/dsr",
}


# Reports of open content are to “The World”, whose number this is (COUNTER Code of Practice 5.1). Who is no customer of several sites
# is told of themselves alone.
EVERYBODY = {
    "customer-id": "0000000000000000",
    "name": "The World",
    "notes": "Reports are public and the same for everybody: no customer, requestor or key is needed.",
    "institution-id": [],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """How a report is written."""

    first: str  # month, YYYY-MM
    last: str  # that too
    metrics: Sequence[str] = tuple(METRICS)
    monthly: bool = True
    dates: bool = False  # days of publication too
    filters: Sequence[tuple[str, str]] = ()
    exceptions: Sequence[Mapping[str, Any]] = ()


def report(*, platform: str, publisher_id: str, form: Form, created: str, datasets: Sequence[Reported]) -> dict[str, Any]:
    """`publisher_id`: ROR of the facility, or its key; `created`: the day."""
    attributes = [("exclude_monthly_details", "true")] * (not form.monthly) + [
        ("attributes_to_show", "dataset-dates")
    ] * form.dates
    return {
        "report-name": REPORT["report-name"],
        "report-id": REPORT["report-id"],
        "release": REPORT["release"],
        "created": created,
        "created-by": platform,
        "reporting-period": _period(form.first, form.last),
        "report-filters": [{"name": name, "value": value} for name, value in form.filters],
        "report-attributes": [{"name": name, "value": value} for name, value in attributes],
        "exceptions": list(form.exceptions),
        "report-datasets": [_dataset(one, platform, publisher_id, form) for one in datasets],
    }


def status(platform: str) -> list[dict[str, Any]]:
    said = f"Counted use of the data of {platform}, by the COUNTER Code of Practice for Research Data."
    note = "Reports are public: no customer, requestor or key is needed. Days are counted when they are over."
    return [{"description": said, "serviceactive": True, "note": note, "alerts": []}]


def _dataset(one: Reported, platform: str, publisher_id: str, form: Form) -> dict[str, Any]:
    identifier = {"type": "doi", "value": one.doi} if one.doi else {"type": "proprietary", "value": one.pid}
    months = sorted({count.month for count in one.counts})
    spans = [(month, month) for month in months] if form.monthly else [(form.first, form.last)]
    return {
        "dataset-title": one.title,
        "dataset-id": [identifier],
        "dataset-contributors": [],
        "dataset-dates": [{"type": "pub-date", "value": one.published.isoformat()}] if form.dates else [],
        "dataset-attributes": [],
        "platform": platform,
        "publisher": platform,
        "publisher-id": [{"type": "urn", "value": publisher_id}],
        "data-type": "dataset",
        "yop": str(one.year),
        "performance": [
            {
                "period": _period(*span),
                "instance": list(_instances([c for c in one.counts if span[0] <= c.month <= span[1]], form)),
            }
            for span in spans
        ],
    }


def _instances(counts: Sequence[Count], form: Form) -> Iterator[dict[str, Any]]:
    for method in dict.fromkeys(count.method for count in counts):
        for metric in form.metrics:
            if value := sum(getattr(count, METRICS[metric]) for count in counts if count.method is method):
                yield {"access-method": method.value, "metric-type": metric, "count": value}


def _period(first: str, last: str) -> dict[str, str]:
    return {"begin-date": f"{first}-01", "end-date": _end(last)}


def _end(month: str) -> str:
    year, number = int(month[:4]), int(month[5:])
    return f"{month}-{calendar.monthrange(year, number)[1]:02d}"
