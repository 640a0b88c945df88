"""SEARCH: the arguments, and whether a message matches them (RFC 3501, section 6.4.4)."""

from __future__ import annotations

import msgspec

from extauth.harness.mail.imap.parser import Parser
from extauth.harness.mail.imap.replies import Bad, No
from extauth.harness.mail.imap.search_keys import ARGUMENT_KEYS, FLAG_KEYS, Candidate, Test
from extauth.harness.mail.imap.structure import GiveWay

_CHARSETS = (b"US-ASCII", b"UTF-8")
_MAX_DEPTH = 50  # of parentheses, NOT and OR


class Scope(msgspec.Struct, frozen=True):
    """The largest number and UID of the mailbox, which `*` stands for."""

    number: int
    uid: int


class Every(msgspec.Struct, frozen=True):
    """All keys match."""

    keys: list[Key]


class Either(msgspec.Struct, frozen=True):
    """One of two keys matches."""

    first: Key
    second: Key


class Not(msgspec.Struct, frozen=True):
    """The key does not match."""

    key: Key


Key = Every | Either | Not | Test


async def matches(key: Key, candidate: Candidate, give_way: GiveWay) -> bool:
    """Return True if the message matches. Others run in between, since there can be thousands of keys."""
    await give_way()
    match key:
        case Every(keys):
            for each in keys:
                if not await matches(each, candidate, give_way):
                    return False
            return True
        case Either(first, second):
            return await matches(first, candidate, give_way) or await matches(second, candidate, give_way)
        case Not(negated):
            return not await matches(negated, candidate, give_way)
        case test:
            return test(candidate)


def parse_search(parser: Parser, scope: Scope) -> Key:
    """Take the arguments of SEARCH. Raises Bad, and No for an unknown character set."""
    if parser.accept(b"CHARSET "):
        if parser.astring().upper() not in _CHARSETS:
            raise No("unknown character set", "BADCHARSET (US-ASCII UTF-8)")
        parser.space()
    keys = [_key(parser, scope, 0)]
    while not parser.at_end:
        parser.space()
        keys.append(_key(parser, scope, 0))
    return Every(keys)


def _key(parser: Parser, scope: Scope, depth: int) -> Key:
    if depth > _MAX_DEPTH:
        raise Bad("too many parentheses")
    if parser.accept(b"("):
        keys = [_key(parser, scope, depth + 1)]
        while not parser.accept(b")"):
            parser.space()
            keys.append(_key(parser, scope, depth + 1))
        return Every(keys)
    if parser.looks_like_number_set():
        has_number = parser.number_set().test(scope.number)
        return lambda candidate: has_number(candidate.number)
    name = parser.atom()
    if name in FLAG_KEYS:
        return FLAG_KEYS[name]
    if name == b"NOT":
        parser.space()
        return Not(_key(parser, scope, depth + 1))
    if name == b"OR":
        parser.space()
        first = _key(parser, scope, depth + 1)
        parser.space()
        return Either(first, _key(parser, scope, depth + 1))
    if name == b"UID":
        parser.space()
        has_uid = parser.number_set().test(scope.uid)
        return lambda candidate: has_uid(candidate.message.uid)
    if name not in ARGUMENT_KEYS:
        raise Bad("unknown search key")
    parser.space()
    return ARGUMENT_KEYS[name](parser)
