"""The keys of SEARCH that look at one message (RFC 3501, section 6.4.4)."""

from __future__ import annotations

import operator
from collections.abc import Callable
from datetime import date
from email.utils import parsedate_to_datetime
from functools import cached_property

from extauth.harness.mail.imap.parser import Parser
from extauth.harness.mail.imap.parts import Part, decode_words
from extauth.harness.mail.mailbox import Message


class Candidate:
    """A message that may match. `recent`: the connection is the first that was told of it."""

    def __init__(self, number: int, message: Message, recent: bool, root: Part) -> None:
        self.number = number
        self.message = message
        self.recent = recent
        self.root = root

    @cached_property
    def header(self) -> list[str]:
        """The fields of the header, ready to be compared."""
        return [_comparable(text) for text in self.root.header_text()]

    @cached_property
    def body(self) -> list[str]:
        """The texts of the body, ready to be compared."""
        return [_comparable(text) for text in self.root.text()]


Test = Callable[[Candidate], bool]
"""Returns True if a message matches."""


def _has(flag: str) -> Test:
    return lambda candidate: flag in candidate.message.flags


def _has_not(flag: str) -> Test:
    return lambda candidate: flag not in candidate.message.flags


FLAG_KEYS: dict[bytes, Test] = {
    b"ALL": lambda candidate: True,
    b"NEW": lambda candidate: candidate.recent and "\\Seen" not in candidate.message.flags,
    b"OLD": lambda candidate: not candidate.recent,
    b"RECENT": lambda candidate: candidate.recent,
}
for _flag in ("Answered", "Deleted", "Draft", "Flagged", "Seen"):
    FLAG_KEYS[_flag.upper().encode()] = _has(f"\\{_flag}")
    FLAG_KEYS[b"UN" + _flag.upper().encode()] = _has_not(f"\\{_flag}")


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
    return lambda candidate: any(text in part for part in candidate.body)


def _text(parser: Parser) -> Test:
    text = _comparable(parser.astring().decode("utf-8", "replace"))
    return lambda candidate: any(text in part for part in (*candidate.header, *candidate.body))


ARGUMENT_KEYS: dict[bytes, Callable[[Parser], Test]] = {
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
