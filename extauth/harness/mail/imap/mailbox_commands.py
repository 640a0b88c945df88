"""The commands for mailboxes (RFC 3501, section 6.3), with NAMESPACE (RFC 2342) and CHILDREN (RFC 3348)."""

from __future__ import annotations

import re

from extauth.harness.mail.folders import INBOX, SEPARATOR
from extauth.harness.mail.imap.connection import ImapConnection
from extauth.harness.mail.imap.parser import MAX_FLAGS, SYSTEM_FLAGS, Parser
from extauth.harness.mail.imap.replies import Bad, No, flags, parentheses
from extauth.harness.mail.imap.replies import mailbox as written_mailbox
from extauth.harness.mail.imap.selected import Selected
from extauth.harness.mail.mailbox import Mailbox

_STATUS_ITEM = re.compile(rb"[A-Za-z]+")
_MAX_PATTERN = 500  # characters


async def select(connection: ImapConnection, parser: Parser) -> str:
    """Select a mailbox."""
    return _select(connection, parser, read_only=False)


async def examine(connection: ImapConnection, parser: Parser) -> str:
    """Select a mailbox to read it only."""
    return _select(connection, parser, read_only=True)


def _select(connection: ImapConnection, parser: Parser, *, read_only: bool) -> str:
    name = _only_mailbox(parser)
    connection.select(None)
    mailbox = find(connection, name)
    selected = Selected(mailbox, connection.session.number, read_only=read_only)
    connection.select(selected)
    keywords = {flag for message in selected.messages for flag in message.flags}
    known = keywords.union(SYSTEM_FLAGS)
    connection.untagged(b"FLAGS " + flags(known))
    connection.untagged(b"%d EXISTS" % len(selected.messages))
    connection.untagged(b"%d RECENT" % selected.recent_count)
    unseen = next((number for number, message in selected.numbered() if "\\Seen" not in message.flags), None)
    if unseen is not None:
        connection.untagged(b"OK [UNSEEN %d] first unread message" % unseen)
    connection.untagged(b"OK [UIDVALIDITY %d] UIDs" % mailbox.uid_validity)
    connection.untagged(b"OK [UIDNEXT %d] next UID" % mailbox.next_uid)
    permanent = b"()" if read_only else flags({*known, "\\*"})
    connection.untagged(b"OK [PERMANENTFLAGS %b] flags that can be changed" % permanent)
    return "READ-ONLY" if read_only else "READ-WRITE"


async def create(connection: ImapConnection, parser: Parser) -> str:
    """Create a mailbox."""
    name = _only_mailbox(parser)
    connection.folders.create(name)
    return ""


async def delete(connection: ImapConnection, parser: Parser) -> str:
    """Delete a mailbox."""
    name = _only_mailbox(parser)
    connection.folders.delete(name)
    return ""


async def rename(connection: ImapConnection, parser: Parser) -> str:
    """Rename a mailbox."""
    parser.space()
    old = parser.mailbox()
    parser.space()
    new = parser.mailbox()
    parser.end()
    connection.folders.rename(old, new)
    return ""


async def subscribe(connection: ImapConnection, parser: Parser) -> str:
    """Add a mailbox to those that LSUB lists."""
    name = _only_mailbox(parser)
    find(connection, name)
    connection.folders.subscribe(name)
    return ""


async def unsubscribe(connection: ImapConnection, parser: Parser) -> str:
    """Remove a mailbox from those that LSUB lists."""
    name = _only_mailbox(parser)
    connection.folders.subscribed.discard(name)
    return ""


async def list_mailboxes(connection: ImapConnection, parser: Parser) -> str:
    """List the mailboxes that match a pattern. An empty pattern asks for the separator."""
    pattern = _pattern(parser)
    if not pattern:
        connection.untagged(b'LIST (\\Noselect) "/" ""')
    for name in connection.folders.names:
        await connection.stream.give_way()
        if pattern and _matches(pattern, name):
            children = b"\\HasChildren" if connection.folders.has_below(name) else b"\\HasNoChildren"
            connection.untagged(b'LIST (%b) "/" %b' % (children, written_mailbox(name)))
    return ""


async def list_subscribed(connection: ImapConnection, parser: Parser) -> str:
    """List the subscribed mailboxes that match a pattern."""
    pattern = _pattern(parser)
    for name in sorted(connection.folders.subscribed):
        await connection.stream.give_way()
        if _matches(pattern, name):
            connection.untagged(b'LSUB () "/" %b' % written_mailbox(name))
    return ""


async def namespace(connection: ImapConnection, parser: Parser) -> str:
    """Tell that all mailboxes are the user's own."""
    parser.end()
    connection.untagged(b'NAMESPACE (("" "/")) NIL NIL')
    return ""


async def status(connection: ImapConnection, parser: Parser) -> str:
    """Tell the counts of a mailbox."""
    parser.space()
    name = parser.mailbox()
    parser.space()
    parser.expect(b"(")
    items = [parser.match(_STATUS_ITEM)]
    while not parser.accept(b")"):
        parser.space()
        items.append(parser.match(_STATUS_ITEM))
    parser.end()
    mailbox = find(connection, name)
    messages = mailbox.messages(connection.session.number)
    values = {
        b"MESSAGES": len(messages),
        b"RECENT": sum(message.uid >= mailbox.first_recent for message in messages),
        b"UIDNEXT": mailbox.next_uid,
        b"UIDVALIDITY": mailbox.uid_validity,
        b"UNSEEN": sum("\\Seen" not in message.flags for message in messages),
    }
    if not set(items) <= set(values):
        raise Bad("unknown item")
    pairs = parentheses(b"%b %d" % (item, values[item]) for item in items)
    connection.untagged(b"STATUS %b %b" % (written_mailbox(name), pairs))
    return ""


async def append(connection: ImapConnection, parser: Parser) -> str:
    """Add a message, with flags and a date if the client gives them."""
    parser.space()
    name = parser.mailbox()
    parser.space()
    flag_set, received = frozenset[str](), None
    if parser.next_is(b"("):
        flag_set = parser.flags()
        parser.space()
    if parser.next_is(b'"'):
        received = parser.date_time()
        parser.space()
    content = parser.literal()
    parser.end()
    mailbox = find(connection, name, can_create=True)
    if len(flag_set) > MAX_FLAGS:
        raise No(f"a message has at most {MAX_FLAGS} flags", "LIMIT")
    message = mailbox.append(content, flag_set, received)
    return f"APPENDUID {mailbox.uid_validity} {message.uid}"


def find(connection: ImapConnection, name: str, *, can_create: bool = False) -> Mailbox:
    """Return the mailbox with this name. Raises No. `can_create`: the client should create it and try again."""
    mailbox = connection.folders.find(name)
    if mailbox is None:
        raise No("no such mailbox", "TRYCREATE" if can_create else "")
    return mailbox


def _pattern(parser: Parser) -> str:
    """Take the reference and the pattern of LIST."""
    parser.space()
    reference = parser.astring()
    parser.space()
    pattern = parser.pattern()
    parser.end()
    if len(reference) + len(pattern) > _MAX_PATTERN:
        raise Bad("the pattern is too long")
    return (reference + pattern).decode("latin-1") if pattern else ""


def _matches(pattern: str, name: str) -> bool:
    """Return True if the name matches. `*` stands for any characters, `%` for those of one level."""
    if name == INBOX:
        pattern = pattern.upper()
    pattern = re.sub(r"[*%]{2,}", lambda wildcards: "*" if "*" in wildcards[0] else "%", pattern)
    ends = {0}  # where the beginning of the pattern can end in the name
    for character in pattern:
        if character == "*":
            ends = set(range(min(ends), len(name) + 1))
        elif character == "%":
            reach, found = -1, set[int]()
            for begin in sorted(ends):
                if begin > reach:
                    reach = _level_end(name, begin)
                    found.update(range(begin, reach + 1))
            ends = found
        else:
            ends = {end + 1 for end in ends if name[end : end + 1] == character}
        if not ends:
            return False
    return len(name) in ends


def _level_end(name: str, begin: int) -> int:
    end = name.find(SEPARATOR, begin)
    return len(name) if end < 0 else end


def _only_mailbox(parser: Parser) -> str:
    """Read the name of a mailbox, the only argument."""
    parser.space()
    name = parser.mailbox()
    parser.end()
    return name
