"""The API under schemathesis: no 5xx, and every answer has the form that the description says."""

from __future__ import annotations

import logging

import hypothesis
import pytest
import schemathesis
import structlog
from hypothesis import HealthCheck, Phase
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance, status_code_conformance

from tests.protocol.conftest import House

EXAMPLES = 12  # for each operation
CHECKS = [not_a_server_error, content_type_conformance, response_schema_conformance, status_code_conformance]


@pytest.mark.parametrize("login", [None, "admin"])
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_no_request_breaks_the_api_or_its_description(house: House, login: str | None) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    headers = house.bearer(login) if login else {}
    house.app.harvest_upkeep.renew()  # until the lists for harvesters are made, they answer 503
    document = house.client.get("/api/v1/openapi.json").json()
    schema = schemathesis.openapi.from_dict(document)
    tried = 0
    for found in schema.get_all_operations():
        operation = found.ok()
        if operation.path == "/ingest":
            continue  # waits two seconds for a worker; its bodies are tried in test_api.py

        @hypothesis.settings(
            max_examples=EXAMPLES, deadline=None, database=None, derandomize=True, phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @hypothesis.given(case=operation.as_strategy())
        def ask(case: schemathesis.Case) -> None:
            case.headers = {**(case.headers or {}), **headers}
            given = case.as_transport_kwargs(base_url="http://testserver/api/v1")
            wanted = ("params", "json", "data", "headers", "cookies")
            sent = {k: v for k, v in given.items() if k in wanted and v is not None}
            cookies = sent.pop("cookies", None)
            if isinstance(sent.get("data"), bytes):
                sent["content"] = sent.pop("data")
            assert not cookies
            answer = house.client.request(given["method"], given["url"], **sent)
            case.validate_response(answer, checks=CHECKS)

        ask()
        tried += 1
    assert tried > 20
