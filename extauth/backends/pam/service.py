"""The service: where PAM finds its file, and whether that is enough for PAM not to ask another service."""

from __future__ import annotations

import re
from pathlib import Path

from extauth.backends.base import SeenFiles
from extauth.backends.pam.stack import FOLDERS, Stack, is_readable, read_stack
from extauth.errors import BackendUnavailable, ConfigError
from extauth.trust import signature

_ONE_FILE = Path("/etc/pam.conf")  # where systems without those folders have every service, its name before each line
_NAME = re.compile(r"[a-z0-9_][a-z0-9_.-]*")


class ServiceFiles:
    """The file of a service with what it includes, read anew where one of them has changed.

    Raises ConfigError where `name` is none of a service: PAM takes what is before a slash off, and lowers letters.
    """

    def __init__(self, name: str, folder: Path | None) -> None:
        if not _NAME.fullmatch(name):
            raise ConfigError(f"service = {name!r}: must be the name of a file in /etc/pam.d, in small letters")
        self._name = name
        self.places = [*(at / name for at in FOLDERS), _ONE_FILE] if folder is None else [folder / name]
        self._stack: Stack | None = None

    def stack(self) -> Stack:
        """What PAM reads now. Raises BackendUnavailable where it has no file for this service."""
        stack = self._stack
        if stack is not None and stack.is_current:
            return stack
        seen: SeenFiles = {}
        found = None
        for place in self.places:
            seen |= {path: signature(path) for path in (place, *(FOLDERS if place == _ONE_FILE else ()))}
            if _is_read(place):
                found = place
                break
        try:
            if found is None:
                raise FileNotFoundError
            stack = self._stack = read_stack(found, seen, self._name if found == _ONE_FILE else None)
        except OSError:
            places = " or ".join(map(str, self.places))
            raise BackendUnavailable(
                f"service {self._name}: cannot read {places}; nobody logs in until there is one"
            ) from None
        return stack

    def check(self) -> None:
        """Raise BackendUnavailable where PAM would ask the service `other` in the place of this one."""
        stack = self.stack()
        if stack.lacks:
            kinds = " or ".join(stack.lacks)
            raise BackendUnavailable(
                f"{stack.files[0]}: has no line for {kinds}, where PAM would ask the service other instead; "
                "nobody logs in until there is one"
            )


def _is_read(place: Path) -> bool:
    return is_readable(place) and not (place == _ONE_FILE and any(map(Path.is_dir, FOLDERS)))
