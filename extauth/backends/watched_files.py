"""The files of a backend: it is loaded again when one of them changes, and a damaged one replaces no good one."""

from __future__ import annotations

import logging
from pathlib import Path

from extauth.backends.context import BackendContext, SeenFiles
from extauth.backends.file_history import FileContents, OnDamage
from extauth.errors import BackendUnavailable, ConfigError
from extauth.trust import read_trusted, reason_of, signature


class WatchedFiles:
    """What `Backend` has for files. Call its methods in `load`.

    `context`: the place in the configuration. `log`: a logger of the backend. What was found is for extauth alone:
    `seen_files`, `file_contents`, and `damaged_files`, a sentence for each.
    """

    def __init__(self, context: BackendContext) -> None:
        self.context = context
        self.log = logging.getLogger(f"extauth.backend.{context.name}")
        self.seen_files: SeenFiles = {}
        self.file_contents: list[FileContents] = []
        self.damaged_files: list[str] = []

    def read_file(self, path: Path, *, private: bool = True) -> bytes:
        """Read a file that only root or this process's user can have written. Reload when it changes.

        `private`: warn if every user can read the file. Raise ConfigError if it is unsafe, or if it cannot be read and
        has never been read; BackendUnavailable if it has been read before and cannot be read now.
        """
        try:
            file = read_trusted(path, allow_unsafe=self.context.allow_unsafe_files)
        except OSError as error:
            self.seen_files[path] = None
            if path in self.context.known_files:
                raise BackendUnavailable(f"{path}: {reason_of(error, path)}") from None
            raise ConfigError(f"{path}: {reason_of(error, path)}") from None
        if private and file.readable_by_everyone:
            self.log.warning("%s: every user can read this file; run: chmod o-r %s", path, path)
        self.seen_files[path] = file.signature
        return file.data

    def check_contents(self, path: Path, data: bytes, accounts: int) -> None:
        """Check a file of accounts that was read: it must not look damaged beside what an earlier load has found.

        `data`: its content. `accounts`: how many are in it. Raise ConfigError to keep the accounts of the earlier load,
        and BackendUnavailable if they are lost. A file that is not known, or comes with SIGHUP, only gets a warning.
        """
        found = FileContents(self.context.name, path, accounts, not data or data.endswith(b"\n"))
        history = self.context.history
        earlier = history.contents.get((found.backend, path))
        damage = found.damage_since(earlier) if earlier is not None else found.remark()
        if damage is not None and (earlier is None or history.on_damage is OnDamage.ACCEPT):
            self.log.warning("%s: %s; it is used as it is", path, damage)
        elif damage is not None:
            problem = f"{path}: {damage}; if the file is right, send SIGHUP"
            if history.on_damage is OnDamage.REFUSE:
                raise ConfigError(problem)
            self.damaged_files.append(f"no login with {problem}")
            raise BackendUnavailable(problem)
        self.file_contents.append(found)

    def watch(self, path: Path) -> None:
        """Reload when this file or folder changes, without reading it with `read_file`."""
        self.seen_files[path] = signature(path)
