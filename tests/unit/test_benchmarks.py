"""`make bench` runs every benchmark without being told anything: each can at least be taken in from where it lies."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def test_every_benchmark_finds_what_it_needs() -> None:
    names = sorted(path.stem for path in BENCHMARKS.glob("bench_*.py"))
    assert len(names) > 10
    subprocess.run([sys.executable, "-c", f"import {', '.join(names)}"], cwd=BENCHMARKS, check=True)
