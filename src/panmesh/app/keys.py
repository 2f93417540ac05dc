"""The secret of this facility that keys the digests of network addresses: made once, kept beside the database."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

FILE = "address.key"


def secret_key(data: Path) -> bytes:
    """32 bytes. Several processes that start at once agree on one: whoever links the file first has made it."""
    path = data / FILE
    if not path.exists():
        data.mkdir(parents=True, exist_ok=True)
        temporary = data / f".{FILE}.{secrets.token_hex(8)}"
        with open(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            file.write(secrets.token_bytes(32))
        try:
            os.link(temporary, path)
        except FileExistsError:
            pass
        finally:
            temporary.unlink()
    return path.read_bytes()
