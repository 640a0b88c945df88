"""Replies and information lines: docs/protocol.md, sections 2 and 4."""

from __future__ import annotations

import re

import msgspec

from extauth.model import Secret
from extauth.protocol.quoting import quote_if_needed

MAX_REPLY = 4_096
"""The highest number of bytes in a reply, with its end of line."""

INTERFACE_VERSION = 7
"""The highest interface version in a reply to `INTF` (section 3)."""

INCORRECT_PASSWORD = "incorrect password"  # noqa: S105  # the text of the negative reply
TEMPORARY_FAILURE = "temporary failure"
UNKNOWN_ACCOUNT = "unknown account"
NOT_CREATED = "account not created"
NOT_AVAILABLE = "not available"
MALFORMED = "malformed request"
UNKNOWN_COMMAND = "unknown command"
UNSUPPORTED_MECHANISM = "unsupported SASL method"

_CONTROL = r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+"


class Reply(msgspec.Struct, frozen=True):
    """The reply to one request: `number status text`."""

    number: bytes
    status: str
    text: str = ""


def render_reply(reply: Reply) -> bytes:
    """Return the reply as one clean line of at most `MAX_REPLY` bytes, with its LF."""
    return reply.number + render_reply_text(reply.status, reply.text)


def render_reply_text(status: str, text: str = "") -> bytes:
    """Return the part of a reply after its number, with the space before it and the LF."""
    return _cut(b" " + status.encode() + (b" " if text else b"") + one_line(text).encode(), MAX_REPLY - 64)


def render_plain(number: bytes, secret: Secret) -> bytes | None:
    """Return the reply `number PLAIN secret` to `READPLAIN` (section 3); None if it is longer than `MAX_REPLY`.

    The secret is quoted unless it consists of letters and digits. This form is unverified: no known helper replies
    anything but FAILURE [field]. If a mail server needs another form, change it here.
    """
    line = b"%s PLAIN %s\n" % (number, quote_if_needed(secret.reveal()))
    return line if len(line) <= MAX_REPLY else None


def render_information(text: str) -> bytes:
    """Return a `*` line for the Server Log. It is one clean line for any `text`."""
    return render_clean_information(one_line(text))


def render_clean_information(line: str) -> bytes:
    """Return the same for a text that is already one clean line."""
    return _cut(b"* " + line.encode(), MAX_REPLY)


def parse_reply(line: bytes) -> Reply | None:
    """Parse a reply without its end of line; None if it is not a reply."""
    number, _, rest = line.partition(b" ")
    status, _, text = rest.partition(b" ")
    if not number or not status:
        return None
    return Reply(number, status.decode(errors="backslashreplace"), text.decode(errors="backslashreplace"))


def one_line(text: str) -> str:
    """Replace each run of control characters and line breaks by one space, and escape characters that are not UTF-8."""
    if text.isprintable():  # then it has none of them
        return text.strip()
    return re.sub(_CONTROL, " ", text).strip().encode(errors="backslashreplace").decode()


def _cut(line: bytes, limit: int) -> bytes:
    """Add the end of line. Cut the line if it is too long."""
    if len(line) >= limit:
        line = line[: limit - 1].decode(errors="ignore").encode()
    return line + b"\n"
