"""Reads the arguments of a command, from left to right (RFC 3501, section 9).

A literal stands in the text as it arrived: `{3}`, CRLF, and three bytes.
"""

from __future__ import annotations

import re
from datetime import date, datetime

from extauth.harness.mail.imap.numbers import NumberSet
from extauth.harness.mail.imap.replies import MONTHS, Bad

# Bytes that are not ASCII are not allowed in an atom. They are taken, so that a name that has them can be refused.
_TAG_AND_COMMAND = re.compile(rb'([^\x00-\x20\x7f-\xff(){%*"\\+]+) ([A-Za-z]*)')
_ATOM = re.compile(rb'[^\x00-\x20\x7f(){%*"\\\]]+')
_ASTRING = re.compile(rb'[^\x00-\x20\x7f(){%*"\\]+')
_PATTERN = re.compile(rb'[^\x00-\x20\x7f(){"\\]+')
_QUOTED = re.compile(rb'"((?:[^"\\\r\n\x00]|\\["\\])*)"')
_ESCAPE = re.compile(rb"\\(.)")
_LITERAL = re.compile(rb"\{(\d{1,10})\+?\}\r\n", re.ASCII)
_FLAG = re.compile(rb'\\?[^\x00-\x20\x7f-\xff(){%*"\\\]]{1,200}')
_NUMBER = re.compile(rb"\d{1,10}", re.ASCII)
_SET = re.compile(rb"[\d*:,]+", re.ASCII)

_DATE = re.compile(r"(\d{1,2})-([A-Z][a-z]{2})-(\d{4})", re.ASCII)
_DATE_TIME = re.compile(r" ?(\d{1,2}-[A-Z][a-z]{2}-\d{4} \d\d:\d\d:\d\d [+-]\d{4})", re.ASCII)


class Parser:
    """The rest of a command. Each method takes one thing off its beginning, or raises Bad."""

    def __init__(self, command: bytes) -> None:
        self._data = command
        self._at = 0

    @property
    def at_end(self) -> bool:
        """True if nothing is left."""
        return self._at == len(self._data)

    def end(self) -> None:
        """Check that nothing is left."""
        if not self.at_end:
            raise Bad("too many arguments")

    def space(self) -> None:
        """Take the space before an argument."""
        if not self.accept(b" "):
            raise Bad("an argument is missing")

    def accept(self, text: bytes) -> bool:
        """Take `text`, in any letter case, if it comes next."""
        end = self._at + len(text)
        if self._data[self._at : end].upper() != text:
            return False
        self._at = end
        return True

    def next_is(self, text: bytes) -> bool:
        """Return True if `text` comes next. It is not taken."""
        return self._data.startswith(text, self._at)

    def expect(self, text: bytes) -> None:
        """Take `text`, in any letter case."""
        if not self.accept(text):
            raise Bad("invalid arguments")

    def tag_and_command(self) -> tuple[bytes, bytes]:
        """Take the tag and the name of the command, which is returned in capital letters.

        Raises Bad for one word alone. It is not taken as a tag, so that no reply repeats it: it could be a password.
        """
        match = self._match(_TAG_AND_COMMAND, "a command begins with a tag, a space and its name")
        return match[1], match[2].upper()

    def atom(self) -> bytes:
        """Take an atom. Return it in capital letters."""
        return self._match(_ATOM, "invalid arguments")[0].upper()

    def rest(self) -> bytes:
        """Take everything."""
        rest, self._at = self._data[self._at :], len(self._data)
        return rest

    def astring(self) -> bytes:
        """Take a word or a string."""
        return self._string_or(_ASTRING)

    def pattern(self) -> bytes:
        """Take a pattern of LIST, which may contain `*` and `%`."""
        return self._string_or(_PATTERN)

    def mailbox(self) -> str:
        """Take the name of a mailbox. INBOX may be in small letters."""
        return mailbox_name(self.astring())

    def nstring(self) -> bytes | None:
        """Take a string or NIL."""
        return None if self.accept(b"NIL") else self.string()

    def string(self) -> bytes:
        """Take a quoted string or a literal."""
        if quoted := _QUOTED.match(self._data, self._at):
            self._at = quoted.end()
            return _ESCAPE.sub(rb"\1", quoted[1])
        return self.literal()

    def literal(self) -> bytes:
        """Take a literal."""
        size = int(self._match(_LITERAL, "invalid arguments")[1])
        literal = self._data[self._at : self._at + size]
        self._at += size
        return literal

    def number(self) -> int:
        """Take a number."""
        return int(self._match(_NUMBER, "invalid number")[0])

    def number_set(self) -> NumberSet:
        """Take a set of message numbers or UIDs."""
        return NumberSet.parse(self._match(_SET, "invalid set of messages")[0])

    def looks_like_number_set(self) -> bool:
        """Return True if a set of numbers comes next."""
        return _SET.match(self._data, self._at) is not None

    def flags(self) -> frozenset[str]:
        r"""Take flags in parentheses. `\Recent` is ignored, since only the mail server sets it."""
        self.expect(b"(")
        flags: list[str] = []
        while not self.accept(b")"):
            if flags:
                self.space()
            flags.append(self.flag())
        return frozenset(flags) - {"\\Recent"}

    def flag(self) -> str:
        r"""Take a flag. Those with a backslash get their usual letter case."""
        flag = self._match(_FLAG, "invalid flag")[0].decode("ascii")
        return _SYSTEM_FLAGS.get(flag.lower(), flag)

    def date(self) -> date:
        """Take a date, with or without quotes."""
        return _date(self.astring().decode("latin-1").title())

    def date_time(self) -> datetime:
        """Take a date with a time."""
        match = _DATE_TIME.fullmatch(self.string().decode("latin-1").title())
        if match is None:
            raise Bad("invalid date")
        day, time, zone = match[1].split(" ")
        try:
            return datetime.combine(_date(day), datetime.strptime(f"{time} {zone}", "%H:%M:%S %z").timetz())
        except ValueError:
            raise Bad("invalid date") from None

    def _string_or(self, pattern: re.Pattern[bytes]) -> bytes:
        if match := pattern.match(self._data, self._at):
            self._at = match.end()
            return match[0]
        return self.string()

    def match_if(self, pattern: re.Pattern[bytes]) -> bytes | None:
        """Take what matches `pattern`, in capital letters, if it comes next."""
        match = pattern.match(self._data, self._at)
        if match is None:
            return None
        self._at = match.end()
        return match[0].upper()

    def match(self, pattern: re.Pattern[bytes]) -> bytes:
        """Take what matches `pattern`, as `match_if`."""
        match = self.match_if(pattern)
        if match is None:
            raise Bad("invalid arguments")
        return match

    def _match(self, pattern: re.Pattern[bytes], problem: str) -> re.Match[bytes]:
        match = pattern.match(self._data, self._at)
        if match is None:
            raise Bad(problem)
        self._at = match.end()
        return match


MAX_FLAGS = 50
"""Flags of one message."""

SYSTEM_FLAGS = ("\\Answered", "\\Flagged", "\\Deleted", "\\Seen", "\\Draft")
_SYSTEM_FLAGS = {flag.lower(): flag for flag in (*SYSTEM_FLAGS, "\\Recent")}


def mailbox_name(name: bytes) -> str:
    """Return the name of a mailbox. It stays in modified UTF-7 (RFC 3501, section 5.1.3). Raises Bad."""
    if not name.isascii() or not name.decode("ascii").isprintable():
        raise Bad("the name of the mailbox must be in modified UTF-7")
    return "INBOX" if name.upper() == b"INBOX" else name.decode("ascii")


def _date(text: str) -> date:
    match = _DATE.fullmatch(text)
    try:
        if match is None:
            raise ValueError
        return date(int(match[3]), MONTHS.index(match[2]) + 1, int(match[1]))
    except ValueError:
        raise Bad("invalid date") from None
