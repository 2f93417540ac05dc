"""The mail server of the facility."""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage
from pathlib import Path

from panmesh.kernel.errors import PeerFailed

SECONDS = 20.0


class Smtp:
    def __init__(
        self, host: str, port: int, *, starttls: bool = False, user: str | None = None, password_file: Path | None = None
    ) -> None:
        """`starttls`: nothing is sent by a connection that is not encrypted."""
        self._host = host
        self._port = port
        self._starttls = starttls
        self._user = user
        self._password_file = password_file

    def send(self, mail: EmailMessage) -> None:
        """Raises PeerFailed when the server does not take it."""
        try:
            with smtplib.SMTP(self._host, self._port, timeout=SECONDS) as server:
                if self._starttls:
                    server.starttls(context=ssl.create_default_context())
                if self._user is not None:
                    server.login(self._user, self._password())
                server.send_message(mail)
        except (smtplib.SMTPException, OSError) as error:
            raise PeerFailed(
                f"The mail server {self._host} did not take it: {type(error).__name__}: {error}", self._host
            ) from error

    def _password(self) -> str:
        return self._password_file.read_text("utf-8").strip() if self._password_file is not None else ""
