"""The configuration: one TOML file and the environment; unknown keys are refused; none at all is a working facility."""

from __future__ import annotations

import json
import os
import re
import tomllib
from pathlib import Path
from typing import Any, Literal
from zoneinfo import available_timezones

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from panmesh.app.storages import remembered
from panmesh.kernel.errors import Fault, Invalid

ENVIRONMENT = "PANMESH_"  # PANMESH_SERVER__PORT=8080 sets port in [server]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FacilitySettings(_Section):
    """[facility]: who runs this."""

    key: str = Field("local", pattern=r"^[a-z0-9][a-z0-9-]{0,62}$", description="short name, stays for ever")
    name: str = "This facility"
    time_zone: str = Field(
        "UTC", description="IANA name, e.g. Europe/Paris: times without a zone in files, and the day an embargo ends"
    )
    ror: str | None = Field(None, description="https://ror.org/…")
    contact: str | None = Field(None, description="mail address or URL that pages show for questions and for access to data")

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError(f"{value!r} is no time zone; use an IANA name such as 'Europe/Paris'")
        return value

    @field_validator("contact")
    @classmethod
    def _reachable(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"https?://[^\s/]+\S*|[^\s@:/]+@[^\s@:/]+", value):
            raise ValueError(
                f"{value!r} is neither a mail address nor a URL; write 'data@example.org' or 'https://example.org/help'"
            )
        return value


class DatabaseSettings(_Section):
    """[database]"""

    url: str | None = Field(None, description="postgresql+psycopg://user@host/name; without it SQLite in the data directory")


class ServerSettings(_Section):
    """[server]"""

    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535)
    workers: int = Field(1, ge=1, le=64)
    public_url: str | None = Field(None, description="https://data.example.org, when behind a proxy")
    offload: Literal["none", "x-accel-redirect", "x-sendfile"] = Field("none", description="let nginx or Apache send the bytes")
    offload_prefix: str = Field("/_files", description="internal location of nginx; the storage's key and path follow")
    trusted_proxies: str = Field("127.0.0.1", description="whose X-Forwarded-* headers count")


class PolicySettings(_Section):
    """[policy]"""

    version: str = "default-1"
    embargo_years: int = Field(3, ge=0, le=30)
    core_metadata: Literal["at-session-end", "from-proposal"] = "at-session-end"
    unscheduled: Literal["internal", "open"] = Field(
        "internal", description="runs of instruments without a schedule: staff only, or open at once"
    )


class IngestSettings(_Section):
    """[ingest]"""

    sandbox: Literal["on", "off"] = Field("on", description="off only where every file comes from instruments that you trust")
    readers: int = Field(1, ge=1, le=64, description="reading processes")
    seconds: float = Field(20.0, gt=0, description="longest time for one file")
    memory_mib: int = Field(1024, ge=128, description="address space that one reading process may take")
    scan_seconds: float = Field(60.0, ge=1, description="how often storages are scanned where other hosts write")
    verify_days: float = Field(30.0, ge=0, description="every file is read again and compared within so many days; 0: never")
    digesters: int = Field(0, ge=0, le=64, description="files digested at once; 0: one for each processor, at most 8")
    quiet_minutes: float = Field(
        10.0, ge=0, description="a numbered series is a scan under way until nothing was written for so long"
    )
    schedule_margin_hours: float = Field(
        2.0, ge=0, le=48, description="a run that names its visit may start so long before the visit's start or after its end"
    )


class StorageSettings(_Section):
    """[storage.NAME]: a folder where instruments write."""

    path: Path
    watch: bool = True
    instrument: str | None = Field(None, description="key; without it the files tell")
    time_zone: str | None = None
    day_first: bool = True
    technique: str | None = Field(None, description="PaNET pid for files that name none")
    canonical: dict[str, str] = Field(default_factory=dict, description="HDF5 path → searchable quantity")
    prefix_map: dict[str, str] = Field(default_factory=dict, description="'/dls/i22/' → 'i22:' for links with mount names")


class InstrumentSettings(_Section):
    """[instrument.KEY]"""

    name: str
    aliases: tuple[str, ...] = Field((), description="names in files")
    description: str | None = None
    series: str | None = Field(
        None,
        description="regular expression on the path of a run, with a group 'series': runs that match alike are one scan series, "
        "e.g. '(?P<series>.*tomo_[0-9]+)_[0-9]+[.]nxs'",
    )

    @field_validator("series")
    @classmethod
    def _has_a_group(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                groups = re.compile(value).groupindex
            except re.error as error:
                raise ValueError(f"{value!r} is no regular expression: {error}") from error
            if "series" not in groups:
                raise ValueError(f"{value!r} has no group (?P<series>…)")
        return value


class Settings(_Section):
    facility: FacilitySettings = FacilitySettings()
    database: DatabaseSettings = DatabaseSettings()
    server: ServerSettings = ServerSettings()
    policy: PolicySettings = PolicySettings()
    ingest: IngestSettings = IngestSettings()
    storage: dict[str, StorageSettings] = Field(default_factory=dict)
    instrument: dict[str, InstrumentSettings] = Field(default_factory=dict)
    data: Path = Field(Path("panmesh-data"), description="everything that panmesh itself writes")

    @property
    def database_url(self) -> str:
        return self.database.url or f"sqlite:///{self.data.absolute() / 'panmesh.db'}"


def load(*, data: Path | None = None, config: Path | None = None, environment: dict[str, str] | None = None) -> Settings:
    """Raises Invalid with all faults, each with its place in the file."""
    plain: dict[str, Any] = {}
    file = config or ((data or Path("panmesh-data")) / "panmesh.toml")
    if config is not None or file.is_file():
        try:
            plain = tomllib.loads(file.read_text("utf-8"))
        except OSError as error:
            raise Invalid(f"The configuration {file} cannot be read: {error.strerror}.") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise Invalid(f"The configuration {file} is no TOML: {error}.") from error
        for storage in plain.get("storage", {}).values():
            if isinstance(storage, dict) and isinstance(storage.get("path"), str):
                storage["path"] = str((file.parent / storage["path"]).absolute())
        if isinstance(plain.get("data"), str):
            plain["data"] = str((file.parent / plain["data"]).absolute())
    _from_environment(plain, os.environ if environment is None else environment)
    if data is not None:
        plain["data"] = str(data)
    elif config is not None:
        plain.setdefault("data", str(file.parent))
    for key, folder in remembered(Path(plain.get("data", "panmesh-data"))).items():
        plain.setdefault("storage", {}).setdefault(key, {"path": folder})
    try:
        return Settings.model_validate(plain)
    except ValidationError as error:
        faults = tuple(Fault(".".join(str(p) for p in e["loc"]), _detail(e)) for e in error.errors())
        lines = "; ".join(f"{fault.pointer}: {fault.detail}" for fault in faults)
        raise Invalid(f"The configuration {file} has {len(faults)} fault(s): {lines}.", faults) from error


def schema() -> dict[str, Any]:
    return Settings.model_json_schema()


def _from_environment(plain: dict[str, Any], environment: Any) -> None:
    for name, value in environment.items():
        if not name.startswith(ENVIRONMENT) or name in _NOT_SETTINGS:
            continue
        *sections, key = name.removeprefix(ENVIRONMENT).lower().split("__")
        place = plain
        for section in sections:
            place = place.setdefault(section, {})
        place[key] = _value(value)


# Variables with our prefix that other parts read.
_NOT_SETTINGS = frozenset(
    {"PANMESH_FAULT", "PANMESH_SHARED", "PANMESH_TOKEN", "PANMESH_URL", "PANMESH_DATA", "PANMESH_CONFIG", "PANMESH_WORKER_OF"}
)


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _detail(error: Any) -> str:
    if error["type"] == "extra_forbidden":
        return "this key is not known; `panmesh config schema` lists all"
    return str(error["msg"])
