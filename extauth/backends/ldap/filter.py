"""Search filters (RFC 4515), read at the start: whether a directory can read them, and what no match is without."""

from __future__ import annotations

import re
from collections.abc import Set

import msgspec

from extauth.backends.ldap.template import placeholders_in

_OID = r"(?:[A-Za-z][A-Za-z0-9-]*|\d+(?:\.\d+)+)"
_ATTRIBUTE = rf"{_OID}(?:;[A-Za-z0-9-]+)*"
_SIGN = r"(?:[^()*\\\0]|\\[0-9A-Fa-f]{2})"
_BLANKS = " \t\n"
_ITEM = re.compile(
    rf"{_ATTRIBUTE}(?:=(?:{_SIGN}*\*)?(?:{_SIGN}+\*)*|[~<>]=){_SIGN}*"  # the common ones, those with `*` too
    rf"|(?:{_ATTRIBUTE}(?::dn)?(?::{_OID})?|(?::dn)?:(?!dn:){_OID}):={_SIGN}*"  # extensible
)


class NoFilter(Exception):
    """A text is no search filter; `rest` is where it ceases to be one."""

    def __init__(self, rest: str) -> None:
        super().__init__(rest)
        self.rest = rest


class Filter(msgspec.Struct, frozen=True):
    """A filter: `&`, `|` or `!` and its parts, or an item, in which values may hold placeholders."""

    operator: str = ""
    parts: tuple[Filter, ...] = ()
    item: str = ""

    def needs(self, placeholders: Set[str]) -> bool:
        """Whether no entry matches but by the value of one of these placeholders."""
        if self.operator == "&":
            return any(part.needs(placeholders) for part in self.parts)
        if self.operator == "|":
            return all(part.needs(placeholders) for part in self.parts)
        return not placeholders.isdisjoint(placeholders_in(self.item))  # `!` has no item: it says what does not match


def parsed_filter(text: str) -> Filter:
    """Read a filter. Raises NoFilter."""
    found, rest = _read(text)
    if rest:
        raise NoFilter(rest)
    return found


def _read(text: str) -> tuple[Filter, str]:
    """The filter that `text` begins with, and the rest. Blanks may stand where both engines take them."""
    operator = text[1:2]
    if text[:1] != "(" or not operator:
        raise NoFilter(text)
    if operator not in "&|!":
        item = _ITEM.match(text, 1)
        if item is None:
            raise NoFilter(text)
        return Filter(item=item[0]), _closed(text[item.end() :])
    part, rest = _read(text[2:].lstrip(_BLANKS))
    if operator == "!":
        return Filter(operator, (part,)), _closed(rest)
    parts = [part]
    while (rest := rest.lstrip(_BLANKS)).startswith("("):
        part, rest = _read(rest)
        parts.append(part)
    return Filter(operator, tuple(parts)), _closed(rest)


def _closed(text: str) -> str:
    """What comes after the closing parenthesis that `text` begins with."""
    if text[:1] != ")":
        raise NoFilter(text)
    return text[1:]
