"""Distinguished names (RFC 4514), and placeholders for parts of an account."""

from __future__ import annotations

import re
from collections.abc import Mapping

from extauth.errors import ConfigError
from extauth.model import Account

_PLACEHOLDER = re.compile(r"\{([A-Za-z_]*)\}")
_ACCOUNT_VALUES = ("name", "domain", "account")


def placeholders_in(text: str) -> frozenset[str]:
    """Return the names in braces."""
    return frozenset(_PLACEHOLDER.findall(text))


def split_placeholders(text: str) -> list[str]:
    """Split a text at its placeholders. Every second part is the name of one."""
    return _PLACEHOLDER.split(text)


def check_placeholders(text: str, key: str, *more: str) -> None:
    """Raise ConfigError if a text has other placeholders than those of an account and `more`."""
    known = (*_ACCOUNT_VALUES, *more)
    for name in placeholders_in(text).difference(known):
        raise ConfigError(f"{key} = {text!r}: unknown placeholder {{{name}}}; known are {{{'}, {'.join(known)}}}")


def values_of(account: Account) -> dict[str, str]:
    """Return what stands for the placeholders."""
    return {"name": account.name, "domain": account.domain, "account": account.address}


class NameTemplate:
    """A distinguished name with placeholders for parts of an account."""

    def __init__(self, text: str, key: str) -> None:
        check_placeholders(text, key)
        self.text = text
        self.placeholders = placeholders_in(text)
        self._parts = split_placeholders(text)

    def fill(self, values: Mapping[str, str]) -> str:
        """Return the name for these values, which are escaped."""
        if not self.placeholders:
            return self.text
        found = self._parts.copy()
        found[1::2] = [escape_for_dn(values[name]) for name in found[1::2]]
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
    if value.isalnum() and value.isascii():
        return value
    return _NOT_PLAIN.sub(lambda match: b"\\%02x" % match[0][0], value.encode()).decode()


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
