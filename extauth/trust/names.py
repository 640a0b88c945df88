"""Users and groups as `ls -l` shows them. Only for error texts: a look-up may ask a directory."""

from __future__ import annotations


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
