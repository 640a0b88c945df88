"""Settings with `{name}`, `{domain}` and `{account}` in them, filled in with what is escaped for where it goes."""

from __future__ import annotations

import re
from collections.abc import Callable
from operator import attrgetter

from extauth.errors import ConfigError
from extauth.model import Account

_PLACEHOLDER = re.compile(r"\{([A-Za-z_]*)\}")
_OF_THE_ACCOUNT = {"name": attrgetter("name"), "domain": attrgetter("domain"), "account": attrgetter("address")}


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
        self.text = text
        self._texts = _PLACEHOLDER.split(text)  # every second one is a name
        self._names = [(place, self._texts[place]) for place in range(1, len(self._texts), 2)]
        self._escape = escape

    def filled(self, account: Account, **more: str) -> str:
        """The text for this account."""
        if not self.placeholders:
            return self.text
        found = self._texts.copy()
        for place, name in self._names:
            found[place] = self._escape(more[name] if name in more else _OF_THE_ACCOUNT[name](account))
        return "".join(found)
