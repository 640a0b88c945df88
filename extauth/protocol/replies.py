"""Replies and information lines: docs/protocol.md, sections 2 and 4."""

from __future__ import annotations

import re

import msgspec

MAX_REPLY = 4_096
"""Bytes a reply may have, its end of line counted."""

INTERFACE_VERSION = 7
"""The highest version of the interface that we answer to `INTF` (section 3)."""

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
    """What a helper answers to one request: `number status text`."""

    number: bytes
    status: str
    text: str = ""


def render_reply(reply: Reply) -> bytes:
    """The reply as one clean line of at most `MAX_REPLY` bytes, its LF included."""
    return reply.number + render_answer(reply.status, reply.text)


def render_answer(status: str, text: str = "") -> bytes:
    """What follows the number of a reply, the space before it and the LF included."""
    return _cut(b" " + status.encode() + (b" " if text else b"") + one_line(text).encode(), MAX_REPLY - 64)


def render_information(text: str) -> bytes:
    """A `*` line for the Server Log: one clean line, whatever `text` holds."""
    return render_clean_information(one_line(text))


def render_clean_information(line: str) -> bytes:
    """The same of a text that is one clean line already."""
    return _cut(b"* " + line.encode(), MAX_REPLY)


def parse_reply(line: bytes) -> Reply | None:
    """The reply that `line` (without its end) is; None where it is none."""
    number, _, rest = line.partition(b" ")
    status, _, text = rest.partition(b" ")
    if not number or not status:
        return None
    return Reply(number, status.decode(errors="backslashreplace"), text.decode(errors="backslashreplace"))


def one_line(text: str) -> str:
    """`text` with every run of control characters and line breaks made one space, and as UTF-8 can say it."""
    if text.isprintable():  # then there is none of them in it, and UTF-8 can say it
        return text.strip()
    return re.sub(_CONTROL, " ", text).strip().encode(errors="backslashreplace").decode()


def _cut(line: bytes, limit: int) -> bytes:
    """The line with its end, cut where it is too long."""
    if len(line) >= limit:
        line = line[: limit - 1].decode(errors="ignore").encode()
    return line + b"\n"
