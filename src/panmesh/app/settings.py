"""The configuration: one TOML file and the environment; unknown keys are refused; none at all is a working facility."""

from __future__ import annotations

import json
import os
import re
import tomllib
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Literal
from zoneinfo import available_timezones

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from panmesh.app.storages import remembered
from panmesh.kernel.errors import Fault, Invalid

ENVIRONMENT = "PANMESH_"  # PANMESH_SERVER__PORT=8080 sets port in [server]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FacilitySettings(_Section):
    """[facility]: who runs this."""

    key: str = Field(
        "local",
        pattern=r"^[a-z0-9][a-z0-9-]{0,62}$",
        description="Short name of the facility; never change it once there is data.",
    )
    name: str = Field("This facility", description="Name that every page shows.")
    time_zone: str = Field(
        "UTC",
        description="IANA name, e.g. Europe/Paris, for times without a zone in files; an embargo ends at its midnight.",
    )
    ror: str | None = Field(None, description="Identifier of the organisation, https://ror.org/…")
    contact: str | None = Field(None, description="Mail address or URL that pages show for questions and for access to data.")

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
    """[database]: where the catalogue is kept."""

    url: str | None = Field(None, description="postgresql+psycopg://user@host/name. Without it: SQLite in the data directory.")

    @field_validator("url")
    @classmethod
    def _known_kind(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("postgresql+psycopg://", "sqlite:///")):
            raise ValueError("neither PostgreSQL nor SQLite; write postgresql+psycopg://user@host/name")
        return value


class ServerSettings(_Section):
    """[server]: how the portal and the API are served."""

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    workers: int = Field(1, ge=1, le=64, description="Web processes.")
    public_url: str | None = Field(
        None, description="The address that people use, e.g. https://data.example.org, when behind a proxy."
    )
    offload: Literal["none", "x-accel-redirect", "x-sendfile"] = Field(
        "none", description="Let nginx (x-accel-redirect) or Apache (x-sendfile) send the bytes of files."
    )
    offload_prefix: str = Field("/_files", description="Internal location of nginx; the storage's key and the path follow.")
    trusted_proxies: str = Field("127.0.0.1", description="Addresses of proxies, with commas: whose X-Forwarded-* headers count.")

    @field_validator("public_url")
    @classmethod
    def _whole_address(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"https?://[^\s/]+\S*", value):
            raise ValueError(f"{value!r} is no whole address; write 'https://data.example.org'")
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _addresses(cls, value: str) -> str:
        for one in value.split(","):
            if one.strip() not in ("", "*"):
                ip_network(one.strip())  # a name would be trusted by nobody, without a word
        return value


class PolicySettings(_Section):
    """[policy]: who may see what, and when."""

    version: str = Field("default-1", description="Name of your policy, kept with each visit that it was applied to.")
    embargo_years: int = Field(3, ge=0, le=30, description="Data open so many years after the scheduled end of the visit.")
    core_metadata: Literal["at-session-end", "from-proposal"] = Field(
        "at-session-end", description="When everybody sees that a visit exists: from its end on, or from its proposal on."
    )
    archive_after_days: int | None = Field(
        None,
        ge=8,
        le=3650,
        description="Files leave the fast disks for the archive so many days after the end of the visit: the team is told a week before. "
        "Without: no day is set, and nobody is told before.",
    )
    unscheduled: Literal["internal", "open"] = Field(
        "internal", description="Runs without a schedule are for the staff only (internal), or open to everyone at once (open)."
    )


class TeamSettings(_Section):
    """[teams]: how people come into the teams of proposals."""

    invitation_days: int = Field(14, ge=1, le=90, description="The link of an invitation works so long, and once.")
    new_accounts: bool = Field(
        True, description="Whoever is invited may make an account; false: only the facility makes accounts."
    )
    removed_members: Literal["stay-removed", "return-with-schedule"] = Field(
        "stay-removed",
        description="Whom a principal investigator takes out while the schedule still names them: stays out, or comes back with the "
        "next schedule.",
    )


class AclSettings(_Section):
    """[acl]: rights on the disk, for users who read it past the catalogue."""

    check: bool = Field(False, description="Compare the disk with the catalogue each night; it is never changed by that.")
    user: Literal["login", "orcid", "map"] = Field(
        "login", description="What people are called on the hosts: like their login, or a file says."
    )
    map_file: Path | None = Field(None, description="With user = 'map': lines 'login name-on-the-host'.")
    staff_group: str | None = Field(None, description='Group of an instrument\'s staff, e.g. "{instrument}-staff".')
    owning_group: Literal["---", "r-x", "rwx"] = Field("---", description="Rights of the group that owns the folders.")
    domain: str = Field("localdomain", description="Domain of NFSv4 names.")


class RetentionSettings(_Section):
    """[retention]: how long what is written down of people's doings is kept; executed each night. The audit log is never shortened."""

    notice_days: int = Field(365, ge=30, description="Notices that were sent or void, and mails of alerts.")
    delivery_days: int = Field(30, ge=1, description="What was sent to webhooks.")
    invitation_days: int = Field(
        365, ge=30, description="Invitations that were used, taken back or ran out, with their addresses."
    )
    session_days: int = Field(1, ge=1, description="Sessions that ended, and attempts to sign in.")


class IngestSettings(_Section):
    """[ingest]: how files are read."""

    sandbox: Literal["on", "off"] = Field(
        "on", description="Files are read in confined processes; off only where you trust all who write them."
    )
    readers: int = Field(1, ge=1, le=64, description="Reading processes.")
    seconds: float = Field(20.0, gt=0, description="Longest time that reading one file may take.")
    memory_mib: int = Field(1024, ge=128, description="Memory (address space) that one reading process may take, in MiB.")
    scan_seconds: float = Field(
        60.0, ge=1, description="Seconds between scans of storages on NFS, GPFS or Lustre, where other hosts write."
    )
    verify_days: float = Field(
        30.0, ge=0, description="Every file is read again and compared with its digest within so many days; 0: never."
    )
    digesters: int = Field(0, ge=0, le=64, description="Files digested at once; 0: one for each processor, at most 8.")
    quiet_minutes: float = Field(
        10.0,
        ge=0,
        description="A numbered series, or a file held open, is a scan under way until nothing was written for so many minutes.",
    )
    schedule_margin_hours: float = Field(
        2.0,
        ge=0,
        le=48,
        description="A run that names its visit may start so many hours before the visit's start or after its end.",
    )


class StorageSettings(_Section):
    """[storage.NAME]: a folder where instruments write."""

    path: Path = Field(description="The folder; relative to the configuration's own.")
    archive: bool = Field(False, description="The archive: the team is told by mail when files of its visit were moved here.")
    watch: bool = Field(True, description="Watch it while the server runs; false: only push and `panmesh ingest`.")
    instrument: str | None = Field(None, description="Key of the instrument that writes here; without it the files tell.")
    time_zone: str | None = Field(None, description="For times without a zone; else that of [facility].")
    day_first: bool = Field(True, description="03/04/2026 in files is the third of April.")
    technique: str | None = Field(None, description="PaNET pid of the technique for files that name none.")
    canonical: dict[str, str] = Field(default_factory=dict, description="HDF5 path = quantity that people search for.")
    prefix_map: dict[str, str] = Field(
        default_factory=dict, description='"/dls/i22/" = "i22:": where links with another host\'s mount lead.'
    )


class InstrumentSettings(_Section):
    """[instrument.KEY]: what is shown of an instrument."""

    name: str = Field(description="Name that pages show.")
    aliases: tuple[str, ...] = Field((), description="Other names that files give it.")
    description: str | None = Field(None, description="A sentence for its page.")
    daily_gigabytes: float | None = Field(
        None, gt=0, description="What it writes on a usual day, in GB: the size that data management plans expect."
    )
    data_format: str | None = Field(None, description='Format of its files, for plans: "NeXus/HDF5".')
    acquisition: str | None = Field(None, description="Software that records, for plans.")
    analysis: str | None = Field(None, description="Software that people analyse its data with, for plans.")
    manufacturer: str | None = Field(None, description="Who built it, for its DOI; without: the facility.")
    model: str | None = Field(None, description="Its model, for its DOI.")
    serial: str | None = Field(None, description="Its serial number, for its DOI.")
    series: str | None = Field(
        None,
        description="Regular expression on the path of a run, with a group 'series': runs that match alike are one scan series, "
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


class DataciteSettings(_Section):
    """[datacite]: the account that DOIs are made with; without a prefix everything has local identifiers only."""

    prefix: str | None = Field(None, pattern=r"^10\.\d{4,9}$", description='Prefix of the account: "10.12345".')
    repository: str | None = Field(None, description='Name of the account, e.g. "ABC.DATA".')
    password_file: Path | None = Field(None, description="File with its password, nothing else in it.")
    url: str = Field(
        "https://api.datacite.org", pattern="^https?://", description="To try things out: https://api.test.datacite.org."
    )
    timeout: float = Field(30.0, gt=0, le=120, description="Seconds that DataCite may take for an answer.")
    at_once: int = Field(4, ge=1, le=8, description="Requests to DataCite at the same time.")
    per_minute: int = Field(
        100,
        ge=20,
        le=600,
        description="Requests a minute, after a burst of five minutes' worth. DataCite asks those who send 100,000 in a day not to "
        "exceed 100 unless they have told its support, and answers no more than 600.",
    )
    investigations: Literal["at-session-end", "on-demand"] = Field(
        "at-session-end", description="Visits get a DOI when their session has ended, or only when somebody asks for one."
    )
    datasets: Literal["at-session-end", "on-demand"] = Field("on-demand", description="Runs likewise.")
    proposals: Literal["with-visit", "on-demand"] = Field(
        "with-visit", description="Proposals get one with their first visit that everybody may know of, or on demand."
    )
    instruments: Literal["always", "on-demand"] = Field("always", description="Instruments have one, or on demand.")

    @model_validator(mode="after")
    def _whole(self) -> DataciteSettings:
        if self.prefix is not None and (self.repository is None or self.password_file is None):
            raise ValueError("with a prefix, repository and password_file are needed too: DataCite's account")
        return self


class PlanSettings(_Section):
    """[plan]: what the facility answers in every data management plan."""

    policy_url: str | None = Field(None, description="Where the data policy can be read.")
    retention_years: int = Field(10, ge=1, le=100, description="Data are kept at least so long after the visit.")
    storage: str = Field("On disks of the facility.", description="Where and how data are stored.")
    backup: str = Field("By the facility.", description="How they are backed up.")
    country: str | None = Field(None, pattern="^[A-Z]{2}$", description='Country of the storage, by ISO 3166: "FR".')
    licence: str = Field("https://creativecommons.org/licenses/by/4.0/", description="Licence of open data.")
    quality: str = Field(
        "Instruments are calibrated by their staff; files are checked when they are catalogued.",
        description="How the quality of data is assured.",
    )
    documentation: str = Field(
        "In the files, the logbook of the visit and the catalogue.", description="Where data are documented."
    )
    costs: str = Field("The facility, as part of its operation.", description="Who pays for keeping them.")


class WebhookSettings(_Section):
    """[webhooks]: which addresses users may have called."""

    allow: tuple[str, ...] = Field(
        (),
        description='Networks of yours that may be called, by http also, e.g. ["10.1.2.0/24"]; without: public addresses, by https.',
    )

    @field_validator("allow")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for one in value:
            ip_network(one)  # says what is wrong with it
        return value


class HarvestingSettings(_Section):
    """[harvesting]: OAI-PMH, for search engines of research data."""

    domain: str | None = Field(
        None,
        pattern=r"^[a-zA-Z][a-zA-Z0-9-]*(\.[a-zA-Z][a-zA-Z0-9-]*)+$",
        description="In the identifiers of records, oai:DOMAIN:pid; never change it. Without: the host of public_url.",
    )


class MailSettings(_Section):
    """[mail]: the server that takes our mail; without a host no alert is mailed, feeds work all the same."""

    host: str | None = Field(None, description="SMTP server, e.g. smtp.example.org.")
    port: int = Field(25, ge=1, le=65535, description="Its port.")
    starttls: bool = Field(False, description="Refuse to send unless the connection is encrypted (STARTTLS).")
    user: str | None = Field(None, description="Name to sign in with.")
    password_file: Path | None = Field(None, description="File with the password, nothing else in it.")
    sender: str | None = Field(None, description="Address that mail comes from, e.g. data@example.org.")
    daily_hour: int = Field(7, ge=0, le=23, description="Hour of the facility's day at which daily alerts are sent.")


class Settings(_Section):
    facility: FacilitySettings = FacilitySettings()
    database: DatabaseSettings = DatabaseSettings()
    server: ServerSettings = ServerSettings()
    policy: PolicySettings = PolicySettings()
    teams: TeamSettings = TeamSettings()
    acl: AclSettings = AclSettings()
    retention: RetentionSettings = RetentionSettings()
    ingest: IngestSettings = IngestSettings()
    storage: dict[str, StorageSettings] = Field(default_factory=dict)
    instrument: dict[str, InstrumentSettings] = Field(default_factory=dict)
    plan: PlanSettings = PlanSettings()
    webhooks: WebhookSettings = WebhookSettings()
    mail: MailSettings = MailSettings()
    harvesting: HarvestingSettings = HarvestingSettings()
    datacite: DataciteSettings = DataciteSettings()
    data: Path = Field(Path("panmesh-data"), description="Folder of everything that panmesh itself writes.")

    @model_validator(mode="after")
    def _dois_lead_somewhere(self) -> Settings:
        if self.datacite.prefix is not None and self.server.public_url is None:
            raise ValueError("[datacite] needs public_url in [server]: where DOIs lead to, for ever")
        return self

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
        account = plain.get("datacite", {})
        if isinstance(account, dict) and isinstance(account.get("password_file"), str):
            account["password_file"] = str((file.parent / account["password_file"]).absolute())
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
        written = file.read_text("utf-8") if file.is_file() else ""
        faults = tuple(Fault(".".join(str(p) for p in e["loc"]), _detail(e)) for e in error.errors())
        lines = "; ".join(f"{_place(written, fault.pointer)}: {fault.detail}" for fault in faults)
        raise Invalid(f"The configuration {file} has {len(faults)} fault(s): {lines}.", faults) from error


def _place(written: str, pointer: str) -> str:
    """With the line of the key, or of the table that lacks it, where that is in the file and not in the environment."""
    table, found = "", ("", 0)
    for number, line in enumerate(written.splitlines(), 1):
        if head := re.match(r"\s*\[([^\[\]]+)\]", line):
            here = table = re.sub(r'[\s"]', "", head[1])
        elif key := re.match(r'\s*([\w".-]+)\s*=', line):
            here = ".".join(filter(None, (table, key[1].replace('"', ""))))
        else:
            continue
        if f"{pointer}.".startswith(f"{here}.") and len(here) > len(found[0]):
            found = here, number
    return f"line {found[1]}, {pointer}" if found[1] else pointer


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
    {
        "PANMESH_FAULT",
        "PANMESH_SHARED",
        "PANMESH_TOKEN",
        "PANMESH_URL",
        "PANMESH_DATA",
        "PANMESH_CONFIG",
        "PANMESH_ONLY_SERVE",
        "PANMESH_WORKER_OF",
    }
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
