"""A mail server that does not read, hanging backends, and limited memory: docs/protocol.md, sections 2 and 5."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from pathlib import Path

from tests.helper import Helper, is_alive, wait_until
from tests.plugins import ScriptedSite

NEGATIVE = b"ERROR incorrect password"
TEMPORARY = b"ERROR temporary failure"


def requests(count: int, rest: bytes) -> bytes:
    return b"".join(b"%d %s\n" % (number, rest) for number in range(count))


WRONG = requests(60_000, b"VRFY bob@example.org wrong")
SHORT = requests(60_000, b"VRFY alice@example.com wait")
LONG = requests(1_000, b"VRFY alice@example.com wait/" + b"x" * 60_000)


class MemoryGrowth:
    """Measures how much the peak memory of the frontend, the supervisor and the workers grows."""

    def __init__(self, helper: Helper) -> None:
        processes = [helper.process.pid, *helper.processes("supervisor"), *helper.processes("worker")]
        self._before = {process: self._peak(process) for process in processes}

    def growth(self) -> int:
        """Return the growth in MiB of the process that grew most."""
        return max(self._peak(process) - before for process, before in self._before.items()) // 2**10

    @staticmethod
    def _peak(process: int) -> int:
        return int(Path(f"/proc/{process}/status").read_text().partition("VmHWM:")[2].split()[0])


def fill(helper: Helper, data: bytes) -> list[bytes]:
    """Write until the helper reads no more. Return the complete lines that it took."""
    assert helper.process.stdin is not None
    stdin = helper.process.stdin.fileno()
    os.set_blocking(stdin, False)
    written = 0
    while written < len(data) and select.select([], [stdin], [], 0.3)[1]:
        with contextlib.suppress(BlockingIOError):
            written += os.write(stdin, data[written : written + 65_536])
    assert written < len(data), "the helper never paused"
    return data[:written].split(b"\n")[:-1]


def test_replies_wait_while_the_mail_server_does_not_read(scripted: ScriptedSite) -> None:
    helper = scripted.serve()
    memory = MemoryGrowth(helper)
    lines = fill(helper, WRONG)
    replies = set(helper.wait_for_replies(len(lines)))
    assert memory.growth() < 32
    assert replies >= {line.partition(b" ")[0] + b" " + NEGATIVE for line in lines}
    helper.end()
    assert len(helper.replies) - len(lines) in (0, 1)  # for a line that was cut


def test_hanging_backends_stop_reading_and_shutdown_answers_everything(scripted: ScriptedSite) -> None:
    helper = scripted.serve(settings="workers = 1\ndeadline = 60")
    memory = MemoryGrowth(helper)
    lines = fill(helper, SHORT)
    assert memory.growth() < 32
    started = time.monotonic()
    assert helper.end() == 0
    assert time.monotonic() - started < 5
    assert set(helper.replies) >= {line.partition(b" ")[0] + b" " + TEMPORARY for line in lines}
    assert len(helper.replies) - len(lines) in (0, 1)  # for a line that was cut


def test_long_unanswered_lines_use_little_memory(scripted: ScriptedSite) -> None:
    helper = scripted.serve(settings="workers = 1\ndeadline = 60")
    memory = MemoryGrowth(helper)
    fill(helper, LONG)
    assert memory.growth() < 48


def test_shutdown_takes_under_five_seconds_if_output_is_not_read(scripted: ScriptedSite) -> None:
    helpers = [scripted.serve(), scripted.serve()]
    processes = [process for helper in helpers for process in helper.descendants()]
    for helper in helpers:
        fill(helper, WRONG)
    started = time.monotonic()
    helpers[0].close()
    helpers[1].process.send_signal(signal.SIGTERM)
    for helper in helpers:
        assert helper.process.wait(10) == 0
        assert helper.errors() == ""
    assert time.monotonic() - started < 5
    wait_until(lambda: not any(map(is_alive, processes)), "the end of every process")


def test_helper_exits_if_blocked_output_is_closed(scripted: ScriptedSite) -> None:
    helper = scripted.serve()
    processes = helper.descendants()
    fill(helper, WRONG)
    assert helper.process.stdout is not None
    helper.process.stdout.close()
    assert helper.process.wait(10) == 0
    assert helper.errors() == ""
    wait_until(lambda: not any(map(is_alive, processes)), "the end of every process")


def test_endless_backend_logging_uses_little_memory(scripted: ScriptedSite) -> None:
    helper = scripted.serve(settings="workers = 1\ndeadline = 60")
    memory = MemoryGrowth(helper)
    helper.send(b"1 VRFY alice@example.com log")
    scripted.wait_for("logged")
    assert memory.growth() < 16
    assert helper.reply(b"1") == b"OK"
    assert helper.end() == 0
