"""The mail of an account, in memory. All connections of the account share it.

A message may belong to one session alone. Other sessions do not see it, and it is gone when the session ends. The
message that describes a login is such a message.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable
from datetime import datetime

import msgspec

MAX_SIZE = 16_777_216
"""Bytes of all messages of an account. Each message counts as `OVERHEAD` bytes more."""

OVERHEAD = 1_024

_validities = itertools.count(int(time.time()))


class MailboxFull(Exception):
    """The message does not fit into the mailboxes of the account."""


class Message(msgspec.Struct, eq=False):
    """One message.

    uid: never used for another message of the mailbox
    content: the header and the body, with CRLF line ends
    received: the time of arrival, with a time zone
    flags: such as `\\Seen`; change them with `Mailbox.set_flags`
    session: the session that sees it; None: all of them
    """

    uid: int
    content: bytes
    received: datetime
    flags: frozenset[str] = frozenset()
    session: int | None = None

    @property
    def cost(self) -> int:
        """The bytes that it counts as. The message of one session is free."""
        return OVERHEAD + len(self.content) if self.session is None else 0


class Storage:
    """The space that the messages of an account take, in all mailboxes together."""

    def __init__(self) -> None:
        self._used = 0

    def fits(self, count: int, size: int) -> bool:
        """Return True if there is room for `count` messages that have `size` bytes together."""
        return self._used + count * OVERHEAD + size <= MAX_SIZE

    def add(self, message: Message) -> None:
        """Count a message. Raises MailboxFull."""
        if self._used + message.cost > MAX_SIZE:
            raise MailboxFull(f"the account has {self._used} of {MAX_SIZE} bytes; delete messages")
        self._used += message.cost

    def remove(self, message: Message) -> None:
        """Count a message no longer."""
        self._used -= message.cost


class Mailbox:
    """The messages of one mailbox, in the order of their UIDs.

    storage: the space of its account
    uid_validity: a different number for each mailbox, and after each start of the harness
    next_uid: the UID of the next message
    first_recent: the UID of the first message that no IMAP client has been told of (RFC 3501, section 2.3.2)
    removals, flag_changes: how often messages were deleted, and flags were changed
    """

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self.uid_validity = next(_validities)
        self.next_uid = 1
        self.first_recent = 1
        self.removals = 0
        self.flag_changes = 0
        self._messages: dict[int, Message] = {}
        self._watchers: list[Callable[[], None]] = []

    def __contains__(self, message: Message) -> bool:
        return self._messages.get(message.uid) is message

    def messages(self, session: int | None) -> list[Message]:
        """Return the messages that a session sees, in the order of their UIDs. None: those that all sessions see."""
        return [message for message in self._messages.values() if message.session in (None, session)]

    def messages_since(self, uid: int, session: int) -> list[Message]:
        """Return the messages with a larger UID that a session sees."""
        newer = itertools.takewhile(lambda message: message.uid > uid, reversed(self._messages.values()))
        return [message for message in newer if message.session in (None, session)][::-1]

    def append(
        self, content: bytes, flags: Iterable[str] = (), received: datetime | None = None, session: int | None = None
    ) -> Message:
        """Add a message. `received` is now if it is None. Raises MailboxFull."""
        received = received or datetime.now().astimezone()
        message = Message(self.next_uid, content, received, frozenset(flags), session)
        self.storage.add(message)
        self.next_uid += 1
        self._messages[message.uid] = message
        self._changed()
        return message

    def set_flags(self, message: Message, flags: Iterable[str]) -> None:
        """Replace the flags of a message."""
        message.flags = frozenset(flags)
        self.flag_changes += 1
        self._changed()

    def remove(self, messages: Iterable[Message]) -> None:
        """Delete messages. Those that are gone already do not matter."""
        for message in messages:
            if self._messages.pop(message.uid, None):
                self.storage.remove(message)
                self.removals += 1
        self._changed()

    def end_session(self, session: int) -> None:
        """Delete the messages that only this session saw."""
        self.remove([message for message in self._messages.values() if message.session == session])

    def take_recent(self) -> int:
        """Return `first_recent`. From now on, no message is recent."""
        first, self.first_recent = self.first_recent, self.next_uid
        return first

    def watch(self, changed: Callable[[], None]) -> None:
        """Call `changed` after each change, until `unwatch`."""
        self._watchers.append(changed)

    def unwatch(self, changed: Callable[[], None]) -> None:
        """Stop the calls of `changed`."""
        self._watchers.remove(changed)

    def _changed(self) -> None:
        for changed in list(self._watchers):
            changed()
