"""IMAP4rev1 (RFC 3501) on twisted's IMAP4, with the mailbox: INBOX with one message."""

from __future__ import annotations

import re
from email.parser import BytesHeaderParser
from email.utils import format_datetime
from io import BytesIO
from typing import Any

from twisted.internet.defer import Deferred, fail
from twisted.mail import imap4
from twisted.mail.interfaces import IMailboxIMAP, IMessageIMAP, IMessageIMAPFile
from zope.interface import implementer

from extauth.harness.mail.mechanisms import PasswordClaim
from extauth.harness.mail.policy import Access
from extauth.harness.mail.session import LoginPortal, LoginRecord, NewSession, login_message
from extauth.harness.mail.tls import StartTlsMixin
from extauth.model import Secret

_QUOTED = re.compile(rb'"((?:[^"\\]|\\["\\])*)"(?: |\Z)')
_ESCAPE = re.compile(rb"\\(.)")


class Imap4(StartTlsMixin, imap4.IMAP4Server):
    """One connection. twisted sets the method names."""

    IDENT = b"extauth harness"
    transport: Any
    portal: Any
    challengers: Any

    def __init__(self, new_session: NewSession) -> None:
        super().__init__()
        self._new_session = new_session

    def connectionMade(self) -> None:
        """Greet a client, or close the connection of a stranger."""
        self._session = self._new_session("IMAP", self.transport)
        if self._session.access is Access.NONE:
            self.sendLine(b"* BYE only client addresses may connect")
            self.transport.loseConnection()
            return
        self.ctx = self._session.tls
        self.challengers = self._session.exchanges
        self.startedTLS = self._session.over_tls
        self.portal = LoginPortal(self._session, ImapAccount)
        super().connectionMade()

    def capabilities(self) -> dict[bytes, list[bytes] | None]:
        """Return the answer to CAPABILITY. LOGINDISABLED means that no account accepts the LOGIN command."""
        capabilities: dict[bytes, list[bytes] | None] = {b"AUTH": self._session.offered}
        if not self._session.over_tls:
            capabilities[b"STARTTLS"] = None
        if not self._session.clear_text_allowed:
            capabilities[b"LOGINDISABLED"] = None
        return capabilities | {b"NAMESPACE": None, b"IDLE": None}

    def lookupCommand(self, cmd: bytes) -> Any:
        """Return the handler of a command. twisted's version crashes on a command that is not ASCII."""
        return super().lookupCommand(cmd) if cmd.isascii() else None

    def sendContinuationRequest(self, msg: bytes = b"") -> None:
        """Ask for more data. The space is needed even without a text (RFC 3501, section 7.5)."""
        self.sendLine(b"+ " + (msg or b""))

    def arg_astring(self, line: bytes, final: bool = False) -> Any:
        r"""Return the first argument and the rest. twisted's version does not know `\"` in a quoted string."""
        if quoted := _QUOTED.match(line.lstrip()):
            return _ESCAPE.sub(rb"\1", quoted[1]), line.lstrip()[quoted.end() :]
        return super().arg_astring(line, final)

    def authenticateLogin(self, user: bytes, passwd: bytes) -> Any:
        """Log in with the LOGIN command."""
        return self.portal.login(PasswordClaim("LOGIN command", user, Secret(passwd)), None, imap4.IAccount)

    unauth_LOGIN: Any = (imap4.IMAP4Server.do_LOGIN, arg_astring, imap4.IMAP4Server.arg_finalastring)


class ImapAccount(imap4.MemoryAccount):
    """The mailboxes of a logged-in account: only INBOX."""

    def __init__(self, login: LoginRecord) -> None:
        super().__init__(login.account.account.address)
        self.addMailbox("INBOX", ImapMailbox(login))

    def create(self, pathspec: str) -> bool:
        """Refuse to create a mailbox."""
        raise imap4.MailboxException("INBOX is the only mailbox")


@implementer(IMailboxIMAP)
class ImapMailbox:
    """INBOX with its one message. Each login has its own message, so a deletion affects only this login."""

    def __init__(self, login: LoginRecord) -> None:
        self._messages = [ImapMessage(login)]
        self._next_uid = login.session + 1

    def getUIDValidity(self) -> int:
        """Return a constant: each message has a different UID."""
        return 1

    def getUIDNext(self) -> int:
        """Return the UID of the next message."""
        return self._next_uid

    def getUID(self, message: int) -> int:
        """Return the UID of the message at a position."""
        return self._messages[message - 1].getUID()

    def getMessageCount(self) -> int:
        """Return the number of messages."""
        return len(self._messages)

    def getRecentCount(self) -> int:
        """Return the number of new messages: all are new."""
        return len(self._messages)

    def getUnseenCount(self) -> int:
        """Return the number of unread messages."""
        return sum(r"\Seen" not in message.flags for message in self._messages)

    def isWriteable(self) -> bool:
        """Return True: clients may set flags and delete messages."""
        return True

    def getFlags(self) -> list[str]:
        """Return the flags that clients may set."""
        return [r"\Seen", r"\Answered", r"\Flagged", r"\Deleted", r"\Draft"]

    def getHierarchicalDelimiter(self) -> str:
        """Return the separator in mailbox names."""
        return "/"

    def requestStatus(self, names: list[str]) -> dict[str, int]:
        """Return the values for STATUS."""
        status: dict[str, int] = imap4.statusRequestHelper(self, names)
        return status

    def addListener(self, listener: object) -> None:
        """Do nothing: the mailbox never changes by itself."""

    def removeListener(self, listener: object) -> None:
        """Do nothing, as addListener."""

    def addMessage(self, message: object, flags: object, date: object) -> Deferred[int]:
        """Refuse the message."""
        return fail(imap4.MailboxException("this mailbox takes no messages"))

    def expunge(self) -> list[int]:
        """Remove the messages that are marked as deleted. Return their positions."""
        deleted = [position for position, message in enumerate(self._messages, start=1) if r"\Deleted" in message.flags]
        self._messages = [message for message in self._messages if r"\Deleted" not in message.flags]
        return deleted

    def fetch(self, messages: imap4.MessageSet, uid: bool) -> list[tuple[int, ImapMessage]]:
        """Return the messages in the set, with their positions."""
        messages.last = max(self._next_uid - 1 if uid else len(self._messages), 1)
        numbered = enumerate(self._messages, start=1)
        return [(number, message) for number, message in numbered if (message.getUID() if uid else number) in messages]

    def store(self, messages: imap4.MessageSet, flags: list[str], mode: int, uid: bool) -> dict[int, list[str]]:
        """Set (mode 0), add (1) or remove (-1) the flags. Return the new flags of each message."""
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
class ImapMessage:
    """The message that describes the login. twisted sets the method names."""

    def __init__(self, login: LoginRecord) -> None:
        self.flags: set[str] = set()
        self._content = login_message(login).as_bytes()
        headers = BytesHeaderParser().parsebytes(self._content)  # text that is not ASCII stays encoded
        self._headers = {name.lower(): " ".join(value.split()) for name, value in headers.items()}
        self._date = format_datetime(login.at)
        self._uid = login.session

    def getUID(self) -> int:
        """Return the UID."""
        return self._uid

    def getFlags(self) -> list[str]:
        r"""Return the flags, and \Recent."""
        return [r"\Recent", *sorted(self.flags)]

    def getInternalDate(self) -> str:
        """Return the date of arrival in the form of RFC 5322."""
        return self._date

    def getHeaders(self, negate: bool, *names: bytes | str) -> dict[str, str]:
        """Return the header fields with these names, or all others. twisted passes names of both types."""
        wanted = {(name if isinstance(name, str) else name.decode(errors="replace")).lower() for name in names}
        return {name: value for name, value in self._headers.items() if (name in wanted) is not negate}

    def getBodyFile(self) -> BytesIO:
        """Return the body."""
        return BytesIO(self._content.partition(b"\r\n\r\n")[2])

    def getSize(self) -> int:
        """Return the size of the whole message in bytes."""
        return len(self._content)

    def isMultipart(self) -> bool:
        """Return False."""
        return False

    def getSubPart(self, part: int) -> Any:
        """Raise IndexError: there are no parts."""
        raise IndexError(part)

    def open(self) -> BytesIO:
        """Return the whole message."""
        return BytesIO(self._content)
