"""A catalogue of many public runs for harvesters, changed as a facility changes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

from sqlalchemy import select, update
from starlette.applications import Starlette

from panmesh.access.terms import AccessClass
from panmesh.adapters.sql import tables as t
from panmesh.adapters.sql.database import Database
from panmesh.adapters.sql.harvest import SqlHarvest
from panmesh.adapters.sql.harvest_texts import SqlHarvestTexts
from panmesh.adapters.sql.harvest_upkeep import SqlHarvestUpkeep
from panmesh.kernel.clock import DAY_US
from panmesh.kernel.techniques import PREFIX
from panmesh.protocols.oaipmh.routes import oai_routes
from panmesh.publication.harvesting import Form, HarvestService, Item

NOW = 1_790_000_000_000_000
SECOND = 1_000_000
OPEN, EMBARGOED, PROPRIETARY, COLLECTING = 1, 2, 3, 4  # ids of terms
TECHNIQUES = (PREFIX + "PaNET01101", PREFIX + "PaNET01022")


class Titles:
    """The least that can be told of a record."""

    forms: Mapping[str, Form] = {
        "oai_dc": Form(
            "oai_dc", "http://www.openarchives.org/OAI/2.0/oai_dc/", "http://www.openarchives.org/OAI/2.0/oai_dc.xsd", "oai_dc"
        )
    }

    def write(self, prefixes: Sequence[str], items: Sequence[Item], now_us: int) -> Mapping[str, Mapping[str, str]]:
        said = 'xmlns:oai="http://www.openarchives.org/OAI/2.0/oai_dc/"'
        texts = {item.pid: f"<oai:dc {said}><oai:title>{item.pid}</oai:title></oai:dc>" for item in items}
        return dict.fromkeys(prefixes, texts)


class Facility:
    def __init__(self, database: Database, runs: int) -> None:
        self.database = database
        self.now = NOW
        self.upkeep = SqlHarvestUpkeep(database, lambda: self.now)
        self.service = HarvestService(SqlHarvest(database), Titles(), lambda: self.now, SqlHarvestTexts(database, "1"))
        self._fill(runs)

    def pid(self, number: int) -> str:
        return f"pm-{number:016d}"

    def app(self) -> Starlette:
        app = Starlette(routes=oai_routes(self.service, b"k" * 32, "data.example.org"))
        about = {"public_url": None, "facility_name": "Facility & Co", "facility_contact": "data@example.org"}
        app.state.services = SimpleNamespace(**about)
        return app

    def move(self, numbers: Sequence[int], terms: int) -> None:
        """To other terms, as a correction does."""
        with self.database.write() as c:
            c.execute(update(t.dataset).where(t.dataset.c.id.in_(numbers)).values(terms_id=terms))
            self._tell(c, numbers, "moved")

    def edit(self, numbers: Sequence[int], what: str = "updated") -> None:
        with self.database.write() as c:
            self._tell(c, numbers, what)

    def add(self, numbers: Sequence[int], terms: int = OPEN) -> None:
        with self.database.write() as c:
            self._insert(c, numbers, terms)
            self._tell(c, numbers, "created")

    def renew(self, seconds: float = 1) -> int:
        self.now += int(seconds * SECOND)
        return self.upkeep.renew()

    def _tell(self, c: Any, numbers: Sequence[int], what: str) -> None:
        rows = [{"at_us": self.now, "kind": "dataset", "pid": self.pid(n), "what": what} for n in numbers]
        c.execute(t.change.insert(), rows)

    def _fill(self, runs: int) -> None:
        with self.database.write() as c:
            facility = c.execute(select(t.facility.c.id)).scalar_one()
            self._facility = facility
            row = {"facility_id": facility, "aliases_json": "[]", "scheduled": True}
            for number, key in enumerate(("i22", "id01"), 1):
                c.execute(
                    t.instrument.insert(),
                    row | {"id": number, "pid": f"pm-inst{number}", "instrument_key": key, "name": key.upper()},
                )
            for number, access, ends, opens in (
                (OPEN, AccessClass.OPEN, None, None),
                (EMBARGOED, AccessClass.PUBLIC, NOW - 30 * DAY_US, NOW + 30 * DAY_US),
                (PROPRIETARY, AccessClass.PROPRIETARY, NOW - 30 * DAY_US, None),
                (COLLECTING, AccessClass.PUBLIC, NOW + DAY_US, NOW + 1000 * DAY_US),
            ):
                c.execute(
                    t.terms.insert(),
                    {
                        "id": number,
                        "access": access.value,
                        "policy_version": "1",
                        "starts_us": 1,
                        "ends_us": ends,
                        "opens_us": opens,
                    },
                )
            self._insert(c, range(1, runs + 1), OPEN)

    def _insert(self, c: Any, numbers: Sequence[int], terms: int) -> None:
        rows = [
            {
                "id": n, "pid": self.pid(n), "identity": self.pid(n).encode(), "facility_id": self._facility, "instrument_id": 1 + n % 2,
                "terms_id": terms, "origin": "native", "kind": "raw", "read_state": "read", "version": 1, "created_us": NOW - DAY_US,
                "updated_us": NOW - DAY_US + n * SECOND, "revision": 1, "title": f"Run {n}",
            }
            for n in numbers
        ]  # fmt: skip
        c.execute(t.dataset.insert(), rows)
        c.execute(t.dataset_technique.insert(), [{"dataset_id": n, "technique_pid": TECHNIQUES[n % 2]} for n in numbers])
