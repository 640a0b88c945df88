"""SEARCH: the keys, and whether a message matches them (RFC 3501, section 6.4.4)."""

from __future__ import annotations

import operator
from collections.abc import Callable
from datetime import date
from email.utils import parsedate_to_datetime

import msgspec

from extauth.harness.mail.imap.errors import Bad, No
from extauth.harness.mail.imap.parser import Parser
from extauth.harness.mail.imap.parts import Part, decode_words
from extauth.harness.mail.mailbox import Message

_CHARSETS = (b"US-ASCII", b"UTF-8")
_MAX_DEPTH = 50  # of parentheses, NOT and OR


class Candidate(msgspec.Struct):
    """A message that may match. `recent`: the connection is the first that was told of it."""

    number: int
    message: Message
    recent: bool
    root: Part


class Scope(msgspec.Struct, frozen=True):
    """The numbers and UIDs of the mailbox, which sets such as `1:*` refer to."""

    numbers: list[int]
    uids: list[int]


Test = Callable[[Candidate], bool]
"""Returns True if a message matches."""


def parse_search(parser: Parser, scope: Scope) -> Test:
    """Take the arguments of SEARCH. Raises Bad, and No for an unknown character set."""
    if parser.accept(b"CHARSET "):
        if parser.astring().upper() not in _CHARSETS:
            raise No("unknown character set", "BADCHARSET (US-ASCII UTF-8)")
        parser.space()
    tests = [_key(parser, scope, 0)]
    while not parser.at_end:
        parser.space()
        tests.append(_key(parser, scope, 0))
    return _all(tests)


def _all(tests: list[Test]) -> Test:
    return lambda candidate: all(test(candidate) for test in tests)


def _key(parser: Parser, scope: Scope, depth: int) -> Test:
    if depth > _MAX_DEPTH:
        raise Bad("too many parentheses")
    if parser.accept(b"("):
        tests = [_key(parser, scope, depth + 1)]
        while not parser.accept(b")"):
            parser.space()
            tests.append(_key(parser, scope, depth + 1))
        return _all(tests)
    if parser.looks_like_number_set():
        numbers = parser.number_set().select(scope.numbers)
        return lambda candidate: candidate.number in numbers
    name = parser.atom()
    if name in _FLAG_KEYS:
        return _FLAG_KEYS[name]
    if name == b"NOT":
        parser.space()
        negated = _key(parser, scope, depth + 1)
        return lambda candidate: not negated(candidate)
    if name == b"OR":
        parser.space()
        first = _key(parser, scope, depth + 1)
        parser.space()
        second = _key(parser, scope, depth + 1)
        return lambda candidate: first(candidate) or second(candidate)
    if name == b"UID":
        parser.space()
        uids = parser.number_set().select(scope.uids)
        return lambda candidate: candidate.message.uid in uids
    return _key_with_argument(name, parser)


def _key_with_argument(name: bytes, parser: Parser) -> Test:
    if name not in _ARGUMENT_KEYS:
        raise Bad("unknown search key")
    parser.space()
    return _ARGUMENT_KEYS[name](parser)


def _has(flag: str) -> Test:
    return lambda candidate: flag in candidate.message.flags


def _has_not(flag: str) -> Test:
    return lambda candidate: flag not in candidate.message.flags


_FLAG_KEYS: dict[bytes, Test] = {
    b"ALL": lambda candidate: True,
    b"NEW": lambda candidate: candidate.recent and "\\Seen" not in candidate.message.flags,
    b"OLD": lambda candidate: not candidate.recent,
    b"RECENT": lambda candidate: candidate.recent,
}
for _flag in ("Answered", "Deleted", "Draft", "Flagged", "Seen"):
    _FLAG_KEYS[_flag.upper().encode()] = _has(f"\\{_flag}")
    _FLAG_KEYS[b"UN" + _flag.upper().encode()] = _has_not(f"\\{_flag}")


def _keyword(parser: Parser) -> Test:
    return _has(parser.flag())


def _unkeyword(parser: Parser) -> Test:
    return _has_not(parser.flag())


def _larger(parser: Parser) -> Test:
    size = parser.number()
    return lambda candidate: len(candidate.message.content) > size


def _smaller(parser: Parser) -> Test:
    size = parser.number()
    return lambda candidate: len(candidate.message.content) < size


def _received(compare: Callable[[date, date], bool]) -> Callable[[Parser], Test]:
    def parse(parser: Parser) -> Test:
        day = parser.date()
        return lambda candidate: compare(candidate.message.received.date(), day)

    return parse


def _sent(compare: Callable[[date, date], bool]) -> Callable[[Parser], Test]:
    def parse(parser: Parser) -> Test:
        day = parser.date()

        def test(candidate: Candidate) -> bool:
            sent = _date_of(candidate.root)
            return sent is not None and compare(sent, day)

        return test

    return parse


def _field(name: bytes) -> Callable[[Parser], Test]:
    return lambda parser: _field_contains(name, parser.astring())


def _header(parser: Parser) -> Test:
    name = parser.astring()
    parser.space()
    return _field_contains(name.lower(), parser.astring())


def _field_contains(name: bytes, wanted: bytes) -> Test:
    """Return a test for a field that contains a text. Every field contains the empty text."""
    text = _comparable(wanted.decode("utf-8", "replace"))

    def test(candidate: Candidate) -> bool:
        values = (value for field, _, value in candidate.root.fields if field == name)
        return any(text in _comparable(decode_words(value)) for value in values)

    return test


def _body(parser: Parser) -> Test:
    text = _comparable(parser.astring().decode("utf-8", "replace"))
    return lambda candidate: any(text in _comparable(part) for part in candidate.root.text())


def _text(parser: Parser) -> Test:
    text = _comparable(parser.astring().decode("utf-8", "replace"))

    def test(candidate: Candidate) -> bool:
        texts = (*candidate.root.header_text(), *candidate.root.text())
        return any(text in _comparable(part) for part in texts)

    return test


_ARGUMENT_KEYS: dict[bytes, Callable[[Parser], Test]] = {
    b"BCC": _field(b"bcc"),
    b"BEFORE": _received(operator.lt),
    b"BODY": _body,
    b"CC": _field(b"cc"),
    b"FROM": _field(b"from"),
    b"HEADER": _header,
    b"KEYWORD": _keyword,
    b"LARGER": _larger,
    b"ON": _received(operator.eq),
    b"SENTBEFORE": _sent(operator.lt),
    b"SENTON": _sent(operator.eq),
    b"SENTSINCE": _sent(operator.ge),
    b"SINCE": _received(operator.ge),
    b"SMALLER": _smaller,
    b"SUBJECT": _field(b"subject"),
    b"TEXT": _text,
    b"TO": _field(b"to"),
    b"UNKEYWORD": _unkeyword,
}


def _comparable(text: str) -> str:
    return text.casefold()


def _date_of(root: Part) -> date | None:
    """Return the day in the field Date, or None if it is missing or invalid."""
    try:
        return parsedate_to_datetime((root.field(b"date") or b"").decode("latin-1")).date()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
