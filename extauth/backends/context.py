"""What a backend is told about its place in the configuration."""

from __future__ import annotations

from pathlib import Path

import msgspec

from extauth.backends.file_history import NO_HISTORY, FileHistory
from extauth.protocol.accounts import AccountParser
from extauth.trust import Signature

SeenFiles = dict[Path, Signature | None]
"""Files and folders that were read, with their signature at that time; None if they could not be reached."""


class BackendContext(msgspec.Struct, frozen=True):
    """What the configuration says around a backend's own settings.

    `name`: the backend's name in the log. `domains`: the domains that it serves (None: every domain).
    `accounts`: the rules for canonical form. `deadline`: seconds after which extauth no longer waits for a verdict.
    `history`: what earlier loads of the same configuration have read. `workers`: how many processes use the backend at
    the same time. `attributes`: of accounts, which `knows_account` may return, because `[provision]` uses them.
    """

    name: str
    domains: tuple[str, ...] | None
    accounts: AccountParser
    deadline: float
    allow_unsafe_files: bool = False
    history: FileHistory = NO_HISTORY
    workers: int = 1
    attributes: tuple[str, ...] = ()

    @property
    def known_files(self) -> frozenset[Path]:
        """The files that an earlier load of the same configuration has read."""
        return self.history.known_files
