"""The path of a password file for each domain."""

from __future__ import annotations

import os
from pathlib import Path

from extauth.errors import ConfigError

DOMAIN = "{domain}"
"""What stands for the domain in a path."""


class DomainPath:
    """A path with one `{domain}` in it. Raises ConfigError if there are more."""

    def __init__(self, path: Path) -> None:
        self._before, _, self._after = str(path).partition(DOMAIN)
        if DOMAIN in self._after:
            raise ConfigError(f"path = {str(path)!r}: contains {DOMAIN} more than once")
        above, _, self._prefix = self._before.rpartition(os.sep)
        self.folder = Path(above or os.sep)
        self._suffix = self._after.partition(os.sep)[0]

    def file_of(self, domain: str) -> Path:
        """Return the file of a domain."""
        return Path(self._before + domain + self._after)

    def existing_domains(self) -> list[str]:
        """Return the text in the place of `{domain}` for every name in the folder. Raises OSError."""
        names = sorted(entry.name for entry in self.folder.iterdir())
        return [domain for name in names if (domain := self._domain_in(name))]

    def domain_of(self, path: Path) -> str:
        """Return the text in the place of `{domain}`; an empty text if the path does not match."""
        text = str(path)
        domain = text[len(self._before) : len(text) - len(self._after)]
        return domain if self.file_of(domain) == path and os.sep not in domain else ""

    def _domain_in(self, name: str) -> str:
        if not (name.startswith(self._prefix) and name.endswith(self._suffix)):
            return ""
        return name[len(self._prefix) : len(name) - len(self._suffix)]
