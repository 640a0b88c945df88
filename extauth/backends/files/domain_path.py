"""`{domain}` in a path: one password file for each domain."""

from __future__ import annotations

import os
from pathlib import Path

from extauth.errors import ConfigError

_DOMAIN = "{domain}"


class DomainPath:
    """A path with one `{domain}` in it. Raises ConfigError where there are more."""

    def __init__(self, path: Path) -> None:
        self._before, _, self._after = str(path).partition(_DOMAIN)
        if _DOMAIN in self._after:
            raise ConfigError(f"path = {str(path)!r}: holds {_DOMAIN} more than once")
        above, _, self._prefix = self._before.rpartition(os.sep)
        self.folder = Path(above or os.sep)
        self._suffix = self._after.partition(os.sep)[0]

    @staticmethod
    def is_one(path: Path) -> bool:
        """Whether `path` holds `{domain}`."""
        return _DOMAIN in str(path)

    def of(self, domain: str) -> Path:
        """The file for `domain`."""
        return Path(self._before + domain + self._after)

    def domains_there(self) -> list[str]:
        """What stands for `{domain}` in the names that are there now. Raises OSError."""
        names = sorted(entry.name for entry in self.folder.iterdir())
        return [domain for name in names if (domain := self._domain_in(name))]

    def domain_of(self, path: Path) -> str:
        """What stands for `{domain}` in `path`; empty where it is no such file."""
        text = str(path)
        domain = text[len(self._before) : len(text) - len(self._after)]
        return domain if self.of(domain) == path and os.sep not in domain else ""

    def _domain_in(self, name: str) -> str:
        if not (name.startswith(self._prefix) and name.endswith(self._suffix)):
            return ""
        return name[len(self._prefix) : len(name) - len(self._suffix)]
