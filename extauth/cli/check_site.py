"""What `extauth check` can say about the mail server's base directory, and about the user that extauth runs as."""

from __future__ import annotations

import contextlib
import grp  # noqa: F401  # reason_of names groups, and another user may be unable to read the modules of Python
import os
import pwd
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from extauth.trust import reason_of

MANIFESTO = "Settings/ChildProcs.data"
"""The Child Processes Manifesto, in the base directory of the mail server (version 6.4)."""

_PACKAGE = Path(__file__).parent.parent


class Findings(msgspec.Struct, frozen=True):
    """What a check has found: mistakes, warnings, and domains whose accounts cannot log in."""

    mistakes: list[str] = []
    warnings: list[str] = []
    domains_without_login: list[str] = []

    def less(self, other: Findings) -> Findings:
        """Return what the other check has not found."""
        return Findings(
            [text for text in self.mistakes if text not in other.mistakes],
            [text for text in self.warnings if text not in other.warnings],
            [domain for domain in self.domains_without_login if domain not in other.domains_without_login],
        )


def manifesto_problem(base_directory: Path) -> str | None:
    """Return why the mail server would not start this program, according to its Child Processes Manifesto."""
    path, program = base_directory / MANIFESTO, str(Path(sys.argv[0]).absolute())
    remedy = f"CommuniGate Pro 6.4 does not start extauth; add the line {program}"
    try:
        lines = path.read_bytes().decode(errors="replace").splitlines()
    except OSError as error:
        return f"{path}: {reason_of(error, path)}: {remedy}"
    prefixes = [line.strip() for line in lines if line.strip()]
    if any(program.startswith(prefix) for prefix in prefixes):
        return None
    return f"{path}: no line is a prefix of {program}: {remedy}"


def check_as(user: pwd.struct_passwd, check: Callable[[], Findings]) -> Findings:
    """Run `check` in a process with the rights of this user. Only root can do that. Raise OSError."""
    reader, writer = os.pipe()
    child = os.fork()
    if child:
        os.close(writer)
        with open(reader, "rb") as pipe:
            data = pipe.read()
        os.waitpid(child, 0)
        with contextlib.suppress(msgspec.DecodeError):
            return msgspec.json.decode(data, type=Findings)
        return Findings(["the check ended without a result"])
    try:
        os.close(reader)
        with open(writer, "wb") as pipe:
            pipe.write(msgspec.json.encode(_check_as_child(user, check)))
    finally:
        os._exit(0)


def _check_as_child(user: pwd.struct_passwd, check: Callable[[], Findings]) -> Findings:
    needed = Path(sys.executable).resolve(), _PACKAGE / "__init__.py"
    try:
        os.initgroups(user.pw_name, user.pw_gid)
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)
        for path in needed:
            try:
                os.close(os.open(path, os.O_RDONLY))
            except OSError as error:
                return Findings([f"extauth does not start: {path}: {reason_of(error, path)}"])
        return check()
    except Exception as error:  # noqa: BLE001  # the process has to say something
        return Findings([f"the check ended with {type(error).__name__}"])
