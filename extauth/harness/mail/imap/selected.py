"""The selected mailbox of a connection: the numbers of its messages, and what the client has been told of them."""

from __future__ import annotations

from collections.abc import Iterator

from extauth.harness.mail.imap.numbers import NumberSet
from extauth.harness.mail.imap.replies import flags
from extauth.harness.mail.mailbox import Mailbox, Message


class Selected:
    """A mailbox as the client knows it. Changes by others count only after `updates` has told the client of them.

    messages: the messages by their numbers, which begin with 1
    """

    def __init__(self, mailbox: Mailbox, session: int, *, read_only: bool) -> None:
        self.mailbox = mailbox
        self.read_only = read_only
        self.messages: list[Message] = []
        self._session = session
        self._recent: set[int] = set()
        self._told: dict[int, frozenset[str]] = {}
        self._last_uid = 0
        self._seen_removals = mailbox.removals
        self._seen_flag_changes = mailbox.flag_changes
        self._add_new()

    @property
    def recent_count(self) -> int:
        """The number of recent messages."""
        return sum(message.uid in self._recent for message in self.messages)

    @property
    def uids(self) -> list[int]:
        """The UIDs of the messages, sorted."""
        return [message.uid for message in self.messages]

    def pick(self, numbers: NumberSet, *, by_uid: bool) -> list[tuple[int, Message]]:
        """Return the messages in the set, with their numbers. Raises Bad for a number that no message has."""
        if by_uid:
            uids = numbers.select(self.uids)
            return [(number, message) for number, message in self.numbered() if message.uid in uids]
        numbers.check(len(self.messages))
        chosen = numbers.select(range(1, len(self.messages) + 1))
        return [(number, message) for number, message in self.numbered() if number in chosen]

    def numbered(self) -> Iterator[tuple[int, Message]]:
        """Yield each message with its number."""
        return iter(enumerate(self.messages, start=1))

    def is_recent(self, message: Message) -> bool:
        """Return True if this connection is the first that was told of the message."""
        return message.uid in self._recent

    def shown_flags(self, message: Message) -> frozenset[str]:
        r"""Return the flags of a message, with `\Recent`."""
        return message.flags | {"\\Recent"} if self.is_recent(message) else message.flags

    def set_flags(self, message: Message, new: frozenset[str]) -> None:
        """Set the flags of a message. The client knows them."""
        self._told[message.uid] = new
        if new != message.flags:
            self.mailbox.set_flags(message, new)

    def updates(self, *, expunges: bool) -> Iterator[bytes]:
        """Yield what the client has not been told yet. Deleted messages keep their numbers without `expunges`."""
        if expunges and self._seen_removals != self.mailbox.removals:
            self._seen_removals = self.mailbox.removals
            present = {message.uid for message in self.mailbox.messages(self._session)}
            for number in range(len(self.messages), 0, -1):
                if self.messages[number - 1].uid not in present:
                    del self.messages[number - 1]
                    yield b"%d EXPUNGE" % number
        if self._add_new():
            yield b"%d EXISTS" % len(self.messages)
            yield b"%d RECENT" % self.recent_count
        if self._seen_flag_changes == self.mailbox.flag_changes:
            return
        self._seen_flag_changes = self.mailbox.flag_changes
        for number, message in self.numbered():
            if self._told[message.uid] != message.flags:
                self._told[message.uid] = message.flags
                yield b"%d FETCH (FLAGS %b)" % (number, flags(self.shown_flags(message)))

    def _add_new(self) -> bool:
        """Give numbers to the new messages. Return True if there are any."""
        new = self.mailbox.messages_since(self._last_uid, self._session)
        if not new:
            return False
        first_recent = self.mailbox.first_recent if self.read_only else self.mailbox.take_recent()
        self._recent |= {message.uid for message in new if message.uid >= first_recent or message.session is not None}
        self._told |= {message.uid: message.flags for message in new}
        self._last_uid = new[-1].uid
        self.messages += new
        return True
