"""Search filters (RFC 4515): parse them, encode them (RFC 4511, section 4.5.1.7), and see what a match depends on."""

from __future__ import annotations

import re
from collections.abc import Set

import msgspec

from extauth.backends.ldap.ber import SEQUENCE, element, octets
from extauth.backends.ldap.names import placeholders_in

_OID = r"(?:[A-Za-z][A-Za-z0-9-]*|\d+(?:\.\d+)+)"
_ATTRIBUTE = rf"{_OID}(?:;[A-Za-z0-9-]+)*"
_CHARACTER = r"(?:[^()*\\\0]|\\[0-9A-Fa-f]{2})"
_BLANKS = " \t\n"
_ITEM = re.compile(
    rf"{_ATTRIBUTE}(?:=(?:{_CHARACTER}*\*)?(?:{_CHARACTER}+\*)*|[~<>]=){_CHARACTER}*"  # the common ones, also with `*`
    rf"|(?:{_ATTRIBUTE}(?::dn)?(?::{_OID})?|(?::dn)?:(?!dn:){_OID}):={_CHARACTER}*"  # extensible
)
_ESCAPED = re.compile(rb"\\([0-9A-Fa-f]{2})")

_OPERATORS = {"&": 0xA0, "|": 0xA1, "!": 0xA2}
_EQUALITY, _SUBSTRINGS, _PRESENT, _EXTENSIBLE = 0xA3, 0xA4, 0x87, 0xA9
_COMPARISONS = {">": 0xA5, "<": 0xA6, "~": 0xA8}
_INITIAL, _ANY, _FINAL = 0x80, 0x81, 0x82
_RULE, _TYPE, _VALUE, _IN_DN = 0x81, 0x82, 0x83, 0x84


class InvalidFilter(Exception):
    """A text is not a search filter. `rest` begins with the first invalid character."""

    def __init__(self, rest: str) -> None:
        super().__init__(rest)
        self.rest = rest


class SearchFilter(msgspec.Struct, frozen=True):
    """A filter: `&`, `|` or `!` with its parts, or an item. Values in an item may contain placeholders."""

    operator: str = ""
    parts: tuple[SearchFilter, ...] = ()
    item: str = ""

    def needs(self, placeholders: Set[str]) -> bool:
        """Whether every match depends on the value of one of these placeholders."""
        if self.operator == "&":
            return any(part.needs(placeholders) for part in self.parts)
        if self.operator == "|":
            return all(part.needs(placeholders) for part in self.parts)
        return not placeholders.isdisjoint(placeholders_in(self.item))  # `!` has no item

    def encode(self) -> bytes:
        """Return the filter in BER."""
        if self.operator:
            return element(_OPERATORS[self.operator], b"".join([part.encode() for part in self.parts]))
        head, _, value = self.item.partition("=")
        if head[-1] == ":":
            return _encode_extensible(head[:-1], value)
        if head[-1] in _COMPARISONS:
            return element(_COMPARISONS[head[-1]], octets(head[:-1].encode()) + octets(_unescape(value)))
        attribute = octets(head.encode())
        if "*" not in value:
            return element(_EQUALITY, attribute + octets(_unescape(value)))
        return element(_PRESENT, head.encode()) if value == "*" else _encode_substrings(attribute, value)


def parse_filter(text: str) -> SearchFilter:
    """Parse a filter. Raises InvalidFilter."""
    found, rest = _parse(text)
    if rest:
        raise InvalidFilter(rest)
    return found


def _parse(text: str) -> tuple[SearchFilter, str]:
    """Return the filter at the start of `text`, and the rest. Blanks are allowed between the parts."""
    operator = text[1:2]
    if text[:1] != "(" or not operator:
        raise InvalidFilter(text)
    if operator not in "&|!":
        item = _ITEM.match(text, 1)
        if item is None:
            raise InvalidFilter(text)
        return SearchFilter(item=item[0]), _after_parenthesis(text[item.end() :])
    part, rest = _parse(text[2:].lstrip(_BLANKS))
    if operator == "!":
        return SearchFilter(operator, (part,)), _after_parenthesis(rest)
    parts = [part]
    while (rest := rest.lstrip(_BLANKS)).startswith("("):
        part, rest = _parse(rest)
        parts.append(part)
    return SearchFilter(operator, tuple(parts)), _after_parenthesis(rest)


def _after_parenthesis(text: str) -> str:
    """Return the text after its first character, which must be a closing parenthesis."""
    if text[:1] != ")":
        raise InvalidFilter(text)
    return text[1:]


def _encode_substrings(attribute: bytes, value: str) -> bytes:
    initial, *middle, final = map(_unescape, value.split("*"))
    parts = [(_INITIAL, initial), *((_ANY, each) for each in middle), (_FINAL, final)]
    substrings = b"".join(element(tag, part) for tag, part in parts if part)
    return element(_SUBSTRINGS, attribute + element(SEQUENCE, substrings))


def _encode_extensible(head: str, value: str) -> bytes:
    attribute, *more = head.split(":")
    in_dn = more[:1] == ["dn"]
    encoded = b"".join(element(_RULE, rule.encode()) for rule in more[in_dn:])
    if attribute:
        encoded += element(_TYPE, attribute.encode())
    encoded += element(_VALUE, _unescape(value))
    return element(_EXTENSIBLE, encoded + element(_IN_DN, b"\xff") if in_dn else encoded)


def _unescape(value: str) -> bytes:
    """Return the octets of a value. Each hex pair after a backslash is one."""
    encoded = value.encode()
    return _ESCAPED.sub(lambda match: bytes.fromhex(match[1].decode()), encoded) if b"\\" in encoded else encoded


ANY_ENTRY = SearchFilter(item="objectClass=*").encode()
"""Matches every entry."""
