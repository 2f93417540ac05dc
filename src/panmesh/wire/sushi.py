"""Counted use as a COUNTER dataset report for SUSHI (schema of DataCite's usage reports)."""

from __future__ import annotations

import calendar
from collections.abc import Sequence
from typing import Any

from panmesh.publication.usage import Count, Reported

_METRICS = {
    "total-dataset-investigations": "investigations",
    "unique-dataset-investigations": "unique_investigations",
    "total-dataset-requests": "requests",
    "unique-dataset-requests": "unique_requests",
}


def report(
    *, platform: str, publisher_id: str, first: str, last: str, created: str, datasets: Sequence[Reported]
) -> dict[str, Any]:
    """`publisher_id`: ROR of the facility, or its key; `first`, `last`: months, YYYY-MM, both included; `created`: the day."""
    return {
        "report-name": "dataset report",
        "report-id": "DSR",
        "release": "rd1",
        "created": created,
        "created-by": platform,
        "reporting-period": {"begin-date": f"{first}-01", "end-date": _end(last)},
        "report-filters": [],
        "report-attributes": [],
        "exceptions": [],
        "report-datasets": [_dataset(one, platform, publisher_id) for one in datasets],
    }


def _dataset(one: Reported, platform: str, publisher_id: str) -> dict[str, Any]:
    identifier = {"type": "doi", "value": one.doi} if one.doi else {"type": "proprietary", "value": one.pid}
    months = sorted({count.month for count in one.counts})
    return {
        "dataset-title": one.title,
        "dataset-id": [identifier],
        "dataset-contributors": [],
        "dataset-dates": [],
        "dataset-attributes": [],
        "platform": platform,
        "publisher": platform,
        "publisher-id": [{"type": "urn", "value": publisher_id}],
        "data-type": "dataset",
        "yop": str(one.year),
        "performance": [
            {
                "period": {"begin-date": f"{month}-01", "end-date": _end(month)},
                "instance": [entry for count in one.counts if count.month == month for entry in _instances(count)],
            }
            for month in months
        ],
    }


def _instances(count: Count) -> list[dict[str, Any]]:
    return [
        {"access-method": count.method.value, "metric-type": metric, "count": value}
        for metric, name in _METRICS.items()
        if (value := getattr(count, name))
    ]


def _end(month: str) -> str:
    year, number = int(month[:4]), int(month[5:])
    return f"{month}-{calendar.monthrange(year, number)[1]:02d}"
