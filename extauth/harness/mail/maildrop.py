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
        found = int(number) if number.isdigit() and len(number) < 10 else 0
        if found not in self._messages or found in self._deleted:
            raise NoSuchMessage("no such message")
        return found, self._messages[found]

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


def first_lines(text: bytes, count: int) -> bytes:
    """Return the first lines of a text. It can have millions of lines, so they are counted and not split."""
    begin, end = 0, len(text)  # the last line that is wanted ends between these two
    if text.count(b"\n") < count:
        return text
    while begin < end:
        middle = (begin + end) // 2
        lines = text.count(b"\n", begin, middle + 1)
        if lines < count:
            begin, count = middle + 1, count - lines
        else:
            end = middle
    return text[: begin + 1] if count else b""
