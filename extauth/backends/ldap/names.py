"""Distinguished names (RFC 4514): a value escaped to be a part of one, and two of them compared."""

from __future__ import annotations

import re

Name = tuple[frozenset[tuple[str, str]], ...]
"""A distinguished name as it is compared: of each part its types and values, case and runs of spaces apart.

Letters are lowered one by one, as OpenLDAP does it, and nothing is folded into others: `ß` is not `ss`. Some names that
are one to OpenLDAP, such as one in full-width letters, are two here.
"""

_NOT_PLAIN = re.compile(rb"[^A-Za-z0-9_.@-]")
_ESCAPE = re.compile(r"((?:\\[0-9A-Fa-f]{2})+)|\\(.)", re.DOTALL)
_PART = re.compile(
    r" *(?P<type>[A-Za-z][A-Za-z0-9-]*|\d+(?:\.\d+)*) *= *"
    r"(?P<value>(?:[^\\,+;\"]|\\.)*|\"(?:[^\\\"]|\\.)*\" *)(?P<end>[,;+]|$)",
    re.DOTALL,
)


def escaped_for_name(value: str) -> str:
    """`value` as a value in a distinguished name (RFC 4514, section 2.4): hex pairs for all but the plain."""
    return _in_hex(value)


def escaped_for_filter(value: str) -> str:
    """`value` as a value in a search filter (RFC 4515, section 3): hex pairs for all but the plain.

    More than must be is escaped: blanks at the ends, which parsers strip, and what is not ASCII.
    """
    return _in_hex(value)


def parsed_name(text: str) -> Name | None:
    """A distinguished name as it is compared; None where it is none, or empty."""
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
    """What an attribute's value stands for, case and runs of spaces apart; None where it is not UTF-8."""
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
