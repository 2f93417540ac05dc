"""What an outside assessor will say of a run: the metrics of FAIRsFAIR 0.8 that F-UJI measures, foretold from facts.

A landing page is made by one mapping, so most tests pass for every record or for none; what differs between runs is few things: whether
there is a DOI, whether the data are open and in a format that assessors know, whether it is related to anything. That the prediction is
right is tried against the assessor's own tests on a running facility (`panmesh.testing.fuji_checks`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from panmesh.access.terms import State
from panmesh.publication.fair_facts import FairFacts

_SERVED = frozenset({State.PLANNED, State.COLLECTING, State.EMBARGOED, State.HELD, State.INTERNAL, State.PROPRIETARY})


@dataclass(frozen=True, slots=True)
class Metric:
    id: str
    weight: float
    name: str
    passes: Callable[[FairFacts], bool]


def _always(_: FairFacts) -> bool:
    return True


def _located(f: FairFacts) -> bool:
    """The record says where the data are had: files where they are open and here, else the service that is asked for them, which
    assessors take for the data, and its list for a format."""
    return f.state in _SERVED or (f.state is State.OPEN and f.files > 0)


METRICS = (
    Metric("FsF-F1-01MD", 1, "an identifier that is an address", _always),
    Metric("FsF-F1-02MD", 1, "a persistent identifier that resolves", lambda f: f.doi),
    Metric("FsF-F2-01M", 2, "what a citation and a description need", _always),
    Metric("FsF-F3-01M", 1, "where the data are", _located),
    Metric("FsF-F4-01M", 2, "metadata that search engines take", _always),
    Metric("FsF-A1-01M", 1, "a right of access that machines read", _always),
    Metric("FsF-A1-02MD-1", 1, "metadata that are retrieved by the identifier", _always),
    Metric("FsF-A1-02MD-2", 1, "data that are retrieved by their address", lambda f: f.state is State.OPEN and f.files > 0),
    Metric("FsF-A1.1-01MD-1", 1, "metadata by a standard protocol", _always),
    Metric("FsF-A1.1-01MD-2", 1, "data by a standard protocol", _located),
    Metric("FsF-A1.2-01MD-1", 1, "metadata by a protocol that knows signing in", _always),
    Metric("FsF-A1.2-01MD-2", 1, "data by a protocol that knows signing in", _located),
    Metric("FsF-I1-01M", 2, "metadata as linked data", _always),
    Metric("FsF-I2-01M", 2, "terms of vocabularies", _always),
    Metric("FsF-I3-01M", 2, "related things, with the kind of relation", lambda f: f.instrument or f.visit or f.sample or f.sources),
    Metric("FsF-R1-01M-1", 1, "what kind of thing it is", _always),
    Metric("FsF-R1-01M-2", 1, "size and type of the data, or the service", _located),
    Metric("FsF-R1.1-01M", 1, "a licence, or a right of access", _always),
    Metric("FsF-R1.2-01M", 1, "where it comes from", _always),
    Metric("FsF-R1.3-01M", 1, "a metadata standard", _always),
    Metric(
        "FsF-R1.3-02D",
        1,
        "a file format that is open or scientific",
        lambda f: f.state in _SERVED or (f.state is State.OPEN and f.files > 0 and (f.lasting or f.elsewhere)),
    ),
)  # fmt: skip
WHOLE = sum(metric.weight for metric in METRICS)


def assessed(facts: FairFacts) -> int:
    """Per cent, rounded as a score is read; of what is not public yet, as it will be at the end of the visit."""
    return round(100 * sum(metric.weight for metric in METRICS if metric.passes(facts)) / WHOLE)
