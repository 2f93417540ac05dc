"""A real SMTP server on this machine: keeps what it got, and refuses as it is told."""

from __future__ import annotations

import email
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message
from email.policy import default
from typing import Any

from aiosmtpd.controller import Controller


class Mailbox:
    def __init__(self) -> None:
        self.got: list[Message] = []
        self.refuse = 0  # so many times
        self.refusal = "451 try again later"
        self.unknown: set[str] = set()  # addresses that do not exist

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:
        if address in self.unknown:
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 known"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        if self.refuse:
            self.refuse -= 1
            return self.refusal
        self.got.append(email.message_from_bytes(envelope.content, policy=default))
        return "250 taken"

    def texts(self, *, alerts: bool = False) -> list[str]:
        """`alerts`: of saved searches alone."""
        return [mail.get_content() for mail in self.got if not alerts or mail["List-Unsubscribe"]]  # type: ignore[attr-defined]


@contextmanager
def receiving_mail() -> Iterator[tuple[Mailbox, int]]:
    box = Mailbox()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    yield box, port
    controller.stop()
