"""What a POP client finds once it has logged in: one message, as twisted's POP wants it."""

from __future__ import annotations

from io import BytesIO

from twisted.mail.interfaces import IMailboxPOP3
from zope.interface import implementer

from extauth.harness.mail.message import message_about
from extauth.harness.mail.session import Login


@implementer(IMailboxPOP3)
class Mailbox:
    """The mailbox with its one message; positions count from 0."""

    def __init__(self, login: Login) -> None:
        self._message = message_about(login).as_bytes()
        self._identity = b"%d.%d" % (login.at.timestamp(), login.session)
        self._deleted = False

    def listMessages(self, position: int | None = None) -> int | list[int]:
        """The size of the message in bytes, 0 where it is deleted; of all messages without a position."""
        size = 0 if self._deleted else len(self._message)
        if position is None:
            return [size]
        self._check(position)
        return size

    def getMessage(self, position: int) -> BytesIO:
        """The message, with the ends of line that twisted wants."""
        self._check(position)
        return BytesIO(self._message.replace(b"\r\n", b"\n"))

    def getUidl(self, position: int) -> bytes:
        """A name that no other message has."""
        self._check(position)
        return self._identity

    def deleteMessage(self, position: int) -> None:
        """Mark the message as deleted."""
        self._check(position)
        self._deleted = True

    def undeleteMessages(self) -> None:
        """Take the mark away."""
        self._deleted = False

    def sync(self) -> None:
        """Nothing stays: the next login has a message of its own."""

    def _check(self, position: int) -> None:
        if position != 0:
            raise ValueError("there is one message")
