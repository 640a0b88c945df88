"""ENVELOPE and BODYSTRUCTURE of a message (RFC 3501, section 7.4.2)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from email.utils import getaddresses

from extauth.harness.mail.imap.parts import Part
from extauth.harness.mail.imap.replies import NIL, nstring, parentheses, string

_MAX_ADDRESSES = 16_384  # bytes of one field; what follows is not shown, since the parser of Python is slow

GiveWay = Callable[[], Awaitable[None]]
"""Lets other connections run."""


async def envelope(part: Part, give_way: GiveWay) -> bytes:
    """Return the envelope: the fields as they are, and the addresses in pieces."""
    addresses = {}
    for name in (b"from", b"sender", b"reply-to", b"to", b"cc", b"bcc"):
        addresses[name] = _addresses(part, name)
        await give_way()
    for name in (b"sender", b"reply-to"):
        if addresses[name] == NIL:
            addresses[name] = addresses[b"from"]
    date, subject, in_reply_to, message_id = (
        nstring(part.field(name)) for name in (b"date", b"subject", b"in-reply-to", b"message-id")
    )
    return parentheses((date, subject, *addresses.values(), in_reply_to, message_id))


async def body_structure(part: Part, give_way: GiveWay, *, extended: bool) -> bytes:
    """Return BODYSTRUCTURE, or BODY if it is not extended."""
    await give_way()
    main, sub = (name.upper().encode("ascii", "replace") for name in part.content_type)
    parameters = _parameters(part, b"content-type")
    extension = [_disposition(part), _languages(part), nstring(part.field(b"content-location"))]
    if main == b"MULTIPART" and part.parts:
        structures = b"".join([await body_structure(inner, give_way, extended=extended) for inner in part.parts])
        return parentheses((structures, string(sub), *([parameters, *extension] if extended else [])))
    if main == b"MULTIPART":  # it has no parts: show it as data, since a list of parts cannot be empty
        main, sub = b"APPLICATION", b"OCTET-STREAM"
    values = [
        string(main),
        string(sub),
        parameters,
        nstring(part.field(b"content-id")),
        nstring(part.field(b"content-description")),
        string(part.encoding.upper()),
        b"%d" % len(part.body),
    ]
    lines = b"%d" % part.body.count(b"\n")
    if (main, sub) == (b"MESSAGE", b"RFC822") and part.parts:
        message = part.parts[0]
        values += [await envelope(message, give_way), await body_structure(message, give_way, extended=extended), lines]
    elif main == b"TEXT":
        values.append(lines)
    elif main == b"MESSAGE" and sub == b"RFC822":  # too deep to look into
        values[0:2] = [string(b"APPLICATION"), string(b"OCTET-STREAM")]
    if extended:
        values += [nstring(part.field(b"content-md5")), *extension]
    return parentheses(values)


def _parameters(part: Part, field: bytes) -> bytes:
    pairs = part.parameters(field)
    return parentheses(string(text) for pair in pairs for text in pair) if pairs else NIL


def _disposition(part: Part) -> bytes:
    value = part.field(b"content-disposition")
    if not value:
        return NIL
    kind = value.partition(b";")[0].strip()
    return parentheses((string(kind), _parameters(part, b"content-disposition")))


def _languages(part: Part) -> bytes:
    value = part.field(b"content-language")
    return parentheses(string(language.strip()) for language in value.split(b",")) if value else NIL


def _addresses(part: Part, name: bytes) -> bytes:
    values = b", ".join(value for field, _, value in part.fields if field == name)
    try:
        pairs = getaddresses([values[:_MAX_ADDRESSES].decode("latin-1")])
    except RecursionError:  # thousands of nested comments
        return NIL
    addresses = []
    for display, address in pairs:
        user, _, host = address.rpartition("@") if "@" in address else (address, "", "")
        if address:
            texts = (display, "", user, host)
            addresses.append(parentheses(nstring(text.encode("latin-1", "replace") or None) for text in texts))
    return b"(" + b"".join(addresses) + b")" if addresses else NIL
