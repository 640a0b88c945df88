"""Distinguished names (RFC 4514), and placeholders for parts of an account in names and filters."""

from __future__ import annotations

import re
from collections.abc import Callable
from operator import attrgetter

from extauth.errors import ConfigError
from extauth.model import Account

_PLACEHOLDER = re.compile(r"\{([A-Za-z_]*)\}")
_ACCOUNT_VALUES = {"name": attrgetter("name"), "domain": attrgetter("domain"), "account": attrgetter("address")}


def placeholders_in(text: str) -> frozenset[str]:
    """Return the names in braces."""
    return frozenset(_PLACEHOLDER.findall(text))


class AccountTemplate:
    """A text with placeholders for parts of an account. `escape` escapes every value."""

    def __init__(self, text: str, escape: Callable[[str], str], *, key: str, more: tuple[str, ...] = ()) -> None:
        known = (*_ACCOUNT_VALUES, *more)
        self.placeholders = placeholders_in(text)
        for name in self.placeholders.difference(known):
            raise ConfigError(f"{key} = {text!r}: unknown placeholder {{{name}}}; known are {{{'}, {'.join(known)}}}")
        self.text = text
        self._texts = _PLACEHOLDER.split(text)  # every second one is the name of a placeholder
        self._names = [(place, self._texts[place]) for place in range(1, len(self._texts), 2)]
        self._escape = escape

    def fill(self, account: Account, **more: str) -> str:
        """Return the text for this account."""
        if not self.placeholders:
            return self.text
        found = self._texts.copy()
        for place, name in self._names:
            found[place] = self._escape(more[name] if name in more else _ACCOUNT_VALUES[name](account))
        return "".join(found)


DistinguishedName = tuple[frozenset[tuple[str, str]], ...]
"""A distinguished name in a form to compare: the types and values of each part. Case and repeated spaces do not count.

Letters are put in lower case one by one, as in OpenLDAP. `ß` does not become `ss`. OpenLDAP takes some more names for
the same, for example one in full-width letters.
"""

_NOT_PLAIN = re.compile(rb"[^A-Za-z0-9_.@-]")
_ESCAPE = re.compile(r"((?:\\[0-9A-Fa-f]{2})+)|\\(.)", re.DOTALL)
_PART = re.compile(
    r" *(?P<type>[A-Za-z][A-Za-z0-9-]*|\d+(?:\.\d+)*) *= *"
    r"(?P<value>(?:[^\\,+;\"]|\\.)*|\"(?:[^\\\"]|\\.)*\" *)(?P<end>[,;+]|$)",
    re.DOTALL,
)


def escape_for_dn(value: str) -> str:
    """Escape a value for a distinguished name (RFC 4514, section 2.4). All but plain characters become hex pairs."""
    return _in_hex(value)


def escape_for_filter(value: str) -> str:
    """Escape a value for a search filter (RFC 4515, section 3). All but plain characters become hex pairs.

    That includes blanks, because parsers strip them at the ends, and characters outside ASCII.
    """
    return _in_hex(value)


def parse_dn(text: str) -> DistinguishedName | None:
    """Parse a distinguished name. Return None if it is invalid or empty."""
    parts: list[frozenset[tuple[str, str]]] = []
    pairs: set[tuple[str, str]] = set()
    position = 0
    while True:
        match = _PART.match(text, position)
        if match is None:
            return None
        value = _value(match["value"])
        if value is None:
            return None
        pairs.add((match["type"].lower(), value))
        if match["end"] != "+":
            parts.append(frozenset(pairs))
            pairs = set()
        if not match["end"]:
            return tuple(parts)
        position = match.end()


def _in_hex(value: str) -> str:
    if value.isalnum() and value.isascii():
        return value
    return _NOT_PLAIN.sub(lambda match: b"\\%02x" % match[0][0], value.encode()).decode()


def _value(raw: str) -> str | None:
    """Unescape a value and reduce its case and spaces. Return None if it is not UTF-8."""
    raw = raw.rstrip(" ")[1:-1] if raw.startswith('"') else raw
    try:
        text = _ESCAPE.sub(lambda match: _bytes(match[1]).decode() if match[1] else match[2], raw)
    except UnicodeDecodeError:
        return None
    return " ".join(filter(None, "".join(map(_lowered, text)).split(" ")))


def _lowered(letter: str) -> str:
    lowered = letter.lower()
    return lowered if len(lowered) == 1 else letter


def _bytes(hex_pairs: str) -> bytes:
    return bytes.fromhex(hex_pairs.replace("\\", ""))
