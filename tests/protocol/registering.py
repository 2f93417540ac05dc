"""A house with an account of DataCite: settings, and short words for what the tests of DOIs ask."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from panmesh.app.registering import Registering
from panmesh.publication.doi_sending import Sent
from panmesh.publication.dois import Doi
from panmesh.testing.datacite import PREFIX, REPOSITORY, DataCiteStub
from tests.protocol.conftest import House


def account(stub: DataCiteStub, folder: Path, **more: str) -> dict[str, str]:
    """Settings by environment names."""
    secret = folder / "datacite.secret"
    secret.write_text(stub.password + "\n")
    given = {"PREFIX": f'"{PREFIX}"', "REPOSITORY": REPOSITORY, "PASSWORD_FILE": str(secret), "URL": stub.url, "TIMEOUT": "2"}
    found = {f"PANMESH_DATACITE__{name}": value for name, value in given.items()} | more
    return found | {"PANMESH_SERVER__PUBLIC_URL": "https://data.example.org"}


def round_of(house: House) -> Sent:
    return Registering(house.app).round()


def later(house: House, seconds: float) -> None:
    house.moment[0] += int(seconds * 1_000_000)


def row(house: House, pid: str) -> Doi:
    found = house.app.dois.one(pid)
    assert found is not None
    return found


def kept(stub: DataCiteStub, house: House, pid: str) -> Any:
    """As DataCite has it."""
    return stub.dois.get(row(house, pid).name or "")
