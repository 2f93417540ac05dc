"""One JSON line per event on standard error: what an operator asks at 3 a.m."""

from __future__ import annotations

import logging
import sys
from typing import Any

import orjson
import structlog


def configure() -> None:
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(message)s")
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(serializer=_json),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.BytesLoggerFactory(sys.stderr.buffer),
        cache_logger_on_first_use=True,
    )


def _json(event: Any, **_: Any) -> bytes:
    return orjson.dumps(event, default=repr)
