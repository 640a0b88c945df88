"""Where PAM finds the file of a service."""

from __future__ import annotations

import os
import re
from pathlib import Path

from extauth.errors import ConfigError

_FOLDERS = (Path("/etc/pam.d"), Path("/usr/lib/pam.d"))
_ONE_FILE = Path("/etc/pam.conf")
_NAME = re.compile(r"[a-z0-9_][a-z0-9_.-]*")


def check_service_name(name: str) -> None:
    """Raise ConfigError where this is no service's name: PAM takes what is before a slash off, and lowers letters."""
    if not _NAME.fullmatch(name):
        raise ConfigError(f"service = {name!r}: must be the name of a file in /etc/pam.d, in small letters")


def places(name: str, folder: Path | None) -> list[Path]:
    """The files in which PAM looks for this service, the one it prefers first."""
    if folder is not None:
        return [folder / name]
    return [*(place / name for place in _FOLDERS), _ONE_FILE]


def find(name: str, folder: Path | None) -> Path | None:
    """The file that PAM reads for this service; None: there is none, and PAM would read that of `other`."""
    for place in places(name, folder):
        if place == _ONE_FILE:  # PAM reads it only where there is neither of the folders
            return place if not any(map(Path.is_dir, _FOLDERS)) and _has_lines_of(name, place) else None
        if place.is_file() and os.access(place, os.R_OK, effective_ids=True):
            return place
    return None


def _has_lines_of(name: str, file: Path) -> bool:
    try:
        lines = file.read_text(encoding="latin-1").splitlines()
    except OSError:
        return False
    return any(line.split()[:1] == [name] for line in lines)
