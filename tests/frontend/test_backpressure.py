"""A server that does not read, backends that do not answer, and bounded memory: docs/protocol.md, 2 and 5."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from pathlib import Path

from tests.helper import Helper, is_alive, wait_until
from tests.plugins import Stage

NEGATIVE = b"ERROR incorrect password"
TEMPORARY = b"ERROR temporary failure"


def requests(count: int, rest: bytes) -> bytes:
    return b"".join(b"%d %s\n" % (number, rest) for number in range(count))


WRONG = requests(60_000, b"VRFY bob@example.org wrong")
SHORT = requests(60_000, b"VRFY alice@example.com wait")
LONG = requests(1_000, b"VRFY alice@example.com wait/" + b"x" * 60_000)


class PasswordCache:
    """The most memory that each process of a helper takes, beyond what it had at first."""

    def __init__(self, helper: Helper) -> None:
        self._at_first = {process: self._peak(process) for process in [helper.process.pid, *helper.descendants()]}

    def growth(self) -> int:
        """That of the process that grew most, in MiB."""
        return max(self._peak(process) - was for process, was in self._at_first.items()) // 2**10

    @staticmethod
    def _peak(process: int) -> int:
        return int(Path(f"/proc/{process}/status").read_text().partition("VmHWM:")[2].split()[0])


def fill(helper: Helper, data: bytes) -> list[bytes]:
    """Write until the helper takes no more: the lines that it took, without a last one that it took half of."""
    assert helper.process.stdin is not None
    stdin = helper.process.stdin.fileno()
    os.set_blocking(stdin, False)
    taken = 0
    while taken < len(data) and select.select([], [stdin], [], 0.3)[1]:
        with contextlib.suppress(BlockingIOError):
            taken += os.write(stdin, data[taken : taken + 65_536])
    assert taken < len(data), "the helper never paused"
    return data[:taken].split(b"\n")[:-1]


def test_a_reader_that_pauses_pauses_the_helper_and_gets_every_reply_later(stage: Stage) -> None:
    helper = stage.serve()
    memory = PasswordCache(helper)
    lines = fill(helper, WRONG)
    replies = set(helper.wait_for_replies(len(lines)))
    assert memory.growth() < 32
    assert replies >= {line.partition(b" ")[0] + b" " + NEGATIVE for line in lines}
    helper.end()
    assert len(helper.replies) - len(lines) in (0, 1)  # of the one that it took half of


def test_backends_that_hang_pause_the_helper_and_all_that_was_sent_is_answered_at_the_end(stage: Stage) -> None:
    helper = stage.serve(server="workers = 1\ndeadline = 60")
    memory = PasswordCache(helper)
    lines = fill(helper, SHORT)
    assert memory.growth() < 32
    told = time.monotonic()
    assert helper.end() == 0
    assert time.monotonic() - told < 5
    assert set(helper.replies) >= {line.partition(b" ")[0] + b" " + TEMPORARY for line in lines}
    assert len(helper.replies) - len(lines) in (0, 1)  # of the one that it took half of


def test_long_lines_under_way_fill_no_memory(stage: Stage) -> None:
    helper = stage.serve(server="workers = 1\ndeadline = 60")
    memory = PasswordCache(helper)
    fill(helper, LONG)
    assert memory.growth() < 48


def test_a_server_that_does_not_read_holds_the_end_no_longer_than_five_seconds(stage: Stage) -> None:
    helpers = [stage.serve(), stage.serve()]
    processes = [process for helper in helpers for process in helper.descendants()]
    for helper in helpers:
        fill(helper, WRONG)
    told = time.monotonic()
    helpers[0].close()
    helpers[1].process.send_signal(signal.SIGTERM)
    for helper in helpers:
        assert helper.process.wait(10) == 0
        assert helper.errors() == ""
    assert time.monotonic() - told < 5
    wait_until(lambda: not any(map(is_alive, processes)), "the end of every process")


def test_a_reader_that_goes_away_after_a_pause_ends_it(stage: Stage) -> None:
    helper = stage.serve()
    processes = helper.descendants()
    fill(helper, WRONG)
    assert helper.process.stdout is not None
    helper.process.stdout.close()
    assert helper.process.wait(10) == 0
    assert helper.errors() == ""
    wait_until(lambda: not any(map(is_alive, processes)), "the end of every process")


def test_a_backend_that_logs_without_end_fills_no_memory_while_nobody_reads(stage: Stage) -> None:
    helper = stage.serve(server="workers = 1\ndeadline = 60")
    memory = PasswordCache(helper)
    helper.send(b"1 VRFY alice@example.com log")
    stage.wait_for("logged")
    assert memory.growth() < 16
    assert helper.reply(b"1") == b"OK"
    assert helper.end() == 0
