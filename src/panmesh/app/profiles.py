"""What the settings say of the facility and its instruments, for data management plans."""

from __future__ import annotations

from panmesh.app.settings import Settings
from panmesh.publication.plan import FacilityProfile, InstrumentProfile


def facility_profile(settings: Settings, address: str) -> FacilityProfile:
    facility, plan = settings.facility, settings.plan
    return FacilityProfile(
        name=facility.name,
        ror=facility.ror,
        contact=facility.contact,
        zone=facility.time_zone,
        url=address.rstrip("/"),
        policy_url=plan.policy_url,
        embargo_years=settings.policy.embargo_years,
        retention_years=plan.retention_years,
        storage=plan.storage,
        backup=plan.backup,
        country=plan.country,
        licence=plan.licence,
        quality=plan.quality,
        documentation=plan.documentation,
        costs=plan.costs,
    )


def instrument_profiles(settings: Settings) -> dict[str, InstrumentProfile]:
    """By key; the pid and the name that are shown come from the catalogue."""
    return {
        key: InstrumentProfile(
            pid="",
            name=one.name,
            daily_gigabytes=one.daily_gigabytes,
            data_format=one.data_format,
            acquisition=one.acquisition,
            analysis=one.analysis,
        )
        for key, one in settings.instrument.items()
    }
