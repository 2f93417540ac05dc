"""The Python client before one run in each state of access: what it says to whom, and that it says no more than the API."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

import panmesh.client
from panmesh.access.viewer import Scope
from panmesh.app.asgi import build
from panmesh.client import Client, Embargoed, Forbidden, Invalid, NotFound, Unauthenticated
from panmesh.kernel.clock import DAY_US
from tests.e2e.serving import served
from tests.protocol.conftest import CONTENT, HIDDEN, PIDS, SECRET, House


@pytest.fixture
def url(house: House) -> Iterator[str]:
    with served(build(house.app, work=False)) as address:
        yield address


def _client(house: House, url: str, login: str | None = None, scopes: frozenset[Scope] | None = None) -> Client:
    if login is None:
        return panmesh.client.connect(url)
    bearer = house.bearer(login) if scopes is None else house.bearer(login, scopes)
    return panmesh.client.connect(url, bearer["Authorization"].removeprefix("Bearer "))


def test_a_stranger_sees_what_is_open_and_hears_when_the_rest_opens(house: House, url: str, tmp_path: Path) -> None:
    with _client(house, url) as stranger:
        assert {run.pid for run in stranger.datasets.search()} == {PIDS["open"], PIDS["embargoed"]}
        run = stranger.datasets[PIDS["embargoed"]]
        assert run.access.state == "embargoed"
        assert isinstance(run.access.opens, date)
        assert str(run.access.opens) in str(run)
        said = run.explain()
        assert not said.may_read_data
        assert said.opens == run.access.opens
        assert said.sentence
        for read in (
            lambda: run.files.download(tmp_path),
            lambda: run.open("x.nxs"),
            lambda: len(run.files),
            lambda: run["/entry"],
        ):
            with pytest.raises(Embargoed) as refused:
                read()
            assert refused.value.release_date == run.access.opens
            assert "Ask" in str(refused.value)
        assert list(tmp_path.glob("*.nxs")) == []
        everything = repr(stranger.datasets.search()) + stranger.datasets.search()._repr_html_() + run._repr_html_()
        assert SECRET not in everything


def test_hidden_and_absent_sound_alike(house: House, url: str) -> None:
    with _client(house, url, "outsider") as outsider:
        heard = set()
        for pid in [*(PIDS[name] for name in HIDDEN), "pm-9999999999999999"]:
            with pytest.raises(NotFound) as refused:
                outsider.datasets[pid]
            heard.add(str(refused.value))
        assert len(heard) == 1


def test_bytes_without_a_digest_are_never_called_compared(house: House, url: str, tmp_path: Path) -> None:
    with _client(house, url) as stranger:
        files = stranger.datasets[PIDS["open"]].files
        assert files[0].sha256 is None
        taken = files.download(tmp_path, progress=False)
        assert taken.files[0].read_bytes() == CONTENT
        assert (taken.compared, taken.pending, taken.fetched) == (0, (files[0].name,), 1)
        assert "only their size is known" in str(taken)
        again = files.download(tmp_path, progress=False)
        assert (again.compared, again.pending, again.fetched) == (0, (files[0].name,), 0), "known by size and time, and said so"
        taken.files[0].write_bytes(CONTENT[::-1])
        assert files.download(tmp_path, progress=False).fetched == 1
        assert taken.files[0].read_bytes() == CONTENT


def test_a_token_that_expired_is_said_to_have(house: House, url: str) -> None:
    with _client(house, url, "pi") as client:
        assert client.whoami().login == "pi"
        house.moment[0] += 400 * DAY_US
        with pytest.raises(Unauthenticated, match="token"):
            len(client.datasets.search())


def test_a_token_has_its_scopes(house: House, url: str, tmp_path: Path) -> None:
    with _client(house, url, "pi", frozenset({Scope.READ})) as reader:
        assert reader.whoami().scopes == {"read"}
        with pytest.raises(Forbidden, match="data"):
            reader.datasets[PIDS["open"]].files.download(tmp_path, progress=False)
        with pytest.raises(Forbidden):
            reader.ingest("runs:open/run.nxs")


def test_what_is_around_the_runs(house: House, url: str) -> None:
    with _client(house, url, "pi") as client, _client(house, url) as stranger:
        assert not stranger.whoami().signed_in
        instruments = {one.key: one for one in client.instruments}
        assert instruments["i1"].dataset_count > 0
        assert len(client.datasets.search(instrument=instruments["i1"])) == len(client.datasets.search(instrument="i1")) > 0
        assert len(client.datasets.search(instrument=["i1", "i2"])) == len(client.datasets.search(instrument="i1"))
        assert len(stranger.visits) < len(client.visits)
        visit = client.visits[0]
        assert client.visits[visit.pid] == visit
        assert visit in client.visits.search(visit.visit_id)
        assert len(client.visits.search(instrument=instruments["i1"], mine=True)) == len(client.visits)
        assert len(client.visits.search("nothing is called so")) == 0
        assert len(client.datasets.search(mine=True)) == len(client.datasets.search()) > 0
        assert [run.visit.pid for run in client.datasets.search(visit=visit) if run.visit] == [visit.pid]
        assert [(one.name, one.unit) for one in client.quantities()] == [("temperature", "K")]
        run = client.datasets.search(temperature=("-200 degC", "-190 degC"), state="open")[0]
        assert run.pid == PIDS["open"]
        assert len(client.datasets.search(sample=run.sample)) == 1
        for said, words in (
            ({"state": "opne"}, "'opne' is none of .*embargoed, open"),
            ({"kind": "rwa"}, "none of raw, processed"),
        ):
            with pytest.raises(Invalid, match=words):
                len(client.datasets.search(**said))
        with pytest.raises(TypeError, match="did you mean 'instrument'"):
            client.datasets.search(instrumnet="i1")
        assert [str(person) for person in run.people] == ["ceria person"]
        assert (run.version, run.versions, run.version_pid) == (1, 1, f"{run.pid}.v1")
        assert run.relations == ()
        assert "temperature" in repr(run.parameters)
        assert "77" in run.parameters._repr_html_()
        assert visit.pid in repr(client.visits)


def test_visits_are_found_by_who_awaits_as_by_who_waits(house: House, url: str) -> None:
    token = house.bearer("pi")["Authorization"].removeprefix("Bearer ")

    async def found() -> list[str]:
        async with panmesh.client.connect_async(url, token) as client:
            return [one.pid async for one in client.visits.search("open", instrument="i1", mine=True)]

    with _client(house, url, "pi") as client:
        waited = [one.pid for one in client.visits.search("open", instrument="i1", mine=True)]
    assert asyncio.run(found()) == waited == ["pm-visit1"]
