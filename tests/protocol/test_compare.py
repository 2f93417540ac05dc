"""Runs side by side: nothing of a run that the reader may not read, in any form."""

from __future__ import annotations

import csv
import io
import re

import pytest

from panmesh.adapters.sql import tables as t
from panmesh.catalogue.comparing import MOST
from tests.protocol.conftest import HIDDEN, PIDS, SECRET, House

FORMS = ("/compare", "/compare.csv", "/compare/overlay.svg", "/compare/overlay.svg?log=1&normal=1&apart=1&size=narrow")


def _ask(house: House, form: str, pids: list[str], who: dict[str, str]) -> str:
    path, _, more = form.partition("?")
    query = "&".join([*(f"run={pid}" for pid in pids), *([more] if more else [])])
    answer = house.client.get(f"{path}?{query}", headers=who)
    assert answer.status_code == 200, (form, answer.text)
    return re.sub(r'href="/sign-in\?next=[^"]*"', "", answer.text)  # leads back to what they asked, in their own words


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("login", [None, "outsider"])
def test_a_hidden_run_is_as_an_absent_one(house: House, form: str, login: str | None) -> None:
    who = house.bearer(login) if login else {}
    hidden = [PIDS[name] for name in HIDDEN]
    with_hidden = _ask(house, form, [*hidden, PIDS["open"], PIDS["embargoed"]], who)
    with_absent = _ask(house, form, [*(f"pm-absent{i}" for i in range(len(hidden))), PIDS["open"], PIDS["embargoed"]], who)
    assert with_hidden == with_absent
    assert SECRET not in with_hidden


def test_an_embargoed_run_says_its_core_and_nothing_more(house: House) -> None:
    rows = {}
    for login in ("outsider", "pi"):
        text = _ask(house, "/compare.csv", [PIDS["open"], PIDS["embargoed"]], house.bearer(login))
        rows[login] = {row["pid"]: row for row in csv.DictReader(io.StringIO(text))}
    assert rows["outsider"][PIDS["embargoed"]]["temperature [K]"] == ""
    assert rows["pi"][PIDS["embargoed"]]["temperature [K]"] == "77.0"
    assert rows["outsider"][PIDS["open"]]["temperature [K]"] == "77.0"
    assert rows["outsider"][PIDS["embargoed"]]["title"] == "A run embargoed"


def test_what_differs_is_shown_and_what_is_common_is_folded_away(house: House) -> None:
    with house.app.database.write() as c:
        c.execute(t.parameter.update().where(t.parameter.c.dataset_id == 2).values(value=0.08, unit="kK"))
    shown = _ask(house, "/compare", [PIDS["open"], PIDS["embargoed"]], house.bearer("pi"))
    differing, _, common = shown.partition("that all have alike")
    assert "temperature" in differing
    assert ">80<" in differing
    assert "temperature" not in common


def test_at_most_twenty_and_in_the_order_asked_for(house: House) -> None:
    who = house.bearer("scientist")
    order = [PIDS["embargoed"], PIDS["open"], PIDS["collecting"]]
    rows = csv.DictReader(io.StringIO(_ask(house, "/compare.csv", order, who)))
    assert [row["pid"] for row in rows] == order
    many = _ask(house, "/compare", [f"pm-{n}" for n in range(MOST)] + [PIDS["open"]], who)
    assert f"At most {MOST} runs are compared at once" in many
    assert "0 runs compared" in many


def test_a_basket_is_compared_for_whoever_may_see_it(house: House) -> None:
    body = {"name": "x", "pids": [PIDS["open"], PIDS["collecting"]]}
    made = house.client.post("/api/v1/baskets", json=body, headers=house.bearer("pi")).json()
    assert "2 runs compared" in house.client.get(f"/compare?basket={made['key']}", headers=house.bearer("pi")).text
    assert house.client.get(f"/compare?basket={made['key']}").status_code == 404
    match = house.bearer("pi") | {"If-Match": f'"basket-{made["revision"]}"'}
    shared = house.client.patch(f"/api/v1/baskets/{made['key']}", json={"shared": True}, headers=match).json()["share_key"]
    assert "1 run compared" in house.client.get(f"/compare?basket={shared}").text


def test_nothing_chosen_says_what_to_do(house: House) -> None:
    assert "Choose runs to compare" in house.client.get("/compare").text
    assert house.client.get("/compare/overlay.svg").headers["content-type"] == "image/svg+xml"
