"""The facility and its configured instruments as rows, made or brought up to date on start."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence

from sqlalchemy import select, update

from panmesh.adapters.sql.database import Database
from panmesh.adapters.sql.tables import facility, instrument, pid
from panmesh.kernel.pid import mint


def ensure_facility(database: Database, key: str, name: str, time_zone: str, ror: str | None) -> None:
    values = {"name": name, "time_zone": time_zone, "ror": ror}
    with database.read() as connection:
        row = connection.execute(select(facility).where(facility.c.facility_key == key)).first()
    if row is not None and all(getattr(row, column) == value for column, value in values.items()):
        return
    with database.write() as connection:
        database.lock(connection, "directory")
        done = connection.execute(update(facility).where(facility.c.facility_key == key).values(**values))
        if done.rowcount == 0:
            connection.execute(facility.insert(), {"facility_key": key, **values})


def ensure_instrument(
    database: Database, facility_key: str, key: str, name: str, aliases: Sequence[str], description: str | None
) -> None:
    values = {"name": name, "aliases_json": json.dumps(list(aliases)), "description": description}
    with database.write() as connection:
        database.lock(connection, "directory")
        facility_id = connection.execute(select(facility.c.id).where(facility.c.facility_key == facility_key)).scalar_one()
        where = (instrument.c.facility_id == facility_id, instrument.c.instrument_key == key)
        if connection.execute(update(instrument).where(*where).values(**values)).rowcount == 0:
            new = mint(os.urandom)
            connection.execute(
                instrument.insert(), {"pid": new, "facility_id": facility_id, "instrument_key": key, "scheduled": False, **values}
            )
            connection.execute(
                pid.insert(), {"pid": new, "kind": "instrument", "concept": new, "version": None, "origin": "native"}
            )
