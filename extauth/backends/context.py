"""What a backend is told about its place in the configuration."""

from __future__ import annotations

from pathlib import Path

import msgspec

from extauth.protocol.accounts import AccountParser
from extauth.trust import Signature

SeenFiles = dict[Path, Signature | None]
"""Files and folders that were read, with their signature at that time; None if they could not be reached."""


class BackendContext(msgspec.Struct, frozen=True):
    """What the configuration says around a backend's own settings.

    `name`: the backend's name in the log. `domains`: the domains that it serves (None: every domain).
    `accounts`: the rules for canonical form. `deadline`: seconds after which extauth no longer waits for a verdict.
    `workers`: how many processes use the backend at the same time. `known_files`: files that an earlier load of the
    same configuration has read.
    """

    name: str
    domains: tuple[str, ...] | None
    accounts: AccountParser
    deadline: float
    allow_unsafe_files: bool = False
    known_files: frozenset[Path] = frozenset()
    workers: int = 1
