"""One visit moved through the states: every kind of route answers each viewer as the matrix of the policy says, and none otherwise."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import h5py
import pytest
from sqlalchemy import update

from panmesh.access.artefact import Artefact
from panmesh.access.policy import may_read
from panmesh.access.terms import AccessClass, State, Terms, state
from panmesh.access.viewer import ANONYMOUS
from panmesh.adapters.sql import tables as t
from panmesh.adapters.sql.documents import keep_document
from panmesh.adapters.sql.materialise import materialise
from panmesh.catalogue.manifest import FileRow, ManifestRef, pack
from panmesh.kernel.clock import DAY_US
from tests.protocol.conftest import NOW, PIDS, SECRET, House

RUN, VISIT, NUMBER = PIDS["embargoed"], "pm-visit2", 2
CORE, FULL, NOTED = "numbat", "quokka", "bandicoot"  # in its title; in its sample; in its logbook
NAME = f"{SECRET}.nxs"
PAST, FUTURE = NOW - 5 * DAY_US, NOW + 900 * DAY_US
WHO = (None, "member", "steward")

STATES: Mapping[State, dict[str, Any]] = {
    State.PLANNED: {"starts_us": FUTURE, "ends_us": FUTURE + DAY_US},
    State.COLLECTING: {"ends_us": FUTURE},
    State.EMBARGOED: {},
    State.HELD: {"held_us": PAST, "hold": "legal"},
    State.OPEN: {"opens_us": PAST},
    State.PROPRIETARY: {"access": "proprietary"},
    State.WITHDRAWN: {"withdrawn_us": PAST},
}
PLAIN: dict[str, Any] = {"access": "public", "starts_us": PAST - 3 * DAY_US, "ends_us": PAST, "opens_us": FUTURE, "hold": None}
PLAIN |= {"held_us": None, "withdrawn_us": None, "deleted_us": None}

# address: what of it is shown by which artefact; None: that there is an answer at all
_ALL = ((Artefact.CORE_METADATA, CORE), (Artefact.FULL_METADATA, FULL))
_SEARCHED = ((Artefact.CORE_METADATA, RUN),)
FOR_ALL: Mapping[str, tuple[tuple[Artefact, str | None], ...]] = {
    f"/why/{RUN}": ((Artefact.PID_RECORD, None),),
    f"/api/v1/why/{VISIT}": ((Artefact.PID_RECORD, None),),
    f"/datasets/{RUN}": (*_ALL, (Artefact.LOGBOOK, NOTED), (Artefact.RAW, NAME)),
    f"/investigations/{VISIT}": ((Artefact.CORE_METADATA, CORE),),
    f"/api/v1/datasets/{RUN}": _ALL,
    f"/api/v1/investigations/{VISIT}": ((Artefact.CORE_METADATA, CORE),),
    f"/?q={CORE}": _SEARCHED,  # with its counts and facets
    f"/api/v1/datasets?text={CORE}": _SEARCHED,
    f"/feed?q={CORE}": _SEARCHED,
    f"/export.csv?q={CORE}": _SEARCHED,
    f"/export.json?q={CORE}": _ALL,
    f"/api/Datasets/{RUN}": ((Artefact.CORE_METADATA, CORE),),
    f"/api/Documents/{VISIT}": ((Artefact.CORE_METADATA, CORE),),
    f"/api/v3/datasets/{RUN}": _ALL,
    "/api/Datasets/count?where=" + json.dumps({"title": {"like": f"%{CORE}%"}}): ((Artefact.CORE_METADATA, '"count":1'),),
    f"/?sample={FULL}": ((Artefact.FULL_METADATA, RUN),),
    f"/api/v1/datasets?text={FULL}": ((Artefact.FULL_METADATA, RUN),),
    f"/api/v1/datasets?text={CORE}&quantity=temperature:76..78 K": ((Artefact.FULL_METADATA, RUN),),
    f"/investigations/{VISIT}/logbook.md": ((Artefact.LOGBOOK, NOTED),),
    f"/api/v1/datasets/{RUN}/notes": ((Artefact.LOGBOOK, NOTED),),
    f"/api/v1/datasets/{RUN}/files": ((Artefact.RAW, NAME),),
    f"/api/Datasets/{RUN}/files": ((Artefact.RAW, NAME),),
    f"/api/v3/datasets/{RUN}/origdatablocks": ((Artefact.RAW, NAME),),
    f"/datasets/{RUN}/files/{NAME}": ((Artefact.RAW, None),),
    f"/api/v1/datasets/{RUN}/files/{NAME}": ((Artefact.RAW, None),),
    f"/api/h5/{RUN}/data?path=/entry/data&file={NAME}": ((Artefact.RAW, "77"),),
    f"/api/h5/{RUN}/plot.png?path=/entry/data&file={NAME}": ((Artefact.RAW, None),),
}
ITEM = f"oai:panmesh.invalid:{RUN}"
HARVESTED = (
    "/oai?verb=ListRecords&metadataPrefix=oai_dc",
    f"/oai?verb=GetRecord&metadataPrefix=oai_datacite&identifier={ITEM}",
    "/catalog.ttl",
)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # that SQL says the same on both is tested in test_policy.py
def test_no_route_disagrees_with_the_matrix(house: House) -> None:
    _prepare(house)
    viewers = {login: house.app.accounts.viewer(login) if login else ANONYMOUS for login in WHO}
    wrong: list[str] = []
    for name, facts in STATES.items():
        terms = _move(house, PLAIN | facts)
        assert state(terms, house.moment[0]) is name
        for login, viewer in viewers.items():
            headers = house.bearer(login) if login else {}
            for path, parts in FOR_ALL.items():
                answer = house.client.get(path, headers=headers)
                said = answer.text.replace(path, "")
                for artefact, holds in parts:
                    found = answer.status_code == 200 if holds is None else holds in said
                    if found != may_read(viewer, terms, artefact, house.moment[0]):
                        wrong.append(f"{name}, {login}: {path} ({answer.status_code}) shows {artefact}: {found}")
        wrong += _harvested(house, name, terms)
    assert not wrong, "\n".join(wrong)


def _harvested(house: House, name: State, terms: Terms) -> list[str]:
    """Harvesters are told of what is open or under embargo, and have a licence for what is open."""
    wrong: list[str] = []
    shown, full = (may_read(ANONYMOUS, terms, one, house.moment[0]) for one in (Artefact.CORE_METADATA, Artefact.FULL_METADATA))
    listed = shown and name in (State.EMBARGOED, State.OPEN)
    for path in HARVESTED:
        text = house.client.get(path).text.replace(f"identifier={ITEM}", "")
        record = text if "GetRecord" in path else text[text.find(RUN) - 200 :] if RUN in text else ""
        if (CORE in text or f"datasets/{RUN}>" in text) != listed:
            wrong.append(f"{name}: {path} tells of it: {not listed}")
        if FULL in record and not full:
            wrong.append(f"{name}: {path} shows the sample")
        if "GetRecord" in path and ("creativecommons.org" in text) != (name is State.OPEN):
            wrong.append(f"{name}: {path} and a licence")
    return wrong


def _prepare(house: House) -> None:
    file = house.app.storages.root("runs").path / "embargoed/run.nxs"
    with h5py.File(file, "w") as made:
        made["/entry/data"] = [77.0, 78.0]
    info = file.stat()
    row = FileRow(name=NAME, size=info.st_size, modified_us=info.st_mtime_ns // 1000, storage="runs", path="embargoed/run.nxs")
    manifest = ManifestRef(file_count=1, total_bytes=info.st_size, inline=pack([row])).to_bytes()
    with house.app.database.write() as c:
        layer = c.execute(t.layer.select().where(t.layer.c.dataset_id == NUMBER)).one()
        said = layer.values_json.replace(SECRET, FULL).replace("A run embargoed", f"A {CORE}")
        c.execute(update(t.layer).where(t.layer.c.id == layer.id).values(values_json=said))
        c.execute(update(t.investigation).where(t.investigation.c.id == NUMBER).values(title=f"A visit to the {CORE}"))
        c.execute(update(t.dataset_version).where(t.dataset_version.c.id == NUMBER).values(manifest=manifest))
        materialise(c, NUMBER, NOW)
        keep_document(c, NUMBER)
    made_note = house.client.post(f"/api/v1/datasets/{RUN}/notes", json={"text": NOTED}, headers=house.bearer("pi"))
    assert made_note.status_code == 201


def _move(house: House, facts: dict[str, Any]) -> Terms:
    house.moment[0] += 60_000_000
    with house.app.database.write() as c:
        c.execute(update(t.terms).where(t.terms.c.id == NUMBER).values(**facts))
        rows = [
            {"at_us": house.moment[0], "kind": k, "pid": p, "what": "access"}
            for k, p in (("dataset", RUN), ("investigation", VISIT))
        ]
        c.execute(t.change.insert(), rows)
        row = c.execute(t.terms.select().where(t.terms.c.id == NUMBER)).mappings().one()
    house.app.harvest_upkeep.renew()
    while house.app.harvest.write_ahead(100):
        pass
    house.moment[0] += 2_000_000  # a page holds what was before the second in which it is asked for
    return Terms(**{**row, "access": AccessClass(row["access"])})
