"""What an IMAP client finds once it has logged in: INBOX with one message, as twisted's IMAP wants it."""

from __future__ import annotations

from email.message import EmailMessage
from email.parser import BytesHeaderParser
from email.utils import format_datetime
from io import BytesIO
from typing import Any

from twisted.internet.defer import Deferred, fail
from twisted.mail import imap4
from twisted.mail.interfaces import IMailboxIMAP, IMessageIMAP, IMessageIMAPFile
from zope.interface import implementer

from extauth.harness.mail.message import message_about
from extauth.harness.mail.session import Login


class Account(imap4.MemoryAccount):
    """The mailboxes of somebody who has logged in: INBOX, and no others."""

    def __init__(self, login: Login) -> None:
        super().__init__(login.account.account.address)
        self.addMailbox("INBOX", Mailbox(login))

    def create(self, pathspec: str) -> bool:
        """No mailbox is made."""
        raise imap4.MailboxException("there is INBOX alone")


@implementer(IMailboxIMAP)
class Mailbox:
    """INBOX with its one message. What is deleted is gone for this login alone: the next has a message of its own."""

    def __init__(self, login: Login) -> None:
        self._messages = [Message(message_about(login), format_datetime(login.at), login.session)]
        self._next_uid = login.session + 1

    def getUIDValidity(self) -> int:
        """The same for ever: each login's message has a UID of its own."""
        return 1

    def getUIDNext(self) -> int:
        """A UID that no message has yet."""
        return self._next_uid

    def getUID(self, message: int) -> int:
        """The UID of the message at a position."""
        return self._messages[message - 1].getUID()

    def getMessageCount(self) -> int:
        """How many messages there are."""
        return len(self._messages)

    def getRecentCount(self) -> int:
        """How many of them nobody has seen before: all."""
        return len(self._messages)

    def getUnseenCount(self) -> int:
        """How many of them are not read."""
        return sum(r"\Seen" not in message.flags for message in self._messages)

    def isWriteable(self) -> bool:
        """Flags can be set, and messages deleted."""
        return True

    def getFlags(self) -> list[str]:
        """The flags that there are."""
        return [r"\Seen", r"\Answered", r"\Flagged", r"\Deleted", r"\Draft"]

    def getHierarchicalDelimiter(self) -> str:
        """What separates the parts of a mailbox's name."""
        return "/"

    def requestStatus(self, names: list[str]) -> dict[str, int]:
        """What STATUS says."""
        status: dict[str, int] = imap4.statusRequestHelper(self, names)
        return status

    def addListener(self, listener: object) -> None:
        """Nothing ever happens that a listener could be told of."""

    def removeListener(self, listener: object) -> None:
        """See addListener."""

    def addMessage(self, message: object, flags: object, date: object) -> Deferred[int]:
        """No message is taken."""
        return fail(imap4.MailboxException("there is no room"))

    def expunge(self) -> list[int]:
        """Remove what is marked as deleted: the positions."""
        gone = [position for position, message in enumerate(self._messages, start=1) if r"\Deleted" in message.flags]
        self._messages = [message for message in self._messages if r"\Deleted" not in message.flags]
        return gone

    def fetch(self, messages: imap4.MessageSet, uid: bool) -> list[tuple[int, Message]]:
        """Those of the messages that there are, with their positions."""
        messages.last = max(self._next_uid - 1 if uid else len(self._messages), 1)
        numbered = enumerate(self._messages, start=1)
        return [(number, message) for number, message in numbered if (message.getUID() if uid else number) in messages]

    def store(self, messages: imap4.MessageSet, flags: list[str], mode: int, uid: bool) -> dict[int, list[str]]:
        """Set the flags (mode 0), add (1) or remove (-1) them: what the messages have then."""
        stored = {}
        for number, message in self.fetch(messages, uid):
            if mode == 0:
                message.flags = set(flags)
            elif mode > 0:
                message.flags |= set(flags)
            else:
                message.flags -= set(flags)
            stored[number] = sorted(message.flags)
        return stored


@implementer(IMessageIMAP, IMessageIMAPFile)
class Message:
    """The message as twisted wants it; `date` in the form of RFC 5322."""

    def __init__(self, message: EmailMessage, date: str, uid: int) -> None:
        self.flags: set[str] = set()
        self._whole = message.as_bytes()
        head = BytesHeaderParser().parsebytes(self._whole)  # as it is sent: encoded where it is not ASCII
        self._headers = {name.lower(): " ".join(value.split()) for name, value in head.items()}
        self._date = date
        self._uid = uid

    def getUID(self) -> int:
        """The UID."""
        return self._uid

    def getFlags(self) -> list[str]:
        r"""The flags, and \Recent."""
        return [r"\Recent", *sorted(self.flags)]

    def getInternalDate(self) -> str:
        """When it came."""
        return self._date

    def getHeaders(self, negate: bool, *names: bytes | str) -> dict[str, str]:
        """The header fields of these names, or the others. twisted has names of both types."""
        wanted = {(name if isinstance(name, str) else name.decode(errors="replace")).lower() for name in names}
        return {name: value for name, value in self._headers.items() if (name in wanted) is not negate}

    def getBodyFile(self) -> BytesIO:
        """The body."""
        return BytesIO(self._whole.partition(b"\r\n\r\n")[2])

    def getSize(self) -> int:
        """The size of the whole message in bytes."""
        return len(self._whole)

    def isMultipart(self) -> bool:
        """It is not."""
        return False

    def getSubPart(self, part: int) -> Any:
        """There is none."""
        raise IndexError(part)

    def open(self) -> BytesIO:
        """The whole message."""
        return BytesIO(self._whole)
