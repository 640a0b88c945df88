"""Find the running helpers of a configuration, and ask them over their status sockets."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from extauth.config import ConfigSource
from extauth.errors import ConfigError
from extauth.settings import parse_toml
from extauth.workers.messages import InvalidMessage, MessageReader, encode, receive
from extauth.workers.run_directory import check_run_directory, is_stale, run_directories, sockets_in
from extauth.workers.status_messages import FromClient, StatusReport, StatusWanted, ToClient

STATUS_WITHIN = 5.0
"""Seconds for a helper to say its status."""


STARTS_WITHIN = 1.0
"""Seconds to look for a helper before the answer is that none runs. One that has just started has no socket yet."""

_AGAIN = 0.1  # seconds between two looks


class HelperSilent(Exception):
    """A helper does not answer."""


class RunningHelper(msgspec.Struct, frozen=True):
    """A helper that runs: the process id of its frontend, its socket, and its status; `problem`: why there is none."""

    pid: int
    path: Path
    report: StatusReport | None = None
    problem: str = ""


def find_helpers(config_file: Path, pid: int | None = None) -> list[RunningHelper]:
    """Return the helpers that serve a configuration file, or the one with this process id.

    A helper that does not answer is returned, too: it may serve this file. Raise ConfigError if a folder is unsafe,
    or if there is no helper and the file cannot be read: it may name another folder.
    """
    until = time.monotonic() + STARTS_WITHIN
    while not (helpers := _look(config_file, pid)) and time.monotonic() < until:
        time.sleep(_AGAIN)
    return helpers


def _look(config_file: Path, pid: int | None) -> list[RunningHelper]:
    found: list[RunningHelper] = []
    problem = ""
    try:
        folders = run_directories(_run_directory(config_file))
    except ConfigError as error:
        folders, problem = run_directories(None), str(error)
    for folder in folders:
        try:
            owners = [os.geteuid()]
            if os.geteuid() == 0:
                owners.append(folder.lstat().st_uid)  # the helper may run as another user, and root may ask it
            check_run_directory(folder, owners)
            sockets = list(sockets_in(folder))
        except OSError:  # there is no such folder
            continue
        for number, path in sockets:
            if pid in (None, number):
                found += _look_at(number, path)
    helpers = [each for each in found if each.report is None or _is_same(Path(each.report.config_file), config_file)]
    if problem and not helpers:
        where = " and ".join(map(str, folders))
        raise ConfigError(f"{problem}; so helper.run_directory is not known, and no helper was found in {where}")
    return helpers


def none_found(config_file: Path, pid: int | None) -> str:
    """Say that no helper was found, and what to do."""
    folders = " and ".join(map(str, run_directories(_run_directory(config_file))))
    which = f"helper with pid {pid}" if pid is not None else "helper"
    return (
        f"no {which} runs with {config_file}; looked in {folders}. The mail server starts the helper. Run this command "
        "as the user that the mail server starts it as, or set helper.run_directory"
    )


def ask(helper: RunningHelper | Path, message: FromClient, within: float) -> ToClient:
    """Send a request to a helper. Return its answer. Raise HelperSilent."""
    path = helper if isinstance(helper, Path) else helper.path
    until = time.monotonic() + within
    reader: MessageReader[ToClient] = MessageReader(ToClient)  # type: ignore[arg-type]  # a union
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.settimeout(within)
            connection.connect(str(path))
            connection.sendall(encode(message))
            while True:
                connection.settimeout(max(0.001, until - time.monotonic()))
                answers = receive(connection, reader)
                if answers is None:
                    raise HelperSilent("it closed the connection: it ends, or it is busy with other administrators")
                if answers:
                    return answers[0]
        except TimeoutError:
            raise HelperSilent(f"no answer within {within:g} s: its status server hangs") from None
        except BlockingIOError:
            raise HelperSilent("it takes no connection: its status server hangs") from None
        except InvalidMessage:
            raise HelperSilent("it runs another version of extauth; restart it") from None
        except OSError as error:
            raise HelperSilent(f"{path}: {error.strerror or error}") from None


def _look_at(pid: int, path: Path) -> Sequence[RunningHelper]:
    if is_stale(path):
        with contextlib.suppress(OSError):
            path.unlink()
        return []
    try:
        report = ask(path, StatusWanted(), STATUS_WITHIN)
    except HelperSilent as error:
        return [RunningHelper(pid, path, problem=str(error))]
    assert isinstance(report, StatusReport)
    return [RunningHelper(pid, path, report)]


def _run_directory(config_file: Path) -> Path | None:
    """Return `helper.run_directory`. Other mistakes of the configuration do not matter: the helper may still run."""
    table = parse_toml(ConfigSource(config_file).read().content or b"", config_file)
    helper = table.get("helper")
    folder = helper.get("run_directory") if isinstance(helper, dict) else None
    return config_file.absolute().parent / folder if isinstance(folder, str) and folder else None


def _is_same(first: Path, second: Path) -> bool:
    """Return whether two paths mean the same file."""
    if first.absolute() == second.absolute():
        return True
    with contextlib.suppress(OSError):
        return first.samefile(second)
    return False
