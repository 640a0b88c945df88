"""STLS and STARTTLS: TLS begins in the middle of a connection, and what the client has said before counts no more."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from extauth.harness.mail.session import Session
from extauth.log_levels import Level


class StartTls:
    """Goes before the protocol of twisted's that knows the command.

    Whatever came in the plain text behind the command may be of somebody else on the link: nothing of it is
    interpreted, and the connection is closed (RFC 3207, section 4.2; RFC 2595, sections 2.4 and 4).
    """

    _session: Session
    transport: Any
    _buffer: bytes  # twisted's: the beginning of a line whose end has not come

    def dataReceived(self, data: bytes) -> None:
        """Take what has come, line by line."""
        beyond: Any = super()
        self.take_until_tls(beyond.dataReceived, data.splitlines(keepends=True))

    def take_until_tls(self, take: Callable[[bytes], None], pieces: Iterable[bytes]) -> None:
        """Let `take` have one piece after the other, none behind the one that TLS begins with."""
        in_plain_text = not self._session.over_tls
        rest = iter(pieces)
        for piece in rest:
            take(piece)
            if in_plain_text and self._session.over_tls:
                self.forget()
                if self._buffer or any(rest):
                    self._session.say(Level.PROBLEMS, "plain text behind the start of TLS: closed")
                    self.transport.abortConnection()
                return

    def forget(self) -> None:
        """Forget what the client has said: nothing, where each command stands alone."""
