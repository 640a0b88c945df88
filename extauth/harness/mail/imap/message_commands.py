"""The commands for the messages of the selected mailbox (RFC 3501, section 6.4).

With UNSELECT (RFC 3691), UIDPLUS (RFC 4315), MOVE (RFC 6851) and IDLE (RFC 2177).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable

from extauth.harness.mail.imap.connection import MAX_LINE, ImapConnection
from extauth.harness.mail.imap.fetch import FLAGS, UID, Fetched, FetchItem, parse_items
from extauth.harness.mail.imap.mailbox_commands import find
from extauth.harness.mail.imap.numbers import write_set
from extauth.harness.mail.imap.parser import MAX_FLAGS, Parser
from extauth.harness.mail.imap.parts import Part
from extauth.harness.mail.imap.replies import Bad, No
from extauth.harness.mail.imap.search import Scope, matches, parse_search
from extauth.harness.mail.imap.search_keys import Candidate
from extauth.harness.mail.mailbox import Mailbox, Message

_PIECE = 65_536  # bytes of a reply
_updating = asyncio.Lock()
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
    key = parse_search(parser, Scope(len(selected.messages), selected.uids[-1] if selected.messages else 0))
    found = []
    for number, message in selected.numbered():
        candidate = Candidate(number, message, selected.is_recent(message), Part(message.content))
        if await matches(key, candidate, connection.stream.give_way):
            found.append(message.uid if by_uid else number)
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
        await _send(connection, number, wanted, Fetched(message, selected.shown_flags(message), Part(message.content)))
    return ""


async def _send(connection: ImapConnection, number: int, items: list[FetchItem], fetched: Fetched) -> None:
    """Send data of a message, in pieces, since a client can ask for the same data thousands of times."""
    separator, waiting = b"(", bytearray(b"* %d FETCH " % number)
    for item in items:
        waiting += separator + item.name + b" " + await item.value(fetched, connection.stream.give_way)
        separator = b" "
        if len(waiting) > _PIECE:
            connection.stream.write(bytes(waiting))
            waiting.clear()
            await connection.stream.drain()
    connection.send(bytes(waiting) + b")")
    await connection.stream.drain()


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
        await connection.stream.drain()
        if action.startswith(b"+"):
            new = message.flags | given
        elif action.startswith(b"-"):
            new = message.flags - given
        else:
            new = given
        if len(new) > MAX_FLAGS:
            raise No(f"a message has at most {MAX_FLAGS} flags", "LIMIT")
        selected.set_flags(message, new)
        if not action.endswith(b".SILENT"):
            items = [UID, FLAGS] if by_uid else [FLAGS]
            await _send(connection, number, items, Fetched(message, selected.shown_flags(message), Part(b"")))
    return ""


async def copy(connection: ImapConnection, parser: Parser, *, by_uid: bool = False) -> str:
    """Copy messages into a mailbox."""
    messages, target = _to_copy(connection, parser, by_uid=by_uid)
    _check_room(target, messages)
    return _copy(messages, target)


async def move(connection: ImapConnection, parser: Parser, *, by_uid: bool = False) -> str:
    """Move messages into a mailbox."""
    source = connection.writable.mailbox
    messages, target = _to_copy(connection, parser, by_uid=by_uid)
    messages = [message for message in messages if message in source]  # others cannot be moved: they are deleted
    _check_room(target, [message for message in messages if message.session is not None])
    source.remove(messages)  # first, because an account that is full can move messages too
    if messages:
        connection.untagged(f"OK [{_copy(messages, target)}] moved".encode())
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
            await connection.stream.drain()
            async with _updating:  # one connection after the other: a change can wake hundreds
                changed.clear()
                connection.write_updates(expunges=True)
                await asyncio.sleep(0)
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


def _to_copy(connection: ImapConnection, parser: Parser, *, by_uid: bool) -> tuple[list[Message], Mailbox]:
    """Take what to copy, and where."""
    parser.space()
    numbers = parser.number_set()
    parser.space()
    name = parser.mailbox()
    parser.end()
    messages = [message for _, message in connection.mailbox.pick(numbers, by_uid=by_uid)]
    return messages, find(connection, name, can_create=True)


def _check_room(target: Mailbox, messages: list[Message]) -> None:
    if not target.storage.fits(len(messages), sum(len(message.content) for message in messages)):
        raise No("the account has no room for more messages", "OVERQUOTA")


def _copy(messages: list[Message], target: Mailbox) -> str:
    """Copy messages. Return the response code for the reply."""
    copies = [target.append(message.content, message.flags, message.received) for message in messages]
    if not copies:
        return ""
    old, new = (write_set([message.uid for message in each]) for each in (messages, copies))
    return f"COPYUID {target.uid_validity} {old} {new}"


def _flags_without_parentheses(parser: Parser) -> frozenset[str]:
    flags = [parser.flag()]
    while not parser.at_end:
        parser.space()
        flags.append(parser.flag())
    return frozenset(flags) - {"\\Recent"}
