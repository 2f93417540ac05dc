"""What pages load besides themselves: an address changes with the content, so that browsers keep it and never ask again."""

from __future__ import annotations

import gzip
import os
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from urllib.parse import parse_qs

from anyio import to_thread
from starlette.datastructures import Headers
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from panmesh.http.compression import wanted

FOLDER = Path(__file__).parent / "static"
FOR_EVER = "public, max-age=31536000, immutable"
TEXTS = (".css", ".js", ".svg")  # which gzip makes a quarter
ASK_AGAIN = "public, no-cache"


def address(name: str) -> str:
    """Of a file in `static`, with its version. What is not built has none."""
    path = FOLDER / name
    return f"/static/{name}?v={_version(path, path.stat().st_mtime_ns)}" if path.is_file() else f"/static/{name}"


class Assets(StaticFiles):
    """Kept for ever under the address of this very content: while servers are renewed one by one, another asks for what is not here yet."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        answer = await super().get_response(path, scope)
        headers = Headers(scope=scope)
        plain = Path(path).suffix not in TEXTS or "range" in headers or not isinstance(answer, FileResponse)
        if plain or wanted(headers.get("accept-encoding"), ("gzip",)) is None:
            return answer
        kept = {name: answer.headers[name] for name in ("content-type", "cache-control", "vary", "last-modified")}
        kept |= {"content-encoding": "gzip", "etag": f"W/{answer.headers['etag']}"}
        body = await to_thread.run_sync(_packed, FOLDER / path, (FOLDER / path).stat().st_mtime_ns)
        return Response(body, answer.status_code, kept)

    def file_response(
        self, full_path: str | os.PathLike[str], stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        answer = super().file_response(full_path, stat_result, scope, status_code)
        path = Path(full_path)
        asked = parse_qs(scope["query_string"].decode("latin-1")).get("v")
        same = path.suffix == ".woff2" or asked == [_version(path, stat_result.st_mtime_ns)]  # a typeface does not change
        answer.headers["Cache-Control"] = FOR_EVER if same else ASK_AGAIN
        answer.headers["Vary"] = "Accept-Encoding"
        return answer


@lru_cache(maxsize=64)
def _version(path: Path, _changed_ns: int) -> str:
    return blake2b(path.read_bytes(), digest_size=6).hexdigest()


@lru_cache(maxsize=16)
def _packed(path: Path, _changed_ns: int) -> bytes:
    return gzip.compress(path.read_bytes(), 9)
