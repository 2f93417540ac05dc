"""The score of a run as a page or an API tells it: with the DOIs of what it belongs to."""

from __future__ import annotations

from panmesh.catalogue.model import DatasetRecord
from panmesh.http.services import Services
from panmesh.publication.fair import Fairness, assess


def fairness_of(s: Services, record: DatasetRecord) -> Fairness:
    d = record.summary
    around = [one.pid for one in (d, d.instrument, d.sample) if one is not None]
    return assess(record, s.records.dois(around))
