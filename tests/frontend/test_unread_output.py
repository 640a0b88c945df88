"""Standard output is a terminal or a socket that the other end does not read: docs/protocol.md, section 5."""

from __future__ import annotations

import os
import socket
import termios
import time
from collections.abc import Callable, Iterator

import pytest

from tests.helper import Helper, wait_for_exit
from tests.plugins import ScriptedSite

COUNT = 1_800
REQUESTS = b"".join(b"%d VRFY bob@example.org wrong\n" % number for number in range(COUNT))  # a pipe takes them all


def _terminal() -> tuple[int, int]:
    return os.openpty()


def _stopped_terminal() -> tuple[int, int]:
    """Return a terminal at which a person has typed Ctrl-S."""
    ours, its = os.openpty()
    termios.tcflow(its, termios.TCOOFF)
    return ours, its


def _socket() -> tuple[int, int]:
    ours, its = socket.socketpair()
    its.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    return ours.detach(), its.detach()


@pytest.fixture(params=[_terminal, _stopped_terminal, _socket])
def output(request: pytest.FixtureRequest) -> Iterator[tuple[int, int]]:
    """The two ends of an output: the one that is not read, and the one for the helper."""
    make: Callable[[], tuple[int, int]] = request.param
    ends = make()
    yield ends
    for end in ends:
        os.close(end)


def serve(scripted: ScriptedSite, output: int) -> Helper:
    scripted.configure()
    return scripted.site.serve(stdout=output)


def test_shutdown_takes_under_five_seconds_if_output_is_not_read(
    scripted: ScriptedSite, output: tuple[int, int]
) -> None:
    helper = serve(scripted, output[1])
    helper.write(REQUESTS)
    processes = helper.descendants()
    started = time.monotonic()
    helper.close()
    assert helper.process.wait(10) == 0
    assert time.monotonic() - started < 5
    wait_for_exit(processes)


def test_all_replies_arrive_once_the_output_is_read(scripted: ScriptedSite, output: tuple[int, int]) -> None:
    ours, its = output
    helper = serve(scripted, its)
    helper.write(REQUESTS)
    if os.isatty(its):
        termios.tcflow(its, termios.TCOON)
    helper.process.stdout = open(os.dup(ours), "rb", buffering=0)  # noqa: SIM115  # Helper.kill closes it
    replies = {line.rstrip(b"\r") for line in helper.wait_for_replies(COUNT)}
    assert replies == {b"%d ERROR incorrect password" % number for number in range(COUNT)}


def test_the_terminal_stays_in_the_mode_of_the_other_programs(scripted: ScriptedSite) -> None:
    ours, its = os.openpty()
    helper = serve(scripted, its)
    helper.write(b"1 VRFY bob@example.org password\n")
    assert b"extauth" in os.read(ours, 4096)
    assert os.get_blocking(its)
    helper.close()
    for end in (ours, its):
        os.close(end)
    assert helper.process.wait(10) == 0
