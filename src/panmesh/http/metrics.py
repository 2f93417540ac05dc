"""Figures for Prometheus."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

REGISTRY = CollectorRegistry()
_BUCKETS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
REQUESTS = Counter("panmesh_requests", "Requests answered", ("method", "route", "status"), registry=REGISTRY)
SECONDS = Histogram("panmesh_request_seconds", "Time to the whole answer", ("route",), registry=REGISTRY, buckets=_BUCKETS)
# Of the report of health: name in it, name here, what it is.
_REPORTED = (
    ("units_waiting", "panmesh_ingest_units_waiting", "Files seen and not yet read"),
    ("oldest_waiting_seconds", "panmesh_ingest_oldest_waiting_seconds", "Since the file that waits longest was seen"),
    ("units_failed", "panmesh_ingest_units_failed", "Files that could not be read"),
    ("datasets", "panmesh_datasets", "Datasets in the catalogue"),
    ("files_missing_or_changed", "panmesh_files_missing_or_changed", "Files whose bytes are not what the catalogue says"),
    ("alerts_waiting", "panmesh_alert_mails_waiting", "Mails of saved searches that are due and not sent"),
    ("alerts_failed", "panmesh_alert_mails_failed", "Mails of saved searches that were given up"),
    ("notices_waiting", "panmesh_notices_waiting", "Notices that are due and not sent"),
    ("notices_failed", "panmesh_notices_failed", "Notices that failed or came back"),
    ("webhooks_failing", "panmesh_webhooks_failing", "Webhooks whose receivers do not answer"),
    ("deliveries_waiting", "panmesh_webhook_deliveries_waiting", "Messages to webhooks that are due and not sent"),
    ("dois_waiting", "panmesh_dois_waiting", "DOIs that are due to be sent to DataCite"),
    ("dois_failed", "panmesh_dois_failed", "DOIs whose last request failed or was refused"),
    ("index_behind", "panmesh_search_index_behind", "Datasets that SQL is asked about beside the search index"),
    ("disk_free_bytes", "panmesh_disk_free_bytes", "Left on the disk of the data directory"),
)
_GAUGES = {reported: Gauge(name, what, registry=REGISTRY) for reported, name, what in _REPORTED}
WORKER = Gauge("panmesh_worker_seen_seconds_ago", "Since a worker last said that it lives; -1: never", registry=REGISTRY)
HEALTHY = Gauge("panmesh_healthy", "1: /health says ok", registry=REGISTRY)


def observe(method: str, route: str, status: int, seconds: float) -> None:
    REQUESTS.labels(
        method if method in ("GET", "HEAD", "POST", "PATCH", "DELETE", "OPTIONS") else "other", route, str(status)
    ).inc()
    SECONDS.labels(route).observe(seconds)


def exposition(report: Mapping[str, object]) -> bytes:
    """`report`: of health, with the figures. What it does not know is no number: an alert must not take it for nothing."""
    for reported, gauge in _GAUGES.items():
        gauge.set(_number(report.get(reported), float("nan")))
    WORKER.set(_number(report.get("worker_seen_seconds_ago"), -1))
    HEALTHY.set(report.get("status") == "ok")
    return generate_latest(REGISTRY)


def _number(value: object, otherwise: float) -> float:
    return float(value) if isinstance(value, int | float) else otherwise
