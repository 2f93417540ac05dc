"""Public records in the formats that harvesters take: implements `publication.harvesting.Disseminator`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

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
    ItemKind.PROPOSAL: Kind.PROPOSAL,
}


_WRITERS = {**oai.TEXTS, TURTLE: dcat.turtle}


class Records:
    def __init__(self, records: RecordService, publisher: str) -> None:
        self._records = records
        around = {"oai_datacite": oai.around_datacite(publisher)}
        self.forms: Mapping[str, Form] = {
            prefix: Form(prefix, space, schema, text, around.get(prefix, ("", "")))
            for prefix, (schema, space, text) in oai.FORMS.items()
        }

    def write(self, texts: Sequence[str], items: Sequence[Item], now_us: int) -> Mapping[str, Mapping[str, str]]:
        records = self._records.records([(item.pid, _KIND[item.kind]) for item in items], MOST_FILES)
        live = [(pid, record) for pid, record in records.items() if not record.gone]
        return {text: {pid: _WRITERS[text](record) for pid, record in live} for text in texts}
