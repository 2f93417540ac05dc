"""Public records in the formats that harvesters take: implements `publication.harvesting.Disseminator`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from panmesh.kernel.errors import NotFound
from panmesh.publication.harvesting import TURTLE, Form, Item, ItemKind
from panmesh.publication.record import Kind
from panmesh.publication.records import RecordService
from panmesh.wire import dcat, oai

MOST_FILES = 20  # that are looked at for the formats of a record
_KIND = {
    ItemKind.DATASET: Kind.DATASET,
    ItemKind.INVESTIGATION: Kind.INVESTIGATION,
    ItemKind.INSTRUMENT: Kind.INSTRUMENT,
    ItemKind.COLLECTION: Kind.COLLECTION,
}


class Records:
    forms: Mapping[str, Form] = {prefix: Form(prefix, space, schema) for prefix, (schema, space, _) in oai.FORMS.items()}

    def __init__(self, records: RecordService) -> None:
        self._records = records

    def write(self, prefixes: Sequence[str], items: Sequence[Item], now_us: int) -> Mapping[str, Mapping[str, str]]:
        found: dict[str, dict[str, str]] = {prefix: {} for prefix in prefixes}
        records = self._records.batch()
        for item in items:
            try:
                record = records.record(item.pid, _KIND[item.kind], MOST_FILES)
            except NotFound:
                continue
            if not record.gone:
                for prefix in prefixes:
                    found[prefix][item.pid] = dcat.turtle(record) if prefix == TURTLE else oai.FORMS[prefix][2](record)
        return found
