"""A disk that fills up during ingest: a clear word, nothing half, and it goes on when there is room."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from panmesh.testing.simulator import write_run

# In a mount namespace of its own, so that the small disk is seen by nobody else and goes with it.
SCRIPT = """
set -u
disk=$1; panmesh="$2 -m panmesh"; runs=$3; frames=$4
mount -t tmpfs -o size=24m tmpfs $disk || exit 77
$panmesh init --data $disk/data >/dev/null; echo "init=$?"
dd if=/dev/zero of=$disk/fill bs=1k count=$(($(df --output=avail -k $disk | tail -1) - $5)) 2>/dev/null
$panmesh ingest $runs $frames --data $disk/data; echo "full=$?"
rm $disk/fill
$panmesh ingest $runs $frames --data $disk/data; echo "again=$?"
$panmesh admin check --deep --data $disk/data; echo "check=$?"
ls $disk/data/manifests/.*.tmp 2>/dev/null
$2 -c "import sqlite3, sys; print('integrity=' + sqlite3.connect(sys.argv[1]).execute('PRAGMA integrity_check').fetchone()[0])" $disk/data/panmesh.db
"""


def _on_a_small_disk(tmp_path: Path, free_kib: int) -> tuple[str, str]:
    runs, frames, disk = tmp_path / "runs", tmp_path / "frames", tmp_path / "disk"
    for folder in (runs, frames, disk):
        folder.mkdir()
    for number in range(60):
        write_run(runs, number, datetime(2026, 3, 1, tzinfo=UTC))
    for number in range(20_000):
        (frames / f"frame_{number:05d}.txt").write_bytes(b"x")
    command = ["unshare", "-rm", "sh", "-c", SCRIPT, "sh", str(disk), sys.executable, str(runs), str(frames), str(free_kib)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180)
    assert done.returncode != 77, f"no small disk can be mounted here: {done.stderr[-300:]}"
    return done.stdout, done.stderr


def test_a_full_disk_is_named_and_nothing_is_lost(tmp_path: Path) -> None:
    out, err = _on_a_small_disk(tmp_path, 200)
    assert "init=0" in out
    assert "full=6" in out, (out, err)
    assert "Make room" in err
    assert "Traceback" not in err
    assert "again=0" in out
    assert "20060 files: 20060 compared by SHA-256, 0 missing, 0 changed, 0 unreadable." in out
    assert "integrity=ok" in out
