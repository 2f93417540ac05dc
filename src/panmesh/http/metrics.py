"""Figures for Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

REGISTRY = CollectorRegistry()
_BUCKETS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
REQUESTS = Counter("panmesh_requests", "Requests answered", ("method", "route", "status"), registry=REGISTRY)
SECONDS = Histogram("panmesh_request_seconds", "Time to the whole answer", ("route",), registry=REGISTRY, buckets=_BUCKETS)
WAITING = Gauge("panmesh_ingest_units_waiting", "Files seen and not yet read", registry=REGISTRY)
DATASETS = Gauge("panmesh_datasets", "Datasets in the catalogue", registry=REGISTRY)
FINDINGS = Gauge("panmesh_files_missing_or_changed", "Files whose bytes are not what the catalogue says", registry=REGISTRY)
WORKER = Gauge("panmesh_worker_seen_seconds_ago", "Since a worker last said that it lives; -1: never", registry=REGISTRY)


def observe(method: str, route: str, status: int, seconds: float) -> None:
    REQUESTS.labels(
        method if method in ("GET", "HEAD", "POST", "PATCH", "DELETE", "OPTIONS") else "other", route, str(status)
    ).inc()
    SECONDS.labels(route).observe(seconds)


def exposition(report: dict[str, object]) -> bytes:
    WAITING.set(_number(report.get("units_waiting")))
    DATASETS.set(_number(report.get("datasets")))
    FINDINGS.set(_number(report.get("files_missing_or_changed")))
    WORKER.set(_number(report.get("worker_seen_seconds_ago"), -1))
    return generate_latest(REGISTRY)


def _number(value: object, otherwise: float = 0) -> float:
    return float(value) if isinstance(value, int | float) else otherwise
