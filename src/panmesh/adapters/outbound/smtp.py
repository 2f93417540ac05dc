"""The mail server of the facility."""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage
from pathlib import Path

from panmesh.kernel.errors import PeerFailed, Refused

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
        """Raises PeerFailed when the server does not take it, Refused when it never will."""
        try:
            with smtplib.SMTP(self._host, self._port, timeout=SECONDS) as server:
                if self._starttls:
                    server.starttls(context=ssl.create_default_context())
                if self._user is not None:
                    server.login(self._user, self._password())
                server.send_message(mail)
        except smtplib.SMTPRecipientsRefused as error:
            raise self._not_taken(*next(iter(error.recipients.values())), address=True) from error
        except smtplib.SMTPDataError as error:
            raise self._not_taken(error.smtp_code, error.smtp_error, address=False) from error
        except (smtplib.SMTPException, OSError) as error:
            raise PeerFailed(
                f"The mail server {self._host} did not take it: {type(error).__name__}: {error}", self._host
            ) from error

    def _not_taken(self, code: int, said: bytes | str, *, address: bool) -> PeerFailed:
        """5xx is for good (RFC 5321, 4.2.1); other refusals, as of our name or password, are ours to mend."""
        text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
        words = f"The mail server {self._host} did not take it: {code} {text[:300]}"
        return Refused(words, self._host, address=address) if code >= 500 else PeerFailed(words, self._host)

    def _password(self) -> str:
        return self._password_file.read_text("utf-8").strip() if self._password_file is not None else ""
