"""Nobody gets one byte of a file that they may not read, whatever links it has, and learns nothing from being refused."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import h5py
import numpy as np
import pytest

from panmesh.access.viewer import Scope
from tests.protocol.conftest import HIDDEN, SECRET, STATES
from tests.protocol.h5.conftest import Runs

ROUTES = ("", "meta", "attr", "data", "stats", "paths", "export", "plot.png")
ELSEWHERE = "pm-9999999999999999"


@pytest.fixture
def filled(runs: Runs) -> Runs:
    for state in STATES:
        with h5py.File(runs.folder(state) / "run.h5", "w") as file:
            file["entry/data"] = np.arange(12.0).reshape(3, 4)
            file["entry/title"] = SECRET if state != "open" else "ceria"
        runs.put(state, "run.h5")
    return runs


def test_open_data_are_for_everybody(filled: Runs) -> None:
    answer = filled.get("open", "data", path="/entry/data", selection="1")
    assert (answer.status_code, answer.json()) == (200, [4.0, 5.0, 6.0, 7.0])
    assert filled.get("open", "").text == "ok"


def test_hidden_and_absent_answer_byte_for_byte_the_same(filled: Runs) -> None:
    for what, login, file in product(ROUTES, (None, "outsider"), ({}, {"file": "run.h5"}, {"file": "other.h5"})):
        headers = filled.house.bearer(login) if login else {}
        given = {"path": "/entry/data", **file}
        absent = filled.house.client.get(f"/api/h5/{ELSEWHERE}/{what}", params=given, headers=headers)
        assert absent.status_code == 404
        for state in HIDDEN:
            hidden = filled.get(state, what, login, **given)
            assert (hidden.status_code, hidden.content) == (404, absent.content)
            assert dict(hidden.headers) == dict(absent.headers)


def test_embargoed_data_are_refused_with_their_day_to_all_but_the_team_and_the_staff(filled: Runs) -> None:
    for what in ROUTES:
        for login in (None, "outsider"):
            answer = filled.get("embargoed", what, login, path="/entry/data")
            assert (answer.status_code, answer.json()["title"]) == (403, "Under embargo")
            assert answer.json()["message"] == answer.json()["detail"]
            assert SECRET not in answer.text
        for login in ("pi", "member", "scientist", "steward"):
            path = "/entry" if what in ("meta", "attr", "paths") else "/entry/data"
            assert filled.get("embargoed", what, login, path=path).status_code == 200


def test_tokens_that_are_void_or_made_for_something_else_are_refused(filled: Runs) -> None:
    for scopes in ({Scope.READ}, {Scope.DATA}, {Scope.INGEST}):
        headers = filled.house.bearer("pi", frozenset(scopes))
        assert filled.get("embargoed", "data", path="/entry/data", headers=headers).status_code == 403
    assert filled.get("open", "data", path="/entry/data", headers={"Authorization": "Bearer pm_void"}).status_code == 401


def _elsewhere(folder: Path, outside: Path) -> list[str]:
    """A file whose numbers lie in another one, by every way that the format has; the paths of those numbers."""
    with h5py.File(folder / "run.h5", "w") as file:
        file["link"] = h5py.ExternalLink(str(outside / "run.h5"), "/entry/data")
        file["relative"] = h5py.ExternalLink("../embargoed/run.h5", "/entry/data")
        file["group"] = h5py.ExternalLink(str(outside / "run.h5"), "/entry")
        file["soft"] = h5py.SoftLink("/group/data")
        for name, written in (("raw", str(outside / "run.h5")), ("rawest", "../embargoed/run.h5")):
            file.create_dataset(name, shape=(96,), dtype="u1", external=[(written, 0, 96)])
        for name, written in (("virtual", str(outside / "run.h5")), ("relation", "../embargoed/run.h5")):
            layout = h5py.VirtualLayout(shape=(3, 4), dtype="f8")
            layout[:] = h5py.VirtualSource(written, "/entry/data", shape=(3, 4))
            file.create_virtual_dataset(name, layout)
    return ["/link", "/relative", "/group/data", "/soft", "/raw", "/rawest", "/virtual", "/relation"]


def test_no_link_crosses_an_embargo(filled: Runs) -> None:
    """Not even for those who could read the other dataset by its own pid: a link is no way from one dataset to another."""
    paths = _elsewhere(filled.folder("open"), filled.folder("embargoed"))
    filled.put("open", "run.h5")
    for login in (None, "outsider", "pi", "steward"):
        for path in paths:
            for what in ("data", "stats", "plot.png", "export"):
                answer = filled.get("open", what, login, path=path)
                assert answer.status_code == 403, (path, what, answer.text)
                assert "not part of this dataset" in answer.json()["message"]
                assert SECRET not in answer.text
            assert filled.get("open", "meta", login, path=path, resolve_links="all").status_code in (200, 403)
            assert "4.0" not in filled.get("open", "attr", login, path=path).text
    whole = filled.get("open", "meta", path="/").json()
    said = {child["name"]: child for child in whole["children"]}
    assert {name for name, child in said.items() if child.get("outside")} == {"link", "relative", "group"}
    assert said["link"]["kind"] == "external_link"
    assert filled.get("open", "meta", path="/raw").json()["outside"] == [str(filled.folder("embargoed") / "run.h5")]
    assert filled.get("open", "meta", path="/relation").json()["outside"] == ["../embargoed/run.h5"]


def test_links_into_files_of_the_same_dataset_are_followed(filled: Runs) -> None:
    folder = filled.folder("open")
    with h5py.File(folder / "part.h5", "w") as file:
        file["entry/data"] = np.arange(12.0).reshape(3, 4)
        file["raw"] = np.arange(96, dtype="u1")
    paths = [path for path in _elsewhere(folder, folder) if "rela" not in path and "rawest" not in path]
    with h5py.File(folder / "run.h5", "r+") as file:
        for name in ("link", "group", "virtual"):
            del file[name]
        file["link"] = h5py.ExternalLink("part.h5", "/entry/data")
        file["group"] = h5py.ExternalLink("/a/beamline/of/old/part.h5", "/entry")
        layout = h5py.VirtualLayout(shape=(3, 4), dtype="f8")
        layout[:] = h5py.VirtualSource("/a/beamline/of/old/part.h5", "/entry/data", shape=(3, 4))
        file.create_virtual_dataset("virtual", layout)
    filled.put("open", "run.h5", "part.h5")
    for path in paths:
        answer = filled.get("open", "data", path=path)
        assert answer.status_code == 200, (path, answer.text)
        if path != "/raw":
            assert answer.json()[1] == [4.0, 5.0, 6.0, 7.0]
    said = {child["name"]: child["kind"] for child in filled.get("open", "meta", path="/").json()["children"]}
    assert (said["link"], said["group"]) == ("dataset", "group")
    unresolved = filled.get("open", "meta", path="/", resolve_links="none").json()["children"]
    assert {child["kind"] for child in unresolved if child["name"] in ("link", "group")} == {"external_link"}


def test_a_file_that_left_the_dataset_is_no_longer_led_to(filled: Runs) -> None:
    folder = filled.folder("open")
    for name in ("part.h5", "run.h5"):
        with h5py.File(folder / name, "w") as file:
            file["data"] = np.arange(4.0)
            file["link"] = h5py.ExternalLink("part.h5", "/data")
    filled.put("open", "run.h5", "part.h5")
    assert filled.get("open", "data", path="/link").json() == [0, 1, 2, 3]
    with h5py.File(folder / "part.h5", "r+") as file:
        file["data"][...] = 7
    assert filled.get("open", "data", path="/link").json() == [7, 7, 7, 7]


def test_a_master_of_hundreds_of_files_is_opened_in_a_moment(filled: Runs) -> None:
    folder, names = filled.folder("open"), [f"part_{i:06}.h5" for i in range(300)]
    layout = h5py.VirtualLayout(shape=(len(names), 4), dtype="i4")
    for i, name in enumerate(names):
        with h5py.File(folder / name, "w") as file:
            file["data"] = np.full((1, 4), i, dtype="i4")
        layout[i : i + 1] = h5py.VirtualSource(name, "/data", shape=(1, 4))
    with h5py.File(folder / "master.h5", "w") as file:
        file.create_virtual_dataset("data", layout)
        for name in names:
            file[f"links/{name}"] = h5py.ExternalLink(name, "/data")
    filled.put("open", "master.h5", *names)
    assert filled.get("open", "data", path="/data", selection=":,0").json() == list(range(300))
    assert {child["kind"] for child in filled.get("open", "meta", path="/links").json()["children"]} == {"dataset"}
    assert filled.house.app.arrays.made <= 3
