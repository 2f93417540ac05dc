"""One POST to an address that a user gave, who may mean our own network: only to public addresses, or to those that an admin allowed.

The name is resolved once and the connection goes to the address that was looked at, so that a name server cannot answer
differently the second time. No redirect is followed, and what comes back is hardly read.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Mapping, Sequence
from urllib.parse import SplitResult, urlsplit

from panmesh.kernel.errors import Fault, Invalid, PeerFailed

SECONDS = 10.0  # all together
MOST = 4096  # bytes of an answer that are read
_NOT_PUBLIC = tuple(
    ipaddress.ip_network(text)
    for text in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32", "100.64.0.0/10", "192.88.99.0/24")
)  # ways to reach an address of IPv4 by another name, and addresses between networks

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Caller:
    def __init__(self, allowed: Sequence[str] = (), *, seconds: float = SECONDS) -> None:
        """`allowed`: networks of ours that may be called, by http also."""
        self._allowed: tuple[Network, ...] = tuple(ipaddress.ip_network(one) for one in allowed)
        self._seconds = seconds

    def check(self, url: str) -> None:
        """Raises Invalid: no https, a name in it that signs in, an address that is not public."""
        self._target(url)

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        """The status of the answer. Raises PeerFailed when there is none, Invalid when the address is none that we call."""
        parts, address, port = self._target(url)
        kind = _Pinned if parts.scheme == "https" else _Plain
        connection = kind(parts.hostname or "", port, address, self._seconds)
        end = threading.Timer(self._seconds, connection.cut)
        end.daemon = True
        end.start()  # a server that sends a byte now and then keeps nobody longer
        try:
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request("POST", target, body, {"Host": parts.netloc, **headers})
            answer = connection.getresponse()
            answer.read(MOST)
            return answer.status
        except (OSError, http.client.HTTPException) as error:
            raise PeerFailed(f"It did not answer: {_plain(error)}.", parts.hostname or "") from error
        finally:
            end.cancel()
            connection.close()

    def _target(self, url: str) -> tuple[SplitResult, Address, int]:
        try:
            parts = urlsplit(url)
            port = parts.port or (443 if parts.scheme == "https" else 80)
        except ValueError as error:
            raise _refused(f"{url[:200]!r} is no address.") from error
        if parts.scheme not in ("https", "http") or not parts.hostname or not url.isascii() or any(c <= " " for c in url):
            raise _refused("Give an address such as https://pipeline.example.org/panmesh.")
        if parts.username is not None or parts.password is not None:
            raise _refused("No name and no password in the address: the signature is the proof.")
        found = _resolve(parts.hostname, port)
        allowed = [one for one in found if self._is_allowed(one)]
        if parts.scheme == "http" and not allowed:
            raise _refused("Only https: what is sent by http can be read on the way.")
        for one in allowed or found:
            if one in allowed or is_public(one):
                return parts, one, port
        raise _refused(f"{parts.hostname} is not a public address; the facility's admin can allow it in the settings.")

    def _is_allowed(self, address: Address) -> bool:
        return any(address in network for network in self._allowed)


class _Plain(http.client.HTTPConnection):
    """To the address that was looked at, whatever its name says now."""

    def __init__(self, name: str, port: int, address: Address, seconds: float) -> None:
        super().__init__(name, port, timeout=seconds)
        self._address = address
        self._opened: socket.socket | None = None  # also when it was handed over to the answer

    def connect(self) -> None:
        self._opened = self.sock = socket.create_connection((str(self._address), self.port), self.timeout)

    def cut(self) -> None:
        if self._opened is not None:
            try:
                self._opened.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class _Pinned(_Plain):
    """TLS, with the certificate of the name."""

    def connect(self) -> None:
        super().connect()
        assert self._opened is not None
        safe = ssl.create_default_context().wrap_socket(self._opened, server_hostname=self.host, do_handshake_on_connect=False)
        self._opened = self.sock = safe
        safe.do_handshake()


def is_public(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return is_public(address.ipv4_mapped)
    if any(address in network for network in _NOT_PUBLIC):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _resolve(name: str, port: int) -> list[Address]:
    try:
        found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise PeerFailed(f"The name {name} leads to no address.", name) from error
    texts = dict.fromkeys(str(one[4][0]).partition("%")[0] for one in found)
    return [_unmapped(ipaddress.ip_address(text)) for text in texts]


def _unmapped(address: Address) -> Address:
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _plain(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__)[:200]


def _refused(detail: str) -> Invalid:
    return Invalid(detail, (Fault("/url", detail),))
