"""Name the invisible characters in a text: copying and editors add them, and nobody sees them in a file."""

from __future__ import annotations

import unicodedata

_NAMES = {
    " ": "a blank",
    "\t": "a TAB",
    "\r": "a CR",
    "\n": "an LF",
    "\0": "a NUL",
    "\u00a0": "a no-break space",
    "\u200b": "a zero-width space",
    "\ufeff": "a byte order mark",
}
_INVISIBLE = {"Cc": "a control character", "Cf": "an invisible character", "Zs": "an invisible space"}
_LINE = ("Zl", "Zp")


def invisible_in(value: bytes) -> str:
    """Return the names of the invisible characters in `value`, in their order; an empty text if there are none."""
    return " and ".join(dict.fromkeys(filter(None, map(_name, value.decode(errors="replace")))))


def invisible_at_ends(text: str) -> str:
    """Return the names of the invisible characters at the ends of `text`; an empty text if there are none."""
    return " and ".join(dict.fromkeys(filter(None, (_name(text[:1]), _name(text[-1:])))))


def _name(char: str) -> str:
    if not char or (char.isprintable() and char != " "):
        return ""
    category = unicodedata.category(char)
    return _NAMES.get(char) or _INVISIBLE.get(category) or ("a line separator" if category in _LINE else "")
