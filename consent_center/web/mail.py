"""Letters by e-mail: to an SMTP server, or, in development, into a folder.

Neither way ever logs an address or a text.
"""

import smtplib
import ssl
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from pathlib import Path
from typing import Protocol


class Post(Protocol):
    """Takes letters."""

    def send(self, to: str, subject: str, text: str, *, at: datetime) -> None:
        """Send one letter of plain text."""


@dataclass(frozen=True)
class Outbox:
    """A folder that keeps letters instead of sending them: development and tests only."""

    folder: Path
    sender: str

    def send(self, to: str, subject: str, text: str, *, at: datetime) -> None:
        """Write the letter into the folder, named by its time."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        letter = _letter(self.sender, to, subject, text, at=at)
        name = f"{at:%Y%m%dT%H%M%S%f}-{len(list(self.folder.iterdir())):05d}.eml"
        (self.folder / name).write_bytes(letter.as_bytes())


@dataclass(frozen=True)
class Smtp:
    """An SMTP server, reached over TLS.

    Attributes:
        password: never shown by repr.
    """

    host: str
    port: int
    sender: str
    user: str = ""
    password: str = ""
    timeout_s: float = 10.0

    def __repr__(self) -> str:
        return f"Smtp({self.host}:{self.port})"

    def send(self, to: str, subject: str, text: str, *, at: datetime) -> None:
        """Hand the letter to the server."""
        context = ssl.create_default_context()
        with smtplib.SMTP(self.host, self.port, timeout=self.timeout_s) as server:
            server.starttls(context=context)
            if self.user:
                server.login(self.user, self.password)
            server.send_message(_letter(self.sender, to, subject, text, at=at))


def _letter(sender: str, to: str, subject: str, text: str, *, at: datetime) -> EmailMessage:
    letter = EmailMessage()
    letter["From"] = sender
    letter["To"] = to
    letter["Subject"] = subject
    letter["Date"] = format_datetime(at)
    letter["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2] or "localhost")
    letter["Auto-Submitted"] = "auto-generated"
    letter.set_content(text)
    return letter
