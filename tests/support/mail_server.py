"""A mail server on loopback that keeps what it is given."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session


@dataclass
class MailServer:
    """A running server.

    Attributes:
        port: where it listens on 127.0.0.1.
        refused: recipients that it does not take.
        is_full: it takes no message.
        messages: what came, parsed.
    """

    port: int
    refused: set[str] = field(default_factory=set)
    is_full: bool = False
    messages: list[EmailMessage] = field(default_factory=list)

    async def handle_RCPT(  # noqa: N802 - the name that aiosmtpd looks for
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take a recipient, or not."""
        del server, session, options
        if address in self.refused:
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - as above
        """Take a message, or not."""
        del server, session
        if self.is_full:
            return "452 insufficient storage"
        content = envelope.content
        assert isinstance(content, bytes)
        message = message_from_bytes(content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.messages.append(message)
        return "250 taken"


@contextmanager
def mail_server() -> Iterator[MailServer]:
    """Serve on a free port of loopback until the block ends."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        running = MailServer(free.getsockname()[1])
    controller = Controller(running, hostname="127.0.0.1", port=running.port)
    controller.start()
    try:
        yield running
    finally:
        controller.stop()
