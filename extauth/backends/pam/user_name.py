"""The OS user name of an account: a template, as the mail server's *OS User Name* setting is one."""

from __future__ import annotations

import re

from extauth.errors import ConfigError
from extauth.model import Account

_PIECE = re.compile(r"(\*|\{[^{}]*\}|[{}])")


class UserName:
    """A template: `*` or `{name}` stands for the account's name, `{domain}` for its domain; the rest is literal.

    Raises ConfigError where a name is left out (everybody would be one user), or something else is in braces.
    """

    def __init__(self, template: str) -> None:
        self._pieces = _PIECE.split(template)  # literal text at even places
        placeholders = self._pieces[1::2]
        for found in placeholders:
            if found not in ("*", "{name}", "{domain}"):
                raise ConfigError(f"username = {template!r}: {found} is unknown; known are *, {{name}} and {{domain}}")
        if not {"*", "{name}"}.intersection(placeholders):
            raise ConfigError(f"username = {template!r}: must hold * or {{name}}, or everybody would be one user")
        if not template.isprintable():
            raise ConfigError(f"username = {template!r}: holds what cannot be printed")
        self.tells_domains_apart = "{domain}" in placeholders

    def of(self, account: Account) -> str:
        """The OS user name of this account."""
        values = {"*": account.name, "{name}": account.name, "{domain}": account.domain}
        pieces = list(self._pieces)
        pieces[1::2] = [values[placeholder] for placeholder in pieces[1::2]]
        return "".join(pieces)
