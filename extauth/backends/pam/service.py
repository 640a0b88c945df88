"""Where PAM finds the file of a service."""

from __future__ import annotations

import os
import re
from pathlib import Path

from extauth.errors import ConfigError

_FOLDERS = (Path("/etc/pam.d"), Path("/usr/lib/pam.d"))
ONE_FILE = Path("/etc/pam.conf")
"""Where systems without those folders have every service, its name before each line."""

_NAME = re.compile(r"[a-z0-9_][a-z0-9_.-]*")


def check_service_name(name: str) -> None:
    """Raise ConfigError where this is no service's name: PAM takes what is before a slash off, and lowers letters."""
    if not _NAME.fullmatch(name):
        raise ConfigError(f"service = {name!r}: must be the name of a file in /etc/pam.d, in small letters")


def places(name: str, folder: Path | None) -> list[Path]:
    """The files in which PAM looks for this service, the one it prefers first."""
    if folder is not None:
        return [folder / name]
    return [*(place / name for place in _FOLDERS), ONE_FILE]


def find(name: str, folder: Path | None) -> Path | None:
    """The file that PAM reads for this service; None: there is none, and PAM would read that of `other`."""
    for place in places(name, folder):
        if place == ONE_FILE:  # PAM reads it only where there is neither of the folders
            return place if not any(map(Path.is_dir, _FOLDERS)) and _has_lines_of(name, place) else None
        if place.is_file() and os.access(place, os.R_OK, effective_ids=True):
            return place
    return None


def kinds_without_lines(file: Path) -> list[str]:
    """Of `auth` and `account`, those that a file of one service says nothing about; none where it includes another.

    Raises OSError.
    """
    words = {line.split()[0].removeprefix(b"-") for line in file.read_bytes().lower().splitlines() if line.strip()}
    return [] if b"@include" in words else [kind for kind in ("auth", "account") if kind.encode() not in words]


def _has_lines_of(name: str, file: Path) -> bool:
    try:
        lines = file.read_bytes().splitlines()
    except OSError:
        return False
    return any(line.split()[:1] == [name.encode()] for line in lines)
