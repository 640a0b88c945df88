"""The way to a file: every folder and symbolic link on it. A user who can change one of them can replace the file."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from extauth.trust.writers import check_owner, other_writer

_MAX_LINKS = 40  # the system follows no more


class Step(NamedTuple):
    """A folder on the way, and whether a link or the file itself is in it, not only the next folder."""

    folder: Path
    holds_target: bool


def check_way(path: Path) -> None:
    """Raise UnsafeFile if another user can change a folder on the way to `path`. Raise OSError."""
    *above, nearest = steps_to(path)
    for step in above:
        check_step(step, f"folder (on the way to {path})")
    check_step(nearest, f"folder (of {path})")


def check_step(step: Step, kind: str) -> None:
    """Raise UnsafeFile if another user can change this folder. Raise OSError.

    In a sticky folder users replace only what belongs to them. That is enough for the next folder, whose owner is
    checked too. It is not enough for a file or a link: a user could have put it there before anyone else.
    """
    status = step.folder.stat()
    check_owner(step.folder, status, kind)
    if step.holds_target or not status.st_mode & stat.S_ISVTX:
        writer = other_writer(step.folder, status)
        if writer is not None:
            raise writer.error(step.folder, kind)


def steps_to(path: Path) -> Iterator[Step]:
    """Yield every folder on the way to `path`, also those that links lead through. The folder of `path` comes last."""
    names = list(reversed(path.absolute().parts[1:]))
    folder, links = Path("/"), 0
    while names:
        name = names.pop()
        if name == "..":
            folder = folder.parent
            continue
        entry = folder / name
        is_link = links < _MAX_LINKS and entry.is_symlink()
        yield Step(folder, is_link or not names)
        if is_link:
            links += 1
            target = entry.readlink()
            names += reversed(target.parts[1:] if target.is_absolute() else target.parts)
            folder = Path("/") if target.is_absolute() else folder
        else:
            folder = entry
