"""How each facility whose files are in the table writes its times: what an operator would put into the configuration."""

from __future__ import annotations

from panmesh.ingest.profile import Profile

ZONES = {
    "ILL": "Europe/Paris", "PSI": "Europe/Zurich", "ANSTO": "Australia/Sydney", "ISIS": "Europe/London", "DLS": "Europe/London",
    "ESRF": "Europe/Paris", "NIST": "America/New_York", "NCNR": "America/New_York", "NSLS": "America/New_York", "APS": "America/Chicago",
    "SAXS": "America/Chicago", "DESY": "Europe/Berlin", "EuXFEL": "Europe/Berlin", "HZB": "Europe/Berlin", "IPNS": "America/Chicago",
    "ESS": "Europe/Copenhagen",
}  # fmt: skip


def profile_of(folder: str) -> Profile:
    return Profile(time_zone=ZONES.get(folder.split("-")[0], "UTC"))
