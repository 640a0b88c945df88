"""Why a file cannot be opened, and users and groups as `ls` shows them. A look-up of names may ask a directory."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path


def user_name(number: int) -> str:
    """Return the name of a user, or the number if it has none."""
    import pwd  # here, as below: the first reply should not wait for it

    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def group_name(number: int) -> str:
    """Return the name of a group, or the number if it has none."""
    import grp

    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)


def shown_user(number: int) -> str:
    """Return the number of a user, and the name if it has one: `uid 1000 (alice)`."""
    name = user_name(number)
    return f"uid {number}" if name == str(number) else f"uid {number} ({name})"


def reason_of(error: OSError, path: Path) -> str:
    """Return why `path` could not be opened. For "Permission denied" the text says what is missing where."""
    reason = error.strerror or type(error).__name__
    if error.errno != errno.EACCES:
        return reason
    return f"{reason}: {_denied_at(path.absolute())}"


def _denied_at(path: Path) -> str:
    """Return the first folder on the way that this user cannot search, or the file that it cannot read."""
    us = user_name(os.geteuid())
    for folder in reversed(path.parents):
        if not os.access(folder, os.X_OK, effective_ids=True):
            return f"user {us} cannot enter the folder {folder}, {_permissions(folder, stat.S_IXOTH, 'x')}"
    return f"user {us} cannot read this file, {_permissions(path, stat.S_IROTH, 'r')}"


def _permissions(path: Path, bit: int, letter: str) -> str:
    """Return the owner and the mode of a file or folder, and which bit is missing. `bit`: that of all others."""
    try:
        status = path.stat()
    except OSError:
        return "which cannot be looked at"
    if status.st_uid == os.geteuid():
        bit, whose = bit << 6, "its owner"
    elif status.st_gid in {os.getegid(), *os.getgroups()}:
        bit, whose = bit << 3, f"group {group_name(status.st_gid)}"
    else:
        whose = "all others"
    owner = f"{user_name(status.st_uid)}:{group_name(status.st_gid)}"
    shown = f"which belongs to {owner}, mode {stat.S_IMODE(status.st_mode):04o}"
    if status.st_mode & bit:
        return f"{shown}: the mode allows it, so look at its ACL, SELinux or AppArmor"
    return f"{shown}: {letter} for {whose} is missing"
