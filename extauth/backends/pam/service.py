"""Where PAM finds the file of a service, and what that file includes."""

from __future__ import annotations

import os
import re
from pathlib import Path

from extauth.errors import ConfigError

_FOLDERS = (Path("/etc/pam.d"), Path("/usr/lib/pam.d"))
ONE_FILE = Path("/etc/pam.conf")
"""Where systems without those folders have every service, its name before each line."""

_NAME = re.compile(r"[a-z0-9_][a-z0-9_.-]*")
_INCLUDE = re.compile(
    rb"^[ \t]*(?:@include|-?(?:auth|account|password|session)[ \t]+(?:include|substack))[ \t]+(\S+)",
    re.IGNORECASE | re.MULTILINE,
)


def check_service_name(name: str) -> None:
    """Raise ConfigError where this is no service's name: PAM takes what is before a slash off, and lowers letters."""
    if not _NAME.fullmatch(name):
        raise ConfigError(f"service = {name!r}: must be the name of a file in /etc/pam.d, in small letters")


def places(name: str, folder: Path | None) -> list[Path]:
    """The files in which PAM looks for this service, the one it prefers first."""
    if folder is not None:
        return [folder / name]
    return [*(at / name for at in _FOLDERS), ONE_FILE]


def find(name: str, folder: Path | None) -> Path | None:
    """The file that PAM reads for this service; None: there is none, and PAM would read that of `other`."""
    for place in places(name, folder):
        if place == ONE_FILE:  # PAM reads it only where there is neither of the folders
            return place if not any(map(Path.is_dir, _FOLDERS)) and _has_lines_of(name, place) else None
        if _is_readable(place):
            return place
    return None


def with_included(file: Path) -> tuple[list[Path], list[str]]:
    """`file` with all files that it includes, by whatever way round; and the names of those that cannot be read.

    PAM looks for a name in the system's folders, wherever the file is that has it. Raises OSError where `file` itself
    cannot be read.
    """
    found: list[Path] = [file]
    missing: list[str] = []
    if file == ONE_FILE:
        return found, missing
    for each in found:  # grows meanwhile
        for name in map(os.fsdecode, _INCLUDE.findall(each.read_bytes())):
            included = next(filter(_is_readable, (at / name for at in _FOLDERS)), None)  # an absolute name stays itself
            if included is None:
                missing.append(name)
            elif included not in found:
                found.append(included)
    return found, missing


def kinds_without_lines(files: list[Path]) -> list[str]:
    """Of `auth` and `account`, those that the files of one service say nothing about. Raises OSError."""
    lines = [line.split() for file in files for line in file.read_bytes().lower().splitlines()]
    words = {line[0].removeprefix(b"-") for line in lines if line}
    return [kind for kind in ("auth", "account") if kind.encode() not in words]


def _has_lines_of(name: str, file: Path) -> bool:
    try:
        lines = file.read_bytes().splitlines()
    except OSError:
        return False
    return any(line.split()[:1] == [name.encode()] for line in lines)


def _is_readable(file: Path) -> bool:
    return file.is_file() and os.access(file, os.R_OK, effective_ids=True)
