"""Names under which different catalogues keep the same quantity, and those that one number determines: energy and wavelength of a photon."""

from __future__ import annotations

_GROUPS: tuple[tuple[str, ...], ...] = (
    ("incident_energy", "incident_photon_energy", "photon_energy"),
    ("incident_wavelength", "wavelength"),
    ("temperature", "sample_temperature"),
    ("pressure", "sample_pressure"),
    ("magnetic_field", "sample_magnetic_field"),
    ("chemical_formula", "sample_chemical_formula"),
)
_ENERGY, _WAVELENGTH = _GROUPS[0], _GROUPS[1]
PHOTON = ("incident_photon_energy", "photon_energy")  # say themselves that it is one

HC = 1.98644586e-25  # J m: energy times wavelength of a photon (CODATA 2018)


def same(name: str) -> tuple[str, ...]:
    """All names of the quantity, the one asked for first."""
    for group in _GROUPS:
        if name in group:
            return (name, *(other for other in group if other != name))
    return (name,)


def converse(name: str) -> tuple[str, ...]:
    """Names of the wavelength for an energy, of the energy for a wavelength; none for anything else."""
    if name in _ENERGY:
        return _WAVELENGTH
    return _ENERGY if name in _WAVELENGTH else ()
