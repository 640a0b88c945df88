"""Who can write a file, or replace it: any user who can change it, a folder or a link on the way to it (Linux).

NFSv4 ACLs and the ACLs of other file servers are not seen: the kernel does not know them.
"""

from __future__ import annotations

import errno
import os
import stat
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from extauth.errors import UnsafeFile
from extauth.trust.permissions import group_name, shown_user

_ATTRIBUTE = "system.posix_acl_access"
_HEADER, _ENTRY = struct.Struct("<I"), struct.Struct("<HHI")  # a version; tag, permissions, user or group
_VERSION = 2
_USER, _GROUP_OF_FILE, _GROUP = 0x02, 0x04, 0x08  # the tags that count here
_WRITE = 2
_NO_ACL = (errno.ENODATA, errno.EOPNOTSUPP, errno.ENOSYS)


class OtherWriter(msgspec.Struct, frozen=True):
    """Who else can write something, and the command that prevents it, without the path."""

    who: str
    remedy: str

    def error(self, path: Path | str, kind: str) -> UnsafeFile:
        """Return the error for a file or folder."""
        return UnsafeFile(f"{path}: this {kind} is writable by {self.who}; run: {self.remedy} {path}")


def check_owner(path: Path | str, status: os.stat_result, kind: str) -> None:
    """Raise UnsafeFile if something belongs to another user. Its owner can always change it."""
    if status.st_uid not in _ours():
        raise UnsafeFile(
            f"{path}: this {kind} belongs to {shown_user(status.st_uid)}; it must belong to root or to "
            f"{shown_user(os.geteuid())}, "
            "the user that extauth runs as"
        )


def other_writer(target: Path | str | int, status: os.stat_result) -> OtherWriter | None:
    """Return who else can write `target`, a path or a descriptor; None if nobody can. `status` is its status.

    The owner does not count here. Two kinds of group may write: root's group, and by custom the owner's own group.
    Raise OSError if the ACL cannot be read.
    """
    mode = stat.S_IMODE(status.st_mode)
    if mode & stat.S_IWOTH:
        return OtherWriter(f"everyone (mode {mode:04o})", "chmod o-w")
    if not mode & stat.S_IWGRP:
        return None  # with an ACL these bits are its mask, which limits every entry
    groups = (0, status.st_uid)
    entries = _acl(target)
    if not entries and status.st_gid not in groups:
        return OtherWriter(f"group {group_name(status.st_gid)} (mode {mode:04o})", "chmod g-w")
    for tag, permissions, number in entries:
        if not permissions & _WRITE:
            continue
        if tag == _USER and number not in _ours():
            return OtherWriter(f"{shown_user(number)} (in its ACL)", f"setfacl -x u:{number}")
        if tag == _GROUP and number not in groups:
            return OtherWriter(f"group {group_name(number)} (in its ACL)", f"setfacl -x g:{number}")
        if tag == _GROUP_OF_FILE and status.st_gid not in groups:
            return OtherWriter(f"group {group_name(status.st_gid)} (in its ACL)", "setfacl -m g::r")
    return None


def _ours() -> set[int]:
    return {0, os.geteuid()}


def _acl(target: Path | str | int) -> list[tuple[int, int, int]]:
    """Return the entries of an ACL: tag, permissions (which the mask limits), number of a user or group."""
    try:
        data = os.getxattr(target, _ATTRIBUTE)
    except OSError as error:
        if error.errno in _NO_ACL:
            return []
        raise
    if data[: _HEADER.size] != _HEADER.pack(_VERSION) or (len(data) - _HEADER.size) % _ENTRY.size:
        raise OSError(errno.EINVAL, "its ACL has an unknown form", str(target))
    return list(_ENTRY.iter_unpack(data[_HEADER.size :]))


_MAX_LINKS = 40  # the system follows no more


class WayStep(NamedTuple):
    """A folder on the way, and whether a link or the file itself is in it, not only the next folder."""

    folder: Path
    holds_target: bool


def check_way(path: Path) -> None:
    """Raise UnsafeFile if another user can change a folder on the way to `path`. Raise OSError."""
    *above, nearest = steps_to(path)
    for step in above:
        check_step(step, f"folder (on the way to {path})")
    check_step(nearest, f"folder (of {path})")


def check_step(step: WayStep, kind: str) -> None:
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


def steps_to(path: Path) -> Iterator[WayStep]:
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
        yield WayStep(folder, is_link or not names)
        if is_link:
            links += 1
            target = entry.readlink()
            names += reversed(target.parts[1:] if target.is_absolute() else target.parts)
            folder = Path("/") if target.is_absolute() else folder
        else:
            folder = entry
