"""Datasets of another catalogue into an empty one, from a file in the Search API's JSON: rate, memory, and the same file again.

    python benchmarks/bench_import.py [--datasets 100000] [--url postgresql+psycopg://…]

Each dataset has five parameters with units, one file, one technique and one sample; every tenth is not public.
Bars: at least 1,000 datasets a second on SQLite; memory that does not grow with the file (500 MB).
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from pathlib import Path

from panmesh.access.viewer import OPERATOR
from panmesh.adapters.catalogues.search_api_file import read_search_api_file
from panmesh.app.compose import Composition
from panmesh.app.settings import load
from panmesh.catalogue.importing import batched
from panmesh.catalogue.model import Origin

PARAMETERS = (
    ("photon_energy", "keV"),
    ("sample_temperature", "K"),
    ("pressure", "mbar"),
    ("wavelength", "angstrom"),
    ("count_time", "s"),
)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--datasets", type=int, default=100_000)
    options.add_argument("--url")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "catalogue.json"
        _write(file, chosen.datasets)
        environment = {"PANMESH_DATABASE__URL": chosen.url} if chosen.url else {}
        app = Composition(load(data=Path(folder) / "data", environment=environment))
        print(f"{chosen.datasets} datasets, {file.stat().st_size / 1e6:.0f} MB of JSON")
        for name in ("first time", "second time"):
            started = time.monotonic()
            report = app.importing.load(OPERATOR, batched(read_search_api_file(file)), origin=Origin.MIGRATED, source=file.name)
            seconds = time.monotonic() - started
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            counts = dict(report.counts["dataset"])
            print(f"{name:12} {seconds:8.1f} s {chosen.datasets / seconds:10.0f} datasets/s   peak {peak:6.0f} MiB   {counts}")
        app.close()


def _write(file: Path, datasets: int) -> None:
    with file.open("w", encoding="utf-8") as out:
        out.write('{"instruments": ')
        json.dump([{"pid": f"inst/{i}", "name": f"Instrument {i}", "facility": "Elsewhere"} for i in range(10)], out)
        out.write(', "datasets": [')
        for i in range(datasets):
            out.write("," if i else "")
            json.dump(_dataset(i), out)
        out.write('], "documents": [')
        for i in range(datasets // 100):
            out.write("," if i else "")
            json.dump(_document(i), out)
        out.write("]}")


def _dataset(i: int) -> dict[str, object]:
    return {
        "pid": f"20.500.00000/dataset-{i:08}",
        "title": f"Scan {i} of sample {i % 977}",
        "isPublic": i % 10 != 0,
        "creationDate": f"20{10 + i % 15}-0{1 + i % 9}-1{i % 9}T08:00:00.000Z",
        "size": 1000 + i,
        "instrumentId": f"inst/{i % 10}",
        "techniques": [{"pid": "t/1", "name": "SANS", "panetId": "http://purl.org/pan-science/PaNET/PaNET01189"}],
        "samples": [{"pid": f"sample/{i % 977}", "name": f"sample {i % 977}"}],
        "parameters": [{"name": n, "value": 1.0 + i % 100 + p, "unit": u} for p, (n, u) in enumerate(PARAMETERS)],
        "files": [{"id": str(i), "name": f"scan-{i}.nxs", "path": f"/data/{i % 100}/scan-{i}.nxs", "size": 1000 + i}],
    }


def _document(i: int) -> dict[str, object]:
    return {
        "pid": f"10.5072/document-{i}",
        "isPublic": True,
        "type": "proposal",
        "title": f"Proposal {i}",
        "datasets": [{"pid": f"20.500.00000/dataset-{n:08}"} for n in range(100 * i, 100 * i + 100)],
        "members": [{"role": "principal_investigator", "person": {"id": f"p{i % 500}", "fullName": f"Person {i % 500}"}}],
    }


if __name__ == "__main__":
    main()
