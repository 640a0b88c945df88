"""FETCH: which data a client wants of a message, and the data (RFC 3501, sections 6.4.5 and 7.4.2)."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

import msgspec

from extauth.harness.mail.imap.parser import Parser
from extauth.harness.mail.imap.parts import Part
from extauth.harness.mail.imap.replies import NIL, Bad, date_time, flags, literal, parentheses, string
from extauth.harness.mail.imap.structure import GiveWay, body_structure, envelope
from extauth.harness.mail.mailbox import Message

_PART_NUMBERS = re.compile(rb"[1-9]\d{0,4}(?:\.[1-9]\d{0,4})*", re.ASCII)
_ITEM = re.compile(rb"[A-Za-z0-9.]+")


class Fetched(msgspec.Struct):
    """A message, as it is fetched. `shown_flags` has `\\Recent` too."""

    message: Message
    shown_flags: frozenset[str]
    root: Part


class FetchItem(msgspec.Struct, frozen=True):
    """One thing to fetch.

    name: as it stands in the reply
    value: returns the data
    sets_seen: it counts as reading the message
    """

    name: bytes
    value: Callable[[Fetched, GiveWay], Awaitable[bytes]]
    sets_seen: bool = False


_SIMPLE: dict[bytes, Callable[[Fetched], bytes]] = {
    b"FLAGS": lambda fetched: flags(fetched.shown_flags),
    b"UID": lambda fetched: b"%d" % fetched.message.uid,
    b"INTERNALDATE": lambda fetched: date_time(fetched.message.received),
    b"RFC822.SIZE": lambda fetched: b"%d" % len(fetched.message.content),
    b"RFC822.HEADER": lambda fetched: literal(fetched.root.header),
    b"RFC822": lambda fetched: literal(fetched.message.content),
    b"RFC822.TEXT": lambda fetched: literal(fetched.root.body),
}
_READ = frozenset({b"RFC822", b"RFC822.TEXT"})
_FAST = [b"FLAGS", b"INTERNALDATE", b"RFC822.SIZE"]
_MACROS = {b"FAST": _FAST, b"ALL": [*_FAST, b"ENVELOPE"], b"FULL": [*_FAST, b"ENVELOPE", b"BODY"]}


def _simple(name: bytes) -> FetchItem:
    async def value(fetched: Fetched, give_way: GiveWay) -> bytes:
        return _SIMPLE[name](fetched)

    return FetchItem(name, value, sets_seen=name in _READ)


def _structure(name: bytes, *, extended: bool) -> FetchItem:
    return FetchItem(name, lambda fetched, give_way: body_structure(fetched.root, give_way, extended=extended))


FLAGS = _simple(b"FLAGS")
UID = _simple(b"UID")
_ITEMS = {
    **{name: _simple(name) for name in _SIMPLE},
    b"ENVELOPE": FetchItem(b"ENVELOPE", lambda fetched, give_way: envelope(fetched.root, give_way)),
    b"BODYSTRUCTURE": _structure(b"BODYSTRUCTURE", extended=True),
}


def parse_items(parser: Parser) -> list[FetchItem]:
    """Take what to fetch: a macro, one item, or a list of them. Raises Bad."""
    if not parser.accept(b"("):
        name = parser.match(_ITEM)
        return [_item(inner, parser) for inner in _MACROS.get(name, [name])]
    items = [_item(parser.match(_ITEM), parser)]
    while not parser.accept(b")"):
        parser.space()
        items.append(_item(parser.match(_ITEM), parser))
    return items


def _item(name: bytes, parser: Parser) -> FetchItem:
    if name in _ITEMS:
        return _ITEMS[name]
    if name not in (b"BODY", b"BODY.PEEK"):
        raise Bad("unknown data item")
    if parser.accept(b"["):
        return _body_item(parser, sets_seen=name == b"BODY")
    if name == b"BODY.PEEK":
        raise Bad("BODY.PEEK needs a section")
    return _structure(b"BODY", extended=False)


def _body_item(parser: Parser, *, sets_seen: bool) -> FetchItem:
    """Take the rest of `BODY[section]<first.count>`."""
    numbers = parser.match_if(_PART_NUMBERS) or b""
    kind, names = b"", list[bytes]()
    if not numbers or parser.accept(b"."):
        kind = parser.match_if(_ITEM) or b""
        if kind in (b"HEADER.FIELDS", b"HEADER.FIELDS.NOT"):
            parser.space()
            names = _field_names(parser)
        elif kind not in ((b"HEADER", b"TEXT", b"MIME") if numbers else (b"", b"HEADER", b"TEXT")):
            raise Bad("unknown section")
    parser.expect(b"]")
    first = count = None
    if parser.accept(b"<"):
        first = parser.number()
        parser.expect(b".")
        count = parser.number()
        parser.expect(b">")
        if not count:
            raise Bad("the length must not be 0")
    path = [int(number) for number in numbers.split(b".")] if numbers else []
    section = (b"." if numbers and kind else b"").join((numbers, kind))
    section += b" " + parentheses(_name(name) for name in names) if names else b""
    begin = b"" if first is None else b"<%d>" % first

    async def value(fetched: Fetched, give_way: GiveWay) -> bytes:
        data = _section(fetched.root, path, kind, [name.lower() for name in names])
        if data is None:
            return NIL
        return literal(data if first is None or count is None else data[first : first + count])

    return FetchItem(b"BODY[%b]%b" % (section, begin), value, sets_seen)


def _name(name: bytes) -> bytes:
    return name if re.fullmatch(rb"[!-9;-~]+", name) and not set(name) & set(b'(){%*"\\]') else string(name)


def _field_names(parser: Parser) -> list[bytes]:
    parser.expect(b"(")
    names = [parser.astring()]
    while not parser.accept(b")"):
        parser.space()
        names.append(parser.astring())
    return names


def _section(root: Part, path: list[int], kind: bytes, names: list[bytes]) -> bytes | None:
    """Return the bytes of a section, or None if the message has no such part."""
    part = _find(root, path)
    if part is None:
        return None
    if not path and not kind:
        return part.header + part.body
    if kind == b"MIME":
        return part.header
    if not kind:
        return part.body
    if path:  # header and text are those of a message within the message
        if part.content_type != ("message", "rfc822") or not part.parts:
            return None
        part = part.parts[0]
    if kind == b"TEXT":
        return part.body
    if kind == b"HEADER":
        return part.header
    wanted = kind == b"HEADER.FIELDS"
    return b"".join(lines for name, lines, _ in part.fields if (name in names) is wanted) + b"\r\n"


def _find(root: Part, path: list[int]) -> Part | None:
    """Return the part with these numbers. A message that is not a multipart has one part: its body."""
    part, is_message = root, True
    for number in path:
        if not is_message and part.content_type == ("message", "rfc822") and part.parts:
            part, is_message = part.parts[0], True
        if part.content_type[0] == "multipart" and number <= len(part.parts):
            part, is_message = part.parts[number - 1], False
        elif is_message and number == 1 and (part.content_type[0] != "multipart" or not part.parts):
            is_message = False
        else:
            return None
    return part
