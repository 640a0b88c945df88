"""One connection: reading commands with their literals, and its state."""

from __future__ import annotations

import re

from extauth.harness.mail.delivery import MAX_MESSAGE_SIZE
from extauth.harness.mail.folders import Folders
from extauth.harness.mail.imap.replies import No
from extauth.harness.mail.imap.selected import Selected
from extauth.harness.mail.session import LoginRecord, MailSession
from extauth.harness.mail.stream import Stream
from extauth.log_levels import Level

MAX_LINE = 65_536
"""Bytes of a line, and of a command with its literals except APPEND."""

_LITERAL_AT_END = re.compile(rb"\{(\d{1,20})(\+?)\}\Z", re.ASCII)
_TAG = re.compile(rb"([\w.]{1,50}) ", re.ASCII)
_APPEND = re.compile(rb"[^ ]+ APPEND ", re.IGNORECASE)


class LiteralTooLong(Exception):
    """A literal has more bytes than the command may have. If `sent_anyway`, the client does not wait for the reply.

    tag: the tag of the command, or `*`
    """

    def __init__(self, command: bytes, size: int, *, sent_anyway: bool) -> None:
        super().__init__(f"a literal has {size} bytes")
        tag = _TAG.match(command)
        self.tag = tag[1] if tag else b"*"
        self.sent_anyway = sent_anyway


class ImapConnection:
    """The state of a connection.

    login: None before the login
    selected: the selected mailbox
    ended: True after LOGOUT
    """

    def __init__(self, session: MailSession, stream: Stream) -> None:
        self.session = session
        self.stream = stream
        self.login: LoginRecord | None = None
        self.selected: Selected | None = None
        self.ended = False

    @property
    def folders(self) -> Folders:
        """The mailboxes of the account."""
        assert self.login is not None
        return self.login.account.folders

    @property
    def mailbox(self) -> Selected:
        """The selected mailbox, which exists."""
        assert self.selected is not None
        return self.selected

    @property
    def writable(self) -> Selected:
        """The selected mailbox. Raises No if it may only be read."""
        if self.mailbox.read_only:
            raise No("EXAMINE has opened the mailbox, so it cannot be changed")
        return self.mailbox

    def send(self, line: bytes) -> None:
        """Send a line."""
        self.stream.write(line + b"\r\n")

    def untagged(self, line: bytes) -> None:
        """Send an untagged reply."""
        self.send(b"* " + line)

    def write_updates(self, *, expunges: bool) -> None:
        """Tell the client of changes to the selected mailbox."""
        if self.selected is not None:
            self.stream.write(b"".join(b"* %b\r\n" % line for line in self.selected.updates(expunges=expunges)))

    def begin(self, login: LoginRecord) -> None:
        """Begin the time after the login."""
        self.login = login

    def select(self, selected: Selected | None) -> None:
        """Select a mailbox, or none."""
        self.selected = selected

    def end(self) -> None:
        """End the connection after this command."""
        self.ended = True

    async def read_command(self) -> bytes:
        """Return a command with its literals. Raises LiteralTooLong, LineTooLong, EOFError, TimeoutError."""
        command = bytearray()
        while True:
            line = await self.stream.read_line(MAX_LINE)
            command += line
            literal = _LITERAL_AT_END.search(line)
            if literal is None:
                return bytes(command)
            size, sent_anyway = int(literal[1]), bool(literal[2])
            is_append = self.login is not None and _APPEND.match(command)
            if len(command) + size > MAX_LINE + (MAX_MESSAGE_SIZE if is_append else 0):
                raise LiteralTooLong(bytes(command[:100]), size, sent_anyway=sent_anyway)
            if not sent_anyway:
                self.send(b"+ send the literal")
            command += b"\r\n" + await self.stream.read_exactly(size)

    def log_problem(self, text: str) -> None:
        """Log that the client has sent something impossible."""
        self.session.log(Level.PROBLEMS, text)
