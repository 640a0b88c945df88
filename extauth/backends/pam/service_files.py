"""The service file that PAM reads, with the files that it includes, and whether PAM would use another service."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

from extauth.backends.context import SeenFiles
from extauth.errors import BackendUnavailable, ConfigError
from extauth.trust import signature

_FOLDERS = (Path("/etc/pam.d"), Path("/usr/lib/pam.d"))  # PAM looks here for every file that is included by name
_PAM_CONF = Path("/etc/pam.conf")  # systems without these folders: all services, each line begins with a service name
_SERVICE_NAME = re.compile(r"[a-z0-9_][a-z0-9_.-]*")
_INCLUDES = ("include", "substack")


class PamStack(msgspec.Struct, frozen=True):
    """The files and the kinds of lines that PAM uses for a service.

    `unreadable`: included files that cannot be read. `kinds`: the kinds that have a line; PAM uses the service
    `other` for every other kind. `seen`: all files that were looked for, also those that do not exist.
    """

    files: tuple[Path, ...]
    unreadable: tuple[str, ...]
    kinds: frozenset[str]
    seen: SeenFiles

    @property
    def is_current(self) -> bool:
        """Whether no file has changed."""
        return all(signature(path) == seen for path, seen in self.seen.items())

    @property
    def missing_kinds(self) -> list[str]:
        """Of `auth` and `account`, the kinds without a line."""
        return [kind for kind in ("auth", "account") if kind not in self.kinds]


class ServiceFiles:
    """The file of a service and the files that it includes. Reads them again when one of them changes.

    Raises ConfigError if `name` is not a plain file name: PAM cuts it after a slash and makes it lower case.
    """

    def __init__(self, name: str, folder: Path | None) -> None:
        if not _SERVICE_NAME.fullmatch(name):
            raise ConfigError(f"service = {name!r}: must be the name of a file in /etc/pam.d, in lower case")
        self._name = name
        self.places = [*(parent / name for parent in _FOLDERS), _PAM_CONF] if folder is None else [folder / name]
        self._stack: PamStack | None = None

    def stack(self) -> PamStack:
        """Return what PAM reads now. Raises BackendUnavailable if PAM has no file for this service."""
        stack = self._stack
        if stack is not None and stack.is_current:
            return stack
        seen: SeenFiles = {}
        found = None
        for place in self.places:
            seen |= {path: signature(path) for path in (place, *(_FOLDERS if place == _PAM_CONF else ()))}
            if _pam_reads(place):
                found = place
                break
        try:
            if found is None:
                raise FileNotFoundError
            stack = self._stack = read_stack(found, seen, self._name if found == _PAM_CONF else None)
        except OSError:
            places = " or ".join(map(str, self.places))
            raise BackendUnavailable(
                f"service {self._name}: cannot read {places}; all logins fail until the file can be read"
            ) from None
        return stack

    def check(self) -> None:
        """Raise BackendUnavailable if PAM would use the service `other` instead of this one."""
        stack = self.stack()
        if stack.missing_kinds:
            kinds = " or ".join(stack.missing_kinds)
            raise BackendUnavailable(
                f"{stack.files[0]}: has no line for {kinds}; PAM would use the service other for it, "
                "so all logins fail until the line is there"
            )


def read_stack(file: Path, seen: SeenFiles, name: str | None = None) -> PamStack:
    """Read a service file and its includes. Raises OSError.

    `seen` holds the files that led to this one. `name`: the service name that each of its lines begins with.
    """
    seen = dict(seen)
    to_read: list[tuple[Path, str | None]] = [(file, None)]  # a file, and the only kind of line that counts there
    unreadable: list[str] = []
    kinds: set[str] = set()
    for path, wanted in to_read:  # includes are appended during the loop
        for words in _lines(path):
            if path == file and name is not None:
                service, *words = words
                if service.lower() != name or not words:
                    continue
            kind, included = _kind_and_included(words)
            if wanted is not None and kind not in (None, wanted):
                continue
            if included is None:
                kinds.add(kind or "")
                continue
            places = [folder / included for folder in _FOLDERS]  # an absolute path stays as it is
            seen |= {place: signature(place) for place in places if place not in seen}
            found = next(filter(_is_readable, places), None)
            if found is None:
                unreadable.append(included)
            elif (found, kind or wanted) not in to_read:
                to_read.append((found, kind or wanted))
    files = tuple(dict.fromkeys(path for path, _ in to_read))
    return PamStack(files, tuple(unreadable), frozenset(kinds), seen)


def _is_readable(file: Path) -> bool:
    return file.is_file() and os.access(file, os.R_OK, effective_ids=True)


def _pam_reads(place: Path) -> bool:
    return _is_readable(place) and not (place == _PAM_CONF and any(map(Path.is_dir, _FOLDERS)))


def _kind_and_included(words: list[str]) -> tuple[str | None, str | None]:
    """Return the kind of a line and the file that it includes. `@include` includes every kind: None."""
    if words[0].lower() == "@include":
        return None, words[1] if words[1:] else ""
    kind = words[0].lower().removeprefix("-")
    return kind, words[2] if words[2:] and words[1].lower() in _INCLUDES else None


def _lines(file: Path) -> Iterator[list[str]]:
    """Yield the words of each line. A backslash at its end joins the next line, but not after a comment (`#`)."""
    begun = ""
    for line in os.fsdecode(file.read_bytes()).split("\n"):
        text, comment, _ = line.partition("\0")[0].partition("#")
        text = text.strip(" \t")
        if not text:
            continue
        if text.endswith("\\") and not comment:
            begun += text[:-1] + " "
            continue
        yield (begun + text).split()
        begun = ""
