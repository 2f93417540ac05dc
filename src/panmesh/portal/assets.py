"""What pages load besides themselves: an address changes with the content, so that browsers keep it and never ask again."""

from __future__ import annotations

import os
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from urllib.parse import parse_qs

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

FOLDER = Path(__file__).parent / "static"
FOR_EVER = "public, max-age=31536000, immutable"
ASK_AGAIN = "public, no-cache"


def address(name: str) -> str:
    """Of a file in `static`, with its version. What is not built has none."""
    path = FOLDER / name
    return f"/static/{name}?v={_version(path, path.stat().st_mtime_ns)}" if path.is_file() else f"/static/{name}"


class Assets(StaticFiles):
    """Kept for ever under the address of this very content: while servers are renewed one by one, another asks for what is not here yet."""

    def file_response(
        self, full_path: str | os.PathLike[str], stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        answer = super().file_response(full_path, stat_result, scope, status_code)
        asked = parse_qs(scope["query_string"].decode("latin-1")).get("v")
        path = Path(full_path)
        same = path.suffix == ".woff2" or asked == [_version(path, path.stat().st_mtime_ns)]  # a typeface does not change
        answer.headers["Cache-Control"] = FOR_EVER if same else ASK_AGAIN
        return answer


@lru_cache(maxsize=64)
def _version(path: Path, _changed_ns: int) -> str:
    return blake2b(path.read_bytes(), digest_size=6).hexdigest()
