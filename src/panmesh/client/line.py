"""The manners on the line that both drivers share: address, token, time limits, and what its failures mean."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from panmesh.client.asking import Request, error_of
from panmesh.client.flow import Unreachable
from panmesh.kernel.errors import Fault, Invalid, PanmeshError, PeerFailed

if TYPE_CHECKING:
    import httpx

REFUSAL = 1 << 20  # bytes of an error that are read


class Line:
    """Proxies, certificates and their exceptions are those of the environment: HTTPS_PROXY, NO_PROXY, SSL_CERT_FILE, SSL_CERT_DIR."""

    def __init__(self, url: str, token: str | None) -> None:
        if not url.startswith(("http://", "https://")):
            raise Invalid(
                f"{url!r} is no address of a facility; write 'https://data.example.org'.", (Fault("url", "no http(s) address"),)
            )
        self.url = url.rstrip("/")
        self.token = token
        self.answered = False

    def settings(self) -> dict[str, Any]:
        """Of the HTTP library's client. It keeps lines open, and takes the token off where a redirect leads to another host."""
        import httpx

        return {
            "base_url": self.url + "/api",
            "headers": {"Authorization": f"Bearer {self.token}"} if self.token else {},
            "timeout": httpx.Timeout(60, connect=10),
            "limits": httpx.Limits(max_connections=64, max_keepalive_connections=32, keepalive_expiry=30),
            "follow_redirects": True,
            "max_redirects": 5,
        }

    def arguments(self, ask: Request) -> dict[str, Any]:
        return {
            "method": ask.method,
            "url": ask.path if ask.path.startswith("/h5/") else "/v1" + ask.path,
            "params": dict(ask.query) or None,
            "headers": dict(ask.headers),
            "json": ask.body,
        }

    def refused(self, answer: httpx.Response, also: tuple[int, ...]) -> bool:
        self.answered = True
        return answer.status_code >= 400 and answer.status_code not in also

    def error(self, answer: httpx.Response, body: bytes) -> PanmeshError:
        return error_of(answer.status_code, answer.headers, body, self.url)

    def within(self, pieces: Iterable[bytes], most: int = REFUSAL) -> bytes:
        """All of it. Raises PeerFailed when it is more than that."""
        kept = bytearray()
        for piece in pieces:
            kept += piece
            self.check(len(kept), most)
        return bytes(kept)

    def check(self, came: int, most: int) -> None:
        if came > most:
            raise Unending(f"{self.url} sent more than the {most:,} bytes that the answer may have.", self.url)

    @contextmanager
    def breaking(self) -> Iterator[None]:
        """What the HTTP library says of a line, in our words."""
        import httpx

        try:
            yield
        except httpx.ConnectError as error:
            if self.answered:
                raise PeerFailed(f"{self.url} cannot be reached any more ({error}). Try again later.", self.url) from error
            raise Unreachable(f"{self.url} cannot be reached ({error}). Is the address right?", self.url) from error
        except httpx.TooManyRedirects as error:
            raise Invalid(f"{self.url} leads from one address to the next without end. Is the address right?") from error
        except httpx.TransportError as error:
            said = f"The line to {self.url} broke ({str(error) or type(error).__name__})."
            raise (PeerFailed if self.answered else Unreachable)(said, self.url) from error
        except (httpx.InvalidURL, httpx.DecodingError) as error:
            raise Invalid(f"{self.url}: {error}. Is the address right?") from error


class Unending(Invalid):
    """Asking again would bring as much again."""

    def __init__(self, detail: str, peer: str) -> None:
        super().__init__(detail)
        self.peer = peer
