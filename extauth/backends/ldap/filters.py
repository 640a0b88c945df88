"""Search filters (RFC 4515): parse them, encode them (RFC 4511, section 4.5.1.7), and see what a match depends on."""

from __future__ import annotations

import re
from collections.abc import Mapping, Set

import msgspec

from extauth.backends.ldap.ber import OCTETS, SEQUENCE, element, octets
from extauth.backends.ldap.names import placeholders_in, split_placeholders

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


Text = tuple[bytes | str, ...]
"""A value with placeholders: octets as they are, and names of placeholders as `str`."""


class Item(msgspec.Struct, frozen=True):
    """One comparison, as in `uid={name}`, ready to be encoded: what comes before the values, the values, and after."""

    placeholders: frozenset[str]
    tag: int
    before: bytes
    values: tuple[tuple[int, Text], ...] = ()
    after: bytes = b""

    def needs(self, placeholders: Set[str]) -> bool:
        """Whether every match depends on the value of one of these placeholders."""
        return not placeholders.isdisjoint(self.placeholders)

    def encode(self, values: Mapping[str, str]) -> bytes:
        """Return the filter in BER. `values`: what stands for the placeholders. It is not parsed."""
        encoded = b"".join([element(tag, _fill(text, values)) for tag, text in self.values])
        if self.tag == _SUBSTRINGS:
            encoded = element(SEQUENCE, encoded)
        return element(self.tag, self.before + encoded + self.after)


class Combination(msgspec.Struct, frozen=True):
    """Filters joined by `&` or `|`, or one behind `!`."""

    operator: str
    parts: tuple[SearchFilter, ...]

    def needs(self, placeholders: Set[str]) -> bool:
        """Whether every match depends on the value of one of these placeholders."""
        needs = [part.needs(placeholders) for part in self.parts]
        return any(needs) if self.operator == "&" else self.operator == "|" and all(needs)

    def encode(self, values: Mapping[str, str]) -> bytes:
        """Return the filter in BER. `values`: what stands for the placeholders. It is not parsed."""
        return element(_OPERATORS[self.operator], b"".join([part.encode(values) for part in self.parts]))


SearchFilter = Item | Combination


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
        return _item(item[0]), _after_parenthesis(text[item.end() :])
    part, rest = _parse(text[2:].lstrip(_BLANKS))
    if operator == "!":
        return Combination(operator, (part,)), _after_parenthesis(rest)
    parts = [part]
    while (rest := rest.lstrip(_BLANKS)).startswith("("):
        part, rest = _parse(rest)
        parts.append(part)
    return Combination(operator, tuple(parts)), _after_parenthesis(rest)


def _after_parenthesis(text: str) -> str:
    """Return the text after its first character, which must be a closing parenthesis."""
    if text[:1] != ")":
        raise InvalidFilter(text)
    return text[1:]


def _item(text: str) -> Item:
    """Return the item of a text that matches _ITEM."""
    head, _, value = text.partition("=")
    placeholders = frozenset(placeholders_in(value))
    if head[-1] == ":":
        attribute, *more = head[:-1].split(":")
        in_dn = more[:1] == ["dn"]
        before = b"".join(element(_RULE, rule.encode()) for rule in more[in_dn:])
        before += element(_TYPE, attribute.encode()) if attribute else b""
        after = element(_IN_DN, b"\xff") if in_dn else b""
        return Item(placeholders, _EXTENSIBLE, before, ((_VALUE, _unescape(value)),), after)
    if head[-1] in _COMPARISONS:
        return Item(placeholders, _COMPARISONS[head[-1]], octets(head[:-1].encode()), ((OCTETS, _unescape(value)),))
    if value == "*":
        return Item(placeholders, _PRESENT, head.encode())
    if "*" not in value:
        return Item(placeholders, _EQUALITY, octets(head.encode()), ((OCTETS, _unescape(value)),))
    initial, *middle, final = map(_unescape, value.split("*"))
    parts = ((_INITIAL, initial), *((_ANY, each) for each in middle), (_FINAL, final))
    return Item(placeholders, _SUBSTRINGS, octets(head.encode()), tuple(part for part in parts if part[1] != (b"",)))


def _unescape(value: str) -> Text:
    """Split a value at its placeholders. Of the rest, each hex pair after a backslash is one octet."""
    found: list[bytes | str] = list(split_placeholders(value))
    for place in range(0, len(found), 2):
        encoded = value_text.encode() if isinstance(value_text := found[place], str) else b""
        found[place] = _ESCAPED.sub(lambda match: bytes.fromhex(match[1].decode()), encoded)
    return tuple(found)


def _fill(text: Text, values: Mapping[str, str]) -> bytes:
    return b"".join([part if isinstance(part, bytes) else values[part].encode() for part in text])


ANY_ENTRY = Item(frozenset(), _PRESENT, b"objectClass")
"""Matches every entry."""
