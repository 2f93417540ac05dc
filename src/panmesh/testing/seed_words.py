"""What a made-up catalogue speaks of: words as frequent as in real texts, people who do not exist, quantities as instruments record them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from random import Random

import numpy as np
import numpy.typing as npt

from panmesh.kernel import techniques

Numbers = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]

WORDS = 20_000  # of the vocabulary, the most frequent first
_KNOWN = """
powder crystal film sample scan reference battery oxide cathode catalyst protein steel solution alloy perovskite ceria silica operando membrane polymer
lysozyme zirconia graphene nanoparticles surface interface calibration empty cell background thin layer anode electrolyte lithium titania nickel copper
magnetic multilayer superconductor glass water ice zeolite framework alumina carbon fibre ceramic cement bone tooth enzyme virus ribosome peptide lipid
vesicle micelle gel foam emulsion pigment fossil meteorite basalt olivine quartz diamond tungsten cobalt manganese iron platinum palladium ruthenium gold
silver vanadium niobium tantalum hafnium yttrium lanthanum strontium barium sodium potassium sulfide nitride phosphate chloride hydride oxyfluoride annealed
quenched sintered deposited strained cracked welded printed rolled heated cooled pressurised hydrated dry aged fresh pristine cycled charged discharged
oriented textured amorphous porous doped reduced oxidised test alignment repeat final overview detail radial vertical horizontal grid map series tomogram
"""
_SYLLABLES = "ba be bi bo da de di do fa fe fi ga ge go ka ke ki ko la le li lo lu ma me mi mo na ne ni no pa pe po ra re ri ro sa se si so ta te ti to va ve vi vo xa za ze"
_ELEMENTS = "Li Na K Mg Ca Sr Ba Ti V Cr Mn Fe Co Ni Cu Zn Zr Nb Mo Ru Pd Ag Hf Ta W Pt Au La Ce Pr Nd Sm Gd Y Al Si"
_ENDS = "O O2 O3 O4 S S2 N F2 Cl2 P PO4 C"


@dataclass(frozen=True, slots=True)
class Measured:
    """A quantity as an instrument records it: `low` to `high` in its unit, evenly on a scale of decades if `decades`."""

    name: str
    unit: str | None
    low: float
    high: float
    decades: bool = False
    scanned: float = 0.0  # share of runs in which it was scanned


QUANTITIES = (
    Measured("incident_energy", "eV", 4_000, 30_000, scanned=0.1), Measured("temperature", "K", 2, 1_200, True, 0.15),
    Measured("count_time", "s", 0.001, 600, True), Measured("detector_distance", "mm", 50, 12_000, True), Measured("beam_current", "mA", 5, 300),
    Measured("incident_wavelength", "angstrom", 0.3, 20, True), Measured("pressure", "mbar", 1e-9, 1e4, True, 0.05), Measured("rotation_angle", "deg", -180, 180, scanned=0.4),
    Measured("magnetic_field", "T", 0, 14, scanned=0.2), Measured("transmission", None, 0, 1), Measured("exposures", None, 1, 5_000, True),
    Measured("slit_width", "um", 5, 2_000, True), Measured("beam_size_x", "um", 0.1, 1_000, True), Measured("beam_size_y", "um", 0.1, 1_000, True),
    Measured("flux", "count/s", 1e6, 1e13, True), Measured("sample_thickness", "mm", 0.01, 10, True), Measured("photon_energy", "keV", 4, 120, scanned=0.1),
    Measured("q_min", "1/nm", 0.001, 0.5, True), Measured("q_max", "1/nm", 0.5, 100, True), Measured("humidity", "%", 0, 100),
    Measured("flow_rate", "ml/min", 0.01, 100, True), Measured("voltage", "V", -10, 10, scanned=0.2), Measured("current", "mA", 0, 500, scanned=0.1),
    Measured("load", "N", 0, 5_000, scanned=0.15), Measured("strain_rate", "1/s", 1e-6, 1, True), Measured("frequency", "Hz", 0.1, 1e6, True),
    Measured("delay", "ps", -100, 5_000, scanned=0.5), Measured("laser_power", "mW", 0.1, 900, True), Measured("chopper_frequency", "Hz", 10, 300),
    Measured("monitor_counts", "count", 1e3, 1e9, True), Measured("detector_gain", None, 1, 100, True), Measured("sample_x", "mm", -50, 50, scanned=0.3),
    Measured("sample_y", "mm", -50, 50, scanned=0.3), Measured("sample_z", "mm", -20, 20, scanned=0.2), Measured("two_theta", "deg", 0, 150, scanned=0.3),
    Measured("chi", "deg", -90, 90, scanned=0.1), Measured("phi", "deg", -180, 180, scanned=0.1), Measured("concentration", "mol/l", 1e-6, 5, True),
    Measured("ph", None, 1, 13), Measured("proton_charge", "uAh", 0.1, 400, True),
)  # fmt: skip
USUAL = 5  # of them nearly every run has


@cache
def vocabulary() -> tuple[str, ...]:
    """Words of the field, then formulae and invented words by turns; the same ones always."""
    chance = Random(380)
    elements, ends, syllables = _ELEMENTS.split(), _ENDS.split(), _SYLLABLES.split()
    found = dict.fromkeys(_KNOWN.split())
    while len(found) < WORDS:
        if chance.random() < 0.5:
            word = "".join(chance.choices(syllables, k=chance.randint(2, 4)))
        else:
            first, second = chance.sample(elements, 2)
            word = f"{first}{chance.choice((second, chance.randint(2, 8)))}{chance.choice(ends)}"
        found[word] = None
    return tuple(found)


@cache
def _zipf(size: int, exponent: float) -> Numbers:
    weights = 1.0 / (np.arange(size) + 2.7) ** exponent
    found: Numbers = np.cumsum(weights) / weights.sum()
    return found


def zipf(rng: np.random.Generator, size: int, count: int, exponent: float = 1.05) -> Places:
    """Places of a list of that size, the first ones the likeliest (Zipf and Mandelbrot)."""
    return np.minimum(np.searchsorted(_zipf(size, exponent), rng.random(count)), size - 1)


@cache
def person(number: int) -> str:
    """The name of one who does not exist."""
    chance, syllables = Random(number), _SYLLABLES.split()
    return " ".join("".join(chance.choices(syllables, k=chance.randint(2, 3))).capitalize() for _ in range(2))


@cache
def technique_pids() -> tuple[str, ...]:
    """All of PaNET, in an order of its own: the first are the most usual."""
    pids = sorted(techniques.table())
    return tuple(pids[i] for i in np.random.default_rng(11).permutation(len(pids)))
