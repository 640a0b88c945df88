"""One mail by SMTP: its envelope, its text, and its delivery to mailboxes."""

from __future__ import annotations

import re
from datetime import datetime
from email.parser import BytesHeaderParser
from email.policy import SMTP
from email.utils import format_datetime

import msgspec

from extauth.harness.mail.accounts import MailAccount
from extauth.harness.mail.session import MailSession
from extauth.harness.mail.stream import LineTooLong, Stream
from extauth.log_levels import Level

MAX_MESSAGE_SIZE = 10_485_760
"""Bytes of a message, without what the mail server adds."""

_PATH = re.compile(rb' ?<(?:@[^:<>]*:)?((?:"(?:\\.|[^"\\])*"|[^<>"\s])*)>|([^<>\s]+)')


class MalformedPath(Exception):
    """The argument of MAIL or RCPT has no valid address."""


class Recipient(msgspec.Struct, frozen=True):
    """A recipient. `account` is None if the mail is for another mail server: then it is discarded."""

    address: str
    account: MailAccount | None


class Envelope(msgspec.Struct):
    """A mail transaction. `client` is the name that the client gave in EHLO (`extended`) or HELO."""

    sender: str
    client: str
    extended: bool
    logged_in: bool
    recipients: list[Recipient] = []

    def __str__(self) -> str:
        return f"from <{self.sender}> to " + ", ".join(f"<{recipient.address}>" for recipient in self.recipients)


def parse_path(argument: bytes, keyword: bytes) -> tuple[str, list[str]]:
    """Return the address after `FROM:` or `TO:` and the parameters. Raises MalformedPath.

    The address may lack its angle brackets. A route in it is ignored (RFC 5321, section 4.1.1.3).
    """
    if not argument.upper().startswith(keyword):
        raise MalformedPath(f"{keyword.decode()} is missing")
    rest = argument[len(keyword) :].lstrip()
    path = _PATH.match(rest)
    if path is None or not argument.isascii() or not argument.decode().isprintable():
        raise MalformedPath("not a valid address")
    address = path[1] if path[1] is not None else path[2]
    after = rest[path.end() :]
    if after and not after.startswith(b" "):
        raise MalformedPath("not a valid address")
    return address.decode(), after.decode().split()


async def receive_message(session: MailSession, stream: Stream, envelope: Envelope) -> bytes | None:
    """Return the message, up to the line with a dot, with CRLF line ends. None if it is too large.

    If the line with DATA ended with CRLF, only CRLF, a dot and CRLF end the message. Otherwise text that passed
    through another mail server could end it early, and smuggle in a second mail (RFC 5321, section 4.1.1.4).

    Raises EOFError and TimeoutError, after a log record.
    """
    content = bytearray()
    size, too_large = 0, False
    line_ends = (b"\r\n",) if stream.line_end == b"\r\n" else (b"\r\n", b"\n")
    try:
        while True:
            begins = stream.line_end in line_ends
            try:
                line = await stream.read_line(MAX_MESSAGE_SIZE)
            except LineTooLong:
                too_large = True
                continue
            if line == b"." and begins and stream.line_end in line_ends:
                break
            size += len(line) + 2
            too_large = too_large or size > MAX_MESSAGE_SIZE
            if too_large:
                content.clear()
            else:
                content += (line.removeprefix(b".") if begins else line) + b"\r\n"
    except (EOFError, TimeoutError):
        session.log(Level.PROBLEMS, f"mail {envelope}: connection lost after {size} bytes")
        raise
    if too_large:
        session.log(Level.PROBLEMS, f"mail {envelope}: more than {MAX_MESSAGE_SIZE} bytes: refused")
        return None
    return bytes(content)


def deliver(session: MailSession, envelope: Envelope, content: bytes) -> bool:
    """Put the message into the mailboxes of its recipients. If one of them is full, return False, and none gets it."""
    trace = _trace(session, envelope)
    accounts = {id(recipient.account): recipient.account for recipient in envelope.recipients if recipient.account}
    for account in accounts.values():
        if not account.mailbox.storage.fits(1, len(trace) + len(content)):
            session.log(Level.PROBLEMS, f"mail {envelope}: the mailboxes of {account.account} are full: refused")
            return False
    for account in accounts.values():
        account.mailbox.append(trace + content)
    header = content.partition(b"\r\n\r\n")[0] + b"\r\n"
    subject = BytesHeaderParser(policy=SMTP).parsebytes(header).get("Subject", "")
    for recipient in envelope.recipients:
        text = f"mail from <{envelope.sender}> to <{recipient.address}>: {len(content)} bytes, subject: {subject}"
        session.log(Level.LOW_LEVEL, text)
    return True


def _trace(session: MailSession, envelope: Envelope) -> bytes:
    """Return the header fields that the mail server adds (RFC 5321, section 4.4; RFC 3848)."""
    letters = ("S" if session.over_tls else "") + ("A" if envelope.logged_in else "")
    protocol = f"ESMTP{letters}" if envelope.extended else "SMTP"
    client = re.sub(r"[^!-~]", "?", envelope.client)
    return (
        f"Return-Path: <{envelope.sender}>\r\n"
        f"Received: from {client} ([{session.peer_address}])\r\n"
        f"  by {session.local_domain} with {protocol} id {session.number};\r\n"
        f"  {format_datetime(datetime.now().astimezone())}\r\n"
    ).encode()
