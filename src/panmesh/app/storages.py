"""Storages that commands added by being pointed at a folder, remembered beside the database."""

from __future__ import annotations

import json
from pathlib import Path

FILE = "storages.json"


def remembered(data: Path) -> dict[str, str]:
    """key → absolute folder."""
    try:
        found: dict[str, str] = json.loads((data / FILE).read_text("utf-8"))
    except FileNotFoundError:
        return {}
    return found


def remember_storage(data: Path, key: str, folder: Path) -> None:
    data.mkdir(parents=True, exist_ok=True)
    known = remembered(data) | {key: str(folder)}
    temporary = data / f".{FILE}.tmp"
    temporary.write_text(json.dumps(known, indent=1), "utf-8")
    temporary.replace(data / FILE)
