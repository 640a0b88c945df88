"""The messages of one POP session (RFC 1939): they are numbered at the login, and deleted at its end."""

from __future__ import annotations

from collections.abc import Iterator

from extauth.harness.mail.mailbox import Mailbox, Message


class NoSuchMessage(Exception):
    """There is no message with this number, or it is marked as deleted."""


class Maildrop:
    """The messages that the mailbox has at the login. Numbers count from 1 and never change.

    What other sessions add later has no number. What they delete can still be read, since a session has its own list.
    """

    def __init__(self, mailbox: Mailbox, session: int) -> None:
        self._mailbox = mailbox
        self._messages = dict(enumerate(mailbox.messages(session), start=1))
        self._deleted: set[int] = set()

    def __iter__(self) -> Iterator[tuple[int, Message]]:
        return ((number, message) for number, message in self._messages.items() if number not in self._deleted)

    @property
    def summary(self) -> str:
        """The number of messages and their bytes, as STAT returns them."""
        sizes = [len(message.content) for _, message in self]
        return f"{len(sizes)} {sum(sizes)}"

    def get(self, number: bytes) -> tuple[int, Message]:
        """Return the number and its message. Raises NoSuchMessage."""
        if number.isdigit() and len(number) < 10:
            for found in self:
                if found[0] == int(number):
                    return found
        raise NoSuchMessage("no such message")

    def unique_id(self, message: Message) -> str:
        """Return the unique ID of a message, for UIDL."""
        return f"{self._mailbox.uid_validity}.{message.uid}"

    def delete(self, number: int) -> None:
        """Mark a message as deleted."""
        self._deleted.add(number)

    def undelete_all(self) -> None:
        """Remove all marks."""
        self._deleted.clear()

    def update(self) -> None:
        """Delete what is marked, as QUIT does."""
        self._mailbox.remove([self._messages[number] for number in self._deleted])
