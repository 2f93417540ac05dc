"""The steward's desk and the audit log: what is on them, for whom; the chain of the log names what was changed or taken away."""

from __future__ import annotations

import csv
import hashlib
import json
import re
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import select, text, update

from panmesh.access.viewer import OPERATOR
from panmesh.adapters.sql import tables as t
from panmesh.adapters.sql.request_tables import audit_link
from panmesh.cli.main import cli
from panmesh.kernel.clock import DAY_US, facility_day
from tests.protocol.conftest import NOW, PIDS, SECRET, House
from tests.protocol.test_requests import ask

RUN, VISIT = PIDS["embargoed"], "pm-visit2"


def page(house: House, path: str, login: str = "steward") -> str:
    answer = house.client.get(path, headers=house.bearer(login))
    assert answer.status_code == 200, (path, answer.status_code)
    return answer.text


def test_the_desk_shows_what_a_steward_has_to_know(house: House) -> None:
    for path in ("/steward", "/audit", "/audit.jsonl", "/audit.csv"):
        assert house.client.get(path).status_code in (303, 403), path
        for login in ("outsider", "pi", "scientist"):
            assert house.client.get(path, headers=house.bearer(login)).status_code == 403, path
    empty = page(house, "/steward")
    for words in (
        "None. Whoever asks",
        "Nothing. Visits whose",
        "Nothing is held",
        "No embargo is extended",
        "No mail server is",
    ):
        assert words in empty
    with house.app.database.write() as c:
        c.execute(update(t.terms).where(t.terms.c.id == 2).values(opens_us=NOW + 40 * DAY_US))
        c.execute(update(t.terms).where(t.terms.c.id == 3).values(opens_us=NOW + 40 * DAY_US, ends_us=NOW - DAY_US))
    full = page(house, "/steward")
    assert "<b>1</b> visit opens in 90 days" in full
    assert "A run embargoed" in full
    assert "Visits that open: 1 in 13 weeks" in full
    assert SECRET not in full
    assert '<a href="/dois?state=failed"><b>0</b> DOIs failed' in full
    assert "the newest run of each of the 1 visits" in full
    ask(house, "outsider", "access", RUN)
    ask(house, "pi", "extension", to=facility_day(NOW + 400 * DAY_US, "UTC").isoformat())
    full = page(house, "/steward", "admin")
    assert "2</b> requests wait, 1 for you" in full
    assert "<b>1</b> extended" in full
    ask(house, "steward", "hold", hold="sensitive", reason="Personal data are in it.")
    full = page(house, "/steward")
    assert "<b>1</b> held" in full
    assert "Personal data are in it." in full


def test_the_audit_log_answers_who_looked_at_this(house: House) -> None:
    house.client.get(f"/datasets/{RUN}", headers=house.bearer("scientist"))
    house.client.get(f"/datasets/{PIDS['proprietary']}", headers=house.bearer("scientist"))
    ask(house, "outsider", "access", RUN)
    found = page(house, f"/audit?pid={RUN}")
    assert "scientist" in found
    assert "request asked" in found
    assert "request asked" not in page(house, f"/audit?pid={RUN}&what=read")
    assert ">request asked<" not in page(house, "/audit?who=scientist")
    day = facility_day(NOW, "UTC").isoformat()
    assert "scientist" in page(house, f"/audit?from={day}&to={day}&what=read")
    assert "Nothing fits" in page(house, "/audit?to=2001-01-01")
    assert house.client.get("/audit?from=monday", headers=house.bearer("steward")).status_code == 422
    assert "audit log read" in page(house, "/audit")
    with house.app.database.write() as c:  # a change of proprietary data, as its details would be kept
        row = {"at_us": NOW, "actor": "pi", "action": "metadata changed", "pid": PIDS["proprietary"]}
        c.execute(t.audit.insert(), row | {"detail_json": json.dumps({"title": SECRET})})
    assert "not for you" in page(house, f"/audit?pid={PIDS['proprietary']}")
    for path in ("/audit", "/audit.jsonl", "/audit.csv"):
        assert SECRET not in page(house, path)


def test_the_audit_log_names_people_and_leads_to_what_they_did(house: House) -> None:
    """To those who may read it; whose name was erased is named no more, and the entries stay as they were sealed."""
    app, number = house.app, house.app.accounts.viewer("member").user_id
    with app.database.write() as c:
        row = {"pid": "pm-visit2", "kind": "investigation", "concept": "pm-visit2", "version": None, "origin": "native"}
        c.execute(t.pid.insert(), row)
    house.client.get(f"/datasets/{RUN}", headers=house.bearer("scientist"))
    gone = house.client.delete(f"/api/v1/teams/pm-visit2/members/{number}", headers=house.bearer("pi"))
    assert gone.status_code == 204, gone.text
    found = page(house, "/audit")
    assert f"account {number}" not in found
    assert "account of" not in found
    assert re.search(r"team member removed</td>.*?of Member <span", found, re.DOTALL)
    assert 'Scientist <span class="none">(<a href="/audit?who=scientist">scientist</a>)' in found
    assert f'<a href="/datasets/{RUN}"><code>{RUN}</code></a>' in found
    assert '<a href="/investigations/pm-visit2"><code>pm-visit2</code></a>' in found
    for link in re.findall(r'<a href="(/(?:datasets|investigations|proposals)/[^"]+)"', found):
        assert house.client.get(link, headers=house.bearer("steward")).status_code == 200, link
    assert app.audit_chain.seal() > 0
    lines = page(house, "/audit.jsonl")
    app.personal.erase(OPERATOR, "member")
    erased = page(house, "/audit")
    assert "Member <span" not in erased
    assert f'of <span class="none">a name that was erased</span> (<a href="/audit?who=erased-{number}">' in erased
    assert page(house, "/audit.jsonl").startswith(lines.rpartition("\n{")[0]), "nothing that was sealed is written anew"
    assert not app.audit_chain.verify().breaks


def test_an_export_can_be_verified_by_anybody(house: House) -> None:
    """Written a second time, as the how-to tells it."""
    ask(house, "outsider", "access", RUN)
    assert house.app.audit_chain.seal() > 0
    lines = [json.loads(line) for line in page(house, "/audit.jsonl").splitlines()]
    before = bytes(32)
    for one in sorted((one for one in lines if one["position"]), key=lambda one: one["position"]):
        said = [one[name] for name in ("id", "at_us", "account", "actor", "action", "pid", "detail")]
        before = hashlib.sha256(before + json.dumps(said, separators=(",", ":")).encode()).digest()
        assert one["digest"] == before.hex()
    assert house.app.audit.chain().head == before.hex()
    rows = list(csv.DictReader(page(house, "/audit.csv").splitlines()))
    assert [row["digest"] for row in rows if row["position"]] == [one["digest"] for one in lines if one["position"]]


def _without_guards(house: House, statement: str) -> None:
    """As somebody who owns the database."""
    with house.app.database.write() as c:
        if house.app.database.sqlite:
            for name in c.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).scalars().all():
                c.execute(text(f"DROP TRIGGER {name}"))
        else:
            c.execute(text("SET LOCAL session_replication_role = replica"))
        c.execute(text(statement))


def test_what_was_changed_or_taken_away_is_named(house: House, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PANMESH_DATABASE__URL", house.app.settings.database_url)
    data = str(house.app.settings.data)
    for number in range(5):
        house.app.audit.record(house.app.accounts.viewer("scientist"), "read", RUN, number=number)
    house.app.audit_chain.seal()
    with house.app.database.read() as c:
        ids = c.execute(select(audit_link.c.audit_id).order_by(audit_link.c.position)).scalars().all()
        for table in ("audit", "audit_link"):
            with pytest.raises(Exception, match="only grow"), house.app.database.write() as other:
                other.execute(text(f"DELETE FROM {table}"))
    chain = house.app.audit_chain.verify()
    assert (chain.sealed, chain.waiting, chain.breaks) == (len(ids), 0, ())
    head = f"{chain.sealed}:{chain.head}"
    run = CliRunner()
    assert "Every seal holds" in run.invoke(cli, ["admin", "audit", "verify", "--data", data, "--head", head]).output
    out = tmp_path / "audit.jsonl"
    assert run.invoke(cli, ["admin", "audit", "export", str(out), "--data", data]).exit_code == 0
    assert len(out.read_bytes().splitlines()) == len(ids)
    _without_guards(house, f"UPDATE audit SET actor = 'somebody' WHERE id = {ids[-2]}")
    (one,) = house.app.audit_chain.verify().breaks
    assert (one.audit_id, one.what) == (ids[-2], "was changed: the entry is not the one that was linked here")
    number = house.app.accounts.viewer("scientist").user_id  # entries name accounts by their number
    _without_guards(house, f"UPDATE audit SET actor = 'account {number}' WHERE id = {ids[-2]}")
    assert not house.app.audit_chain.verify().breaks
    _without_guards(house, f"DELETE FROM audit WHERE id = {ids[-3]}")
    refused = run.invoke(cli, ["admin", "audit", "verify", "--data", data])
    assert f"entry {ids[-3]}: is missing" in refused.output
    assert refused.exit_code != 0
    _without_guards(house, f"DELETE FROM audit_link WHERE position >= {len(ids) - 2}")
    cut = house.app.audit_chain.verify((len(ids), chain.head))
    assert [one.what for one in cut.breaks] == ["is missing: the chain ends before it"]
