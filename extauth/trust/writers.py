"""Who can write a file or folder besides root and our own user: by its owner, its mode, or its POSIX ACL (Linux).

NFSv4 ACLs and the ACLs of other file servers are not seen: the kernel does not know them.
"""

from __future__ import annotations

import errno
import os
import stat
import struct
from pathlib import Path

import msgspec

from extauth.errors import UnsafeFile
from extauth.trust.names import group_name, shown_user

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
