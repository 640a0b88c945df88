"""Files of accounts that suddenly look damaged: what an earlier load has found in a file, and what this load finds.

A disk that is full, or a copy that breaks off, leaves an empty or a short file. Served as it is, it would turn every
account into an unknown one. A last line that is cut off may hold another password than the one that was set.
"""

from __future__ import annotations

import enum
from pathlib import Path

import msgspec

_LOST = 10  # a file that had so many times as many accounts has lost too many


class OnDamage(enum.Enum):
    """What becomes of a load that finds a file that looks damaged."""

    ACCEPT = 1
    """At the start and after SIGHUP the file is taken as it is, with a warning."""

    REFUSE = 2
    """After a change the load fails, and the previous generation goes on."""

    SUSPEND = 3
    """The supervisor has died, so no earlier table is left: the accounts of the file get a temporary failure."""


class FileContents(msgspec.Struct, frozen=True, array_like=True):
    """What a backend has found in a file: the number of accounts, and whether the last line has a line end."""

    backend: str
    path: Path
    accounts: int
    has_line_end: bool

    def damage_since(self, earlier: FileContents) -> str | None:
        """Return what makes this file look damaged; None if it looks whole."""
        if earlier.accounts and self.accounts * _LOST <= earlier.accounts:
            return f"has {_count(self.accounts)}, and had {earlier.accounts} before"
        if earlier.has_line_end and not self.has_line_end:
            return "its last line has no line end any more, so it may be cut off"
        return None

    def remark(self) -> str | None:
        """Return what is odd about a file that was not read before."""
        if not self.accounts:
            return "has no accounts"
        return None if self.has_line_end else "its last line has no line end, so it may be cut off"


class FileHistory(msgspec.Struct, frozen=True):
    """The files that earlier loads of a configuration have read, and what they have found."""

    known_files: frozenset[Path] = frozenset()
    contents: dict[tuple[str, Path], FileContents] = {}
    on_damage: OnDamage = OnDamage.ACCEPT

    def after(self, files: list[Path], contents: list[FileContents]) -> FileHistory:
        """Return the history after one more load."""
        found = {(each.backend, each.path): each for each in contents}
        return FileHistory(self.known_files | set(files), self.contents | found)

    def to_load(self, on_damage: OnDamage) -> FileHistory:
        """Return the same for the next load."""
        return FileHistory(self.known_files, self.contents, on_damage)


NO_HISTORY = FileHistory()
"""Nothing was loaded before."""


def _count(accounts: int) -> str:
    return "no accounts" if accounts == 0 else "1 account" if accounts == 1 else f"{accounts} accounts"
