"""Rights on a real disk against those of the catalogue: exported, set by the system's own programs, compared, mended."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from panmesh.access.artefact import Artefact
from panmesh.access.disk_rights import posix
from panmesh.access.policy import may_read
from panmesh.access.viewer import Viewer
from panmesh.adapters.sql import tables as t
from panmesh.adapters.sql.disk_rights import SqlDiskRights, _owned
from panmesh.adapters.sql.permission import terms_of
from panmesh.app.disk_rights import check, export, rights
from panmesh.cli.main import main
from tests.conftest import MakeFacility
from tests.protocol.conftest import NOW, STATES, furnish

MAP = "pi daemon\nmember nobody # a comment\noutsider www-data\n"


def _names(path: Path) -> set[str]:
    shown = subprocess.run(["getfacl", "-p", str(path)], capture_output=True, text=True, check=True).stdout
    return set(shown.split())


def test_the_disk_says_what_the_catalogue_says(
    make_facility: MakeFacility, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mapped = tmp_path / "names"
    mapped.write_text(MAP, "utf-8")
    given = {"PANMESH_ACL__USER": "map", "PANMESH_ACL__MAP_FILE": str(mapped), "PANMESH_ACL__STAFF_GROUP": "daemon"}
    app = make_facility(**given)
    house = furnish(app)
    runs = tmp_path / "runs"
    found, mixed = rights(app)
    assert mixed == []
    by_name = {Path(one.path).name: one for one in found}
    assert set(by_name) == set(STATES) - {"internal"} | {"internal"}
    assert by_name["open"].everybody
    assert by_name["embargoed"].users == ("daemon", "nobody")
    assert not by_name["embargoed"].everybody
    report = check(app)
    assert report.folders == len(found)
    assert "user:daemon:r-x" in next(d for d in report.drifts if d.path.endswith("/embargoed")).missing
    (tmp_path / "acls").write_text(export(app, "posix"), "utf-8")
    subprocess.run(["setfacl", f"--restore={tmp_path / 'acls'}"], check=True)
    assert check(app).drifts == ()
    assert {"user:daemon:r-x", "other::---", "default:user:nobody:r-x"} <= _names(runs / "embargoed")
    subprocess.run(["setfacl", "-m", "u:www-data:rwx", str(runs / "embargoed")], check=True)
    house.app.accounts.set_member("team", "member", None)
    (drift,) = [d for d in check(app).drifts if d.path.endswith("/embargoed")]
    assert {"user:www-data:rwx", "user:nobody:r-x"} <= set(drift.extra)
    assert "www-data:rwx" in str(_names(runs / "embargoed")), "looking changes nothing"
    subprocess.run(drift.command, shell=True, check=True)
    assert not [d for d in check(app).drifts if d.path == drift.path]
    (runs / "open").chmod(0o700)
    monkeypatch.setenv("PANMESH_DATABASE__URL", app.settings.database_url)
    assert main_code(app.settings.data, "check") == 5
    assert check(app, apply=True).drifts
    assert check(app).drifts == ()
    page = house.client.get("/disk-rights", headers=house.bearer("admin"))
    assert "All say the same as the catalogue" in page.text
    assert house.client.get("/disk-rights", headers=house.bearer("member")).status_code == 404
    assert "nfs4_setfacl -s A:fd:OWNER@" in export(app, "nfs4")
    assert SqlDiskRights(app.database).last() is not None


def main_code(data: Path, verb: str) -> int:
    """The exit code of the command; its own configuration knows no names, so everything differs."""
    try:
        main(["acl", verb, "--data", str(data)])
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def test_a_folder_gives_nobody_what_the_catalogue_denies(make_facility: MakeFacility) -> None:
    """Also where runs under several terms lie in one folder."""
    app = make_facility()
    furnish(app)
    with app.database.write() as c:
        c.execute(update(t.dataset).where(t.dataset.c.id == 2).values(path="open/second.nxs"))
        c.execute(update(t.dataset).where(t.dataset.c.id == 2).values(investigation_id=1))
    found = {Path(one.path).name: one for one in rights(app)[0]}["open"]
    assert not found.everybody
    assert found.note is not None
    with app.database.read() as c:
        held = [terms_of(row) for row in c.execute(select(t.terms).where(t.terms.c.id.in_([1, 2]))).mappings()]
    assert not all(may_read(Viewer(), one, Artefact.RAW, NOW) for one in held)
    for login in found.users:
        viewer = app.accounts.viewer(login)
        assert all(may_read(viewer, one, Artefact.RAW, NOW) for one in held), login
    assert "other::---" in posix(found, "---")


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.sampled_from(["", "a", "a/b", "a/b/c", "a/d", "e", "ab"]), st.sets(st.integers(1, 3), min_size=1)))
def test_a_folder_belongs_to_one_visit_alone(folders: dict[str, set[int]]) -> None:
    owned, shared = _owned({name: {(visit, visit) for visit in visits} for name, visits in folders.items()})
    for folder, visit in owned.items():
        within = [v for name, v in folders.items() if name == folder or name.startswith(folder + "/")]
        assert set().union(*within) == {visit}
        assert folder
    for folder, visits in folders.items():
        for visit in visits:
            mine = [f for f, v in owned.items() if v == visit and (folder == f or folder.startswith(f + "/"))]
            assert mine or folder in shared
