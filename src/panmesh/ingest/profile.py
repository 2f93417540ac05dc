"""How one facility or instrument writes its files: what cannot be read from the file itself."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    facility: str = ""  # key of the facility
    instrument: str | None = None  # key; None: told by the file
    time_zone: str = "UTC"  # IANA name, for local times without offset
    day_first: bool = True  # for 03/04/2018
    default_technique: str | None = None  # PaNET pid, used when the file names none
    canonical: dict[str, str] = field(default_factory=dict)  # HDF5 path or path suffix → canonical quantity name
    prefix_map: dict[str, str] = field(default_factory=dict)  # "/dls/i22/" → "i22:" (a storage and a folder in it)
