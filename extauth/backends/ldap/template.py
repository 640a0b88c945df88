"""Settings with `{name}`, `{domain}` and `{account}` in them, filled in with what is escaped for where it goes."""

from __future__ import annotations

import re
from collections.abc import Callable

from extauth.errors import ConfigError
from extauth.model import Account

_PLACEHOLDER = re.compile(r"\{([A-Za-z_]*)\}")
_OF_THE_ACCOUNT = ("name", "domain", "account")


def placeholders_in(text: str) -> frozenset[str]:
    """The names in braces."""
    return frozenset(_PLACEHOLDER.findall(text))


class Template:
    """A text with placeholders; every value goes through `escape`."""

    def __init__(self, text: str, escape: Callable[[str], str], *, key: str, more: tuple[str, ...] = ()) -> None:
        known = (*_OF_THE_ACCOUNT, *more)
        self.placeholders = placeholders_in(text)
        for name in self.placeholders.difference(known):
            raise ConfigError(f"{key} = {text!r}: there is no {{{name}}}; known are {{{'}, {'.join(known)}}}")
        self._text = text
        self._pieces = [(bool(place % 2), each) for place, each in enumerate(_PLACEHOLDER.split(text))]
        self._escape = escape

    def filled(self, account: Account, **more: str) -> str:
        """The text for this account."""
        if not self.placeholders:
            return self._text
        values = {"name": account.name, "domain": account.domain, "account": account.address} | more
        return "".join(self._escape(values[each]) if is_name else each for is_name, each in self._pieces)
