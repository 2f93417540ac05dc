"""Files taken one after another by the same reader: the same answers as ever, and every change of rights counts at once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import pytest
from sqlalchemy import select, update

from panmesh.access.viewer import Scope, TeamRole
from panmesh.adapters.sql import tables as t
from panmesh.catalogue.manifest import FileRow
from panmesh.http.files_at_hand import ManyFiles
from tests.protocol.conftest import CONTENT, PIDS, SECRET, House

OPEN = f"/api/v1/datasets/{PIDS['open']}/files/ceria.nxs"
EMBARGOED = f"/api/v1/datasets/{PIDS['embargoed']}/files/{SECRET}.nxs"


@pytest.fixture
def short_ways(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Paths that were answered the short way."""
    taken: list[str] = []
    early = ManyFiles.early

    async def watched(self: ManyFiles, scope: Any, headers: Any) -> Any:
        answer = await early(self, scope, headers)
        if answer is not None:
            taken.append(scope["path"])
        return answer

    monkeypatch.setattr(ManyFiles, "early", watched)
    return taken


def _take(house: House, url: str, headers: Mapping[str, str], times: int = 4) -> list[int]:
    return [house.client.get(url, headers=headers).status_code for _ in range(times)]


@pytest.mark.parametrize("login", [None, "member"])
def test_the_short_way_answers_as_the_long_way(house: House, short_ways: list[str], login: str | None) -> None:
    headers = house.bearer(login) if login else {}
    asked = ({}, {"Range": "bytes=10-19"}, {"Range": "bytes=0-1,5-6"}, {"If-None-Match": "*"}, {"Range": "bytes=9999-"})
    long = [house.client.get(OPEN, headers=house.bearer("steward") | more) for more in asked]
    assert not short_ways
    _take(house, OPEN, headers)
    before = len(short_ways)
    short = [house.client.get(OPEN, headers=headers | more) for more in asked]
    assert len(short_ways) - before == len(asked)
    for one, other in zip(long, short, strict=True):
        if "boundary" not in one.headers.get("content-type", ""):
            assert one.content == other.content
        same = ("etag", "content-length", "content-range", "content-disposition", "content-security-policy", "last-modified")
        assert (one.status_code, *(one.headers.get(name) for name in same)) == (
            other.status_code,
            *(other.headers.get(name) for name in same),
        )
    assert short[0].content == CONTENT
    assert short[0].headers.get("cache-control") == (None if login is None else "private, no-cache")


def test_whom_it_is_closed_to_it_stays_closed_however_often_they_ask(house: House, short_ways: list[str]) -> None:
    everybody: tuple[dict[str, str], ...] = (
        {},
        house.bearer("outsider"),
        {"Authorization": "Bearer pmt_wrong"},
        {"Cookie": "a=b"},
    )
    for headers in everybody:
        statuses = set(_take(house, EMBARGOED, headers, 6))
        assert len(statuses) == 1
        assert statuses < {401, 403}
    no_data = house.bearer("member", frozenset({Scope.READ}))
    assert set(_take(house, EMBARGOED, no_data, 6)) == {403}
    assert not short_ways


def test_who_leaves_the_team_reads_no_further_file(house: House, short_ways: list[str]) -> None:
    member = house.bearer("member")
    assert _take(house, EMBARGOED, member) == [200] * 4
    assert short_ways
    house.app.accounts.set_member("team", "member", None)
    assert _take(house, EMBARGOED, member) == [403] * 4


def test_a_revoked_token_reads_no_further_file(house: House, short_ways: list[str]) -> None:
    member = house.bearer("member")
    assert _take(house, EMBARGOED, member) == [200] * 4
    assert short_ways
    viewer = house.app.accounts.viewer("member")
    for token in house.app.accounts.tokens(viewer):
        house.app.accounts.revoke(viewer, token.id)
    assert _take(house, EMBARGOED, member) == [401] * 4


def test_a_hold_closes_at_once_and_a_membership_that_ends_by_the_clock_within_a_second(
    house: House, short_ways: list[str]
) -> None:
    house.app.accounts.set_member("team", "outsider", TeamRole.GRANTEE, expires_us=house.moment[0] + 500_000)
    grantee = house.bearer("outsider")
    assert _take(house, EMBARGOED, grantee) == [200] * 4
    assert short_ways
    house.moment[0] += 1_000_000
    assert _take(house, EMBARGOED, grantee) == [403] * 4
    assert _take(house, OPEN, {}) == [200] * 4
    with house.app.database.write() as c:
        c.execute(update(t.terms).where(t.terms.c.id == 1).values(held_us=house.moment[0] - 1))
    assert set(_take(house, OPEN, {})) <= {401, 403}


def test_each_file_that_staff_take_under_embargo_is_written_down(house: House, short_ways: list[str]) -> None:
    _take(house, EMBARGOED, house.bearer("scientist"), 5)
    assert not short_ways
    with house.app.database.read() as c:
        assert len(c.execute(select(t.audit.c.id).where(t.audit.c.action == "download")).all()) == 5


def test_a_link_out_of_the_storage_and_a_file_that_went_are_dealt_with_the_long_way(house: House, short_ways: list[str]) -> None:
    assert _take(house, OPEN, {}) == [200] * 4
    file = house.app.storages.root("runs").path / "open/run.nxs"
    file.unlink()
    assert _take(house, OPEN, {}) == [503] * 4
    os.symlink("/etc/hostname", file)
    assert _take(house, OPEN, {}) == [404] * 4
    folder = file.parent.parent / "elsewhere"
    folder.mkdir()
    (folder / "run.nxs").write_bytes(CONTENT)
    file.unlink()
    os.symlink("../elsewhere/run.nxs", file)
    before = len(short_ways)
    assert _take(house, OPEN, {}) == [200] * 4
    assert len(short_ways) == before


def test_of_a_large_dataset_files_are_found_by_name_without_asking_the_disk(house: House, short_ways: list[str]) -> None:
    folder = house.app.storages.root("runs").path / "open"
    names = [f"frame {i:03d}/a.cbf" for i in range(100)]
    rows = []
    for name in names:
        (folder / name).parent.mkdir()
        (folder / name).write_bytes(name.encode())
        stat = (folder / name).stat()
        rows.append(
            FileRow(name=name, size=stat.st_size, modified_us=stat.st_mtime_ns // 1000, storage="runs", path=f"open/{name}")
        )
    manifest = house.app.manifests.write(rows).to_bytes()
    with house.app.database.write() as c:
        c.execute(update(t.dataset_version).where(t.dataset_version.c.dataset_id == 1).values(manifest=manifest))
    base = OPEN.rpartition("/")[0]
    got = [house.client.get(f"{base}/{name.replace(' ', '%20')}").content.decode() for name in names]
    assert got == names
    assert len(short_ways) > 80
    assert house.client.get(f"{base}/frame%20001%2Fa.cbf").content == b"frame 001/a.cbf"
    assert house.client.get(f"{base}/frame%20200/a.cbf").status_code == 404
