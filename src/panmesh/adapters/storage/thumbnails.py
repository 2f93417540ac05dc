"""Small drawings of runs kept on disk under the digest of what they are drawn from, so that a list asks the files for none of them twice.

Whether somebody may see one is decided before it is asked for here. All of it may be deleted at any time.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path

MOST = 100_000  # drawings, of some kilobytes each
LARGEST = 200_000  # bytes; what is larger is drawn again
SWEEP_EVERY = 1_000  # drawings kept


class FolderThumbnails:
    """Implements `http.services.Thumbnails`: `ab/abcdef….svg` below one folder."""

    def __init__(self, folder: Path, most: int = MOST) -> None:
        self._folder, self._most = folder, most
        self._kept = 0

    def get(self, key: str) -> str | None:
        path = self._path(key)
        try:
            return path.read_text("utf-8")
        except (FileNotFoundError, UnicodeDecodeError):
            return None

    def keep(self, key: str, drawing: str) -> None:
        """Whole or not at all. A disk that is full costs the drawing, not the page."""
        if len(drawing) > LARGEST:
            return
        path = self._path(key)
        temporary = path.with_name(f".{secrets.token_hex(6)}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_text(drawing, "utf-8")
            os.replace(temporary, path)
        except OSError:
            temporary.unlink(missing_ok=True)
            return
        self._kept += 1
        if self._kept % SWEEP_EVERY == 0:
            self.sweep()

    def sweep(self) -> int:
        """The oldest go when there are too many; how many went."""
        found = [(file.stat().st_mtime_ns, file) for file in self._folder.glob("??/*") if file.is_file()]
        gone = sorted(found)[: max(0, len(found) - self._most)]
        for _, file in gone:
            file.unlink(missing_ok=True)
        return len(gone)

    def _path(self, key: str) -> Path:
        name = hashlib.sha256(key.encode()).hexdigest()
        return self._folder / name[:2] / f"{name}.svg"
