"""The commands for the messages of the selected mailbox (RFC 3501, section 6.4).

With UNSELECT (RFC 3691), UIDPLUS (RFC 4315), MOVE (RFC 6851) and IDLE (RFC 2177).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable

from extauth.harness.mail.imap.connection import MAX_LINE, ImapConnection
from extauth.harness.mail.imap.errors import Bad, No
from extauth.harness.mail.imap.fetch import FLAGS, UID, Fetched, parse_items, write_items
from extauth.harness.mail.imap.mailbox_commands import find
from extauth.harness.mail.imap.numbers import write_set
from extauth.harness.mail.imap.parser import Parser
from extauth.harness.mail.imap.parts import Part
from extauth.harness.mail.imap.search import Candidate, Scope, parse_search
from extauth.harness.mail.mailbox import Message

_STORE = re.compile(rb"[+-]?FLAGS(?:\.SILENT)?", re.IGNORECASE)
Run = Callable[..., Awaitable[str]]


async def close(connection: ImapConnection, parser: Parser) -> str:
    r"""Delete the messages with the flag `\Deleted`, and leave the mailbox. The client is not told which."""
    parser.end()
    if not connection.mailbox.read_only:
        _expunge(connection, connection.mailbox.messages)
    connection.select(None)
    return ""


async def unselect(connection: ImapConnection, parser: Parser) -> str:
    """Leave the mailbox. Nothing is deleted."""
    parser.end()
    connection.select(None)
    return ""


async def check(connection: ImapConnection, parser: Parser) -> str:
    """Do nothing: all changes are made at once."""
    parser.end()
    return ""


async def expunge(connection: ImapConnection, parser: Parser) -> str:
    r"""Delete the messages with the flag `\Deleted`."""
    parser.end()
    _expunge(connection, connection.writable.messages)
    return ""


async def search(connection: ImapConnection, parser: Parser, *, by_uid: bool = False) -> str:
    """List the messages that match."""
    parser.space()
    selected = connection.mailbox
    test = parse_search(parser, Scope(list(range(1, len(selected.messages) + 1)), selected.uids))
    found = [
        message.uid if by_uid else number
        for number, message in selected.numbered()
        if test(Candidate(number, message, selected.is_recent(message), Part(message.content)))
    ]
    connection.untagged(b" ".join((b"SEARCH", *(b"%d" % number for number in found))))
    return ""


async def fetch(connection: ImapConnection, parser: Parser, *, by_uid: bool = False) -> str:
    r"""Send data of messages. Data that count as reading set the flag `\Seen`."""
    parser.space()
    numbers = parser.number_set()
    parser.space()
    items = parse_items(parser)
    parser.end()
    if by_uid and UID not in items:
        items = [UID, *items]
    selected = connection.mailbox
    sets_seen = not selected.read_only and any(item.sets_seen for item in items)
    for number, message in selected.pick(numbers, by_uid=by_uid):
        wanted = items
        if sets_seen and "\\Seen" not in message.flags:
            selected.set_flags(message, message.flags | {"\\Seen"})
            wanted = items if FLAGS in items else [FLAGS, *items]  # some clients expect literals at the end
        data = write_items(wanted, Fetched(message, selected.shown_flags(message), Part(message.content)))
        connection.untagged(b"%d FETCH %b" % (number, data))
        await connection.stream.drain()
        await asyncio.sleep(0)  # other connections come in between
    return ""


async def store(connection: ImapConnection, parser: Parser, *, by_uid: bool = False) -> str:
    """Set, add or remove flags."""
    parser.space()
    numbers = parser.number_set()
    parser.space()
    action = parser.match(_STORE)
    parser.space()
    given = parser.flags() if parser.next_is(b"(") else _flags_without_parentheses(parser)
    parser.end()
    selected = connection.writable
    for number, message in selected.pick(numbers, by_uid=by_uid):
        if action.startswith(b"+"):
            new = message.flags | given
        elif action.startswith(b"-"):
            new = message.flags - given
        else:
            new = given
        selected.set_flags(message, new)
        if not action.endswith(b".SILENT"):
            data = write_items([UID, FLAGS] if by_uid else [FLAGS], _without_content(connection, message))
            connection.untagged(b"%d FETCH %b" % (number, data))
    return ""


async def copy(connection: ImapConnection, parser: Parser, *, by_uid: bool = False) -> str:
    """Copy messages into a mailbox."""
    code, _ = _copy(connection, parser, by_uid=by_uid)
    return code


async def move(connection: ImapConnection, parser: Parser, *, by_uid: bool = False) -> str:
    """Move messages into a mailbox."""
    source = connection.writable
    code, messages = _copy(connection, parser, by_uid=by_uid)
    if messages:
        connection.untagged(f"OK [{code}] moved".encode())
    source.mailbox.remove(messages)
    connection.write_updates(expunges=True)
    return ""


async def by_uid(connection: ImapConnection, parser: Parser) -> str:
    """Run a command that names the messages by their UIDs."""
    parser.space()
    name = parser.atom()
    if name == b"EXPUNGE":
        parser.space()
        uids = parser.number_set()
        parser.end()
        selected = connection.writable
        _expunge(connection, [message for _, message in selected.pick(uids, by_uid=True)])
        return ""
    command = _BY_UID.get(name)
    if command is None:
        raise Bad("unknown command")
    return await command(connection, parser, by_uid=True)


async def idle(connection: ImapConnection, parser: Parser) -> str:
    """Tell the client of changes until it sends DONE."""
    parser.end()
    connection.send(b"+ idling")
    changed = asyncio.Event()
    reading = asyncio.ensure_future(connection.stream.read_line(MAX_LINE))
    mailbox = connection.selected.mailbox if connection.selected else None
    if mailbox:
        mailbox.watch(changed.set)
    try:
        while not reading.done():
            changed.clear()
            connection.write_updates(expunges=True)
            waiting = asyncio.ensure_future(changed.wait())
            await asyncio.wait({reading, waiting}, return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
    finally:
        reading.cancel()
        if mailbox:
            mailbox.unwatch(changed.set)
    if (await reading).upper() != b"DONE":
        raise Bad("IDLE ends with DONE")
    return ""


_BY_UID: dict[bytes, Run] = {b"COPY": copy, b"FETCH": fetch, b"MOVE": move, b"SEARCH": search, b"STORE": store}


def _expunge(connection: ImapConnection, messages: Iterable[Message]) -> None:
    deleted = [message for message in messages if "\\Deleted" in message.flags]
    connection.mailbox.mailbox.remove(deleted)


def _copy(connection: ImapConnection, parser: Parser, *, by_uid: bool) -> tuple[str, list[Message]]:
    """Copy messages. Return the response code for the reply, and the messages."""
    parser.space()
    numbers = parser.number_set()
    parser.space()
    name = parser.mailbox()
    parser.end()
    messages = [message for _, message in connection.mailbox.pick(numbers, by_uid=by_uid)]
    target = find(connection, name, can_create=True)
    if not target.fits(sum(len(message.content) for message in messages)):
        raise No("the mailbox is full", "OVERQUOTA")
    copies = [target.append(message.content, message.flags, message.received) for message in messages]
    if not copies:
        return "", []
    old, new = (write_set([message.uid for message in each]) for each in (messages, copies))
    return f"COPYUID {target.uid_validity} {old} {new}", messages


def _without_content(connection: ImapConnection, message: Message) -> Fetched:
    return Fetched(message, connection.mailbox.shown_flags(message), Part(b""))


def _flags_without_parentheses(parser: Parser) -> frozenset[str]:
    flags = [parser.flag()]
    while not parser.at_end:
        parser.space()
        flags.append(parser.flag())
    return frozenset(flags) - {"\\Recent"}
