"""The lines of a service as PAM reads them: those of its file, and those that these include."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from extauth.backends.base import SeenFiles
from extauth.trust import signature

FOLDERS = (Path("/etc/pam.d"), Path("/usr/lib/pam.d"))
"""Where PAM looks for what is included by name, wherever the file is that includes it."""

_INCLUDES = ("include", "substack")


class Stack(msgspec.Struct, frozen=True):
    """What PAM would run for a service, and the files that say so.

    `seen`: files that were looked at, with those that were not there. `missing`: what is included and cannot be read.
    `kinds`: those that have a line; for one that has none PAM runs the service `other`.
    """

    files: tuple[Path, ...]
    missing: tuple[str, ...]
    kinds: frozenset[str]
    seen: SeenFiles

    @property
    def is_current(self) -> bool:
        """Whether all files are what they were."""
        return all(signature(path) == seen for path, seen in self.seen.items())

    @property
    def lacks(self) -> list[str]:
        """Of `auth` and `account`, those that have no line."""
        return [kind for kind in ("auth", "account") if kind not in self.kinds]


def read_stack(file: Path, seen: SeenFiles, name: str | None = None) -> Stack:
    """Read a service's file; `seen`: what said that it is this one, with itself. Raises OSError.

    `name`: of the service, where each of its lines begins with it.
    """
    seen = dict(seen)
    read: list[tuple[Path, str | None]] = [(file, None)]  # and which kind of line counts there
    missing: list[str] = []
    kinds: set[str] = set()
    for path, wanted in read:  # grows meanwhile
        for words in _lines(path):
            if path == file and name is not None:
                whose, *words = words
                if whose.lower() != name or not words:
                    continue
            kind, included = _kind_and_included(words)
            if wanted is not None and kind not in (None, wanted):
                continue
            if included is None:
                kinds.add(kind or "")
                continue
            places = [folder / included for folder in FOLDERS]  # an absolute name stays itself
            seen |= {place: signature(place) for place in places if place not in seen}
            found = next(filter(is_readable, places), None)
            if found is None:
                missing.append(included)
            elif (found, kind or wanted) not in read:
                read.append((found, kind or wanted))
    return Stack(tuple(dict.fromkeys(path for path, _ in read)), tuple(missing), frozenset(kinds), seen)


def is_readable(file: Path) -> bool:
    """Whether it is a file, and this process may read it."""
    return file.is_file() and os.access(file, os.R_OK, effective_ids=True)


def _kind_and_included(words: list[str]) -> tuple[str | None, str | None]:
    """The kind of a line (None: every kind, as of `@include`), and the file that it stands for, if it does."""
    if words[0].lower() == "@include":
        return None, words[1] if words[1:] else ""
    kind = words[0].lower().removeprefix("-")
    return kind, words[2] if words[2:] and words[1].lower() in _INCLUDES else None


def _lines(file: Path) -> Iterator[list[str]]:
    """The words of each line. A backslash at its end joins the next one to it; `#` ends it, even then."""
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
