"""One running helper program: its own process, pipes, working directory and end (docs/protocol.md, section 6)."""

from __future__ import annotations

import contextlib
import os
import select
import selectors
import shutil
import signal
import subprocess
import time
from collections import deque
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path
from types import TracebackType

from extauth.errors import ExtauthError
from extauth.harness.events import Ended, Event, InputClosed, Sent
from extauth.harness.groups import group_runs
from extauth.harness.splitter import Splitter

_CHUNK = 65_536
_MAX_REST = 64  # chunks
_GRACE = 1.0  # seconds: a program's own processes have to notice its end first
_PAUSE = 0.01


class CannotStart(ExtauthError):
    """The program is not there, or the system does not start it."""


class Program:
    """A helper program, running from here on; leaving the context kills what is left of it.

    Raises CannotStart. Its standard error is read after its end only, as the server does it.
    What can be read from the descriptor `alarm`, and is left there, cuts a turn short.
    """

    def __init__(self, command: Sequence[str], base_directory: Path, alarm: int | None = None) -> None:
        words = _from_here(command)
        self._error_out, self._error_in = os.pipe()
        try:
            self._process = subprocess.Popen(
                words,
                cwd=base_directory,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._error_in,
                bufsize=0,
                start_new_session=True,
            )
        except OSError as error:
            self._close_error_pipe()
            raise CannotStart(f"cannot start {command[0]} in {base_directory}: {error.strerror}") from error
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._stdin, self._stdout = self._process.stdin, self._process.stdout
        for descriptor in (self._stdin.fileno(), self._stdout.fileno(), self._error_out):
            os.set_blocking(descriptor, False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._stdout, selectors.EVENT_READ)
        if alarm is not None:
            self._selector.register(alarm, selectors.EVENT_READ)
        self.unsent: deque[bytes] = deque()
        """Lines that the pipe has not taken, or not to their ends."""
        self._closed_at: float | None = None
        self._splitter = Splitter()
        self._unwritten = b""
        self._taken_at = time.monotonic()

    def __enter__(self) -> Program:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        self._process.wait()
        self._selector.close()
        self._stdin.close()
        self._stdout.close()
        self._close_error_pipe()

    @property
    def stuck_since(self) -> float | None:
        """Since when the pipe has taken nothing of the lines to be sent; None where none is left."""
        return self._taken_at if self.unsent and self.takes_input else None

    @property
    def takes_input(self) -> bool:
        """Whether its standard input is open."""
        return self._closed_at is None

    @property
    def closed_for(self) -> float | None:
        """How many seconds its standard input has been closed; None while it is open."""
        return None if self._closed_at is None else time.monotonic() - self._closed_at

    def send(self, line: bytes) -> None:
        """Send `line` as soon as the pipe takes it; its standard input has to be open."""
        if not self.unsent:
            self._taken_at = time.monotonic()
            self._unwritten = line + b"\n"
            self._selector.register(self._stdin, selectors.EVENT_WRITE)
        self.unsent.append(line)

    def close_input(self) -> None:
        """Close the program's standard input now, whatever is unsent."""
        if self.unsent:
            self._selector.unregister(self._stdin)
        self._stdin.close()
        self._closed_at = time.monotonic()

    def kill(self) -> None:
        """Kill the program and all that it started in its process group."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def turn(self, seconds: float) -> list[Event]:
        """Write and read what can be, waiting up to `seconds` for it: what happened, `Ended` last."""
        ready = {key.fileobj for key, _ in self._selector.select(seconds)}
        events: list[Event] = []
        if self._stdin in ready:
            events += self._write()
        if self._stdout in ready:
            events += self._read()
        if self._process.poll() is not None:
            events += self._end()
        return events

    def _write(self) -> list[Event]:
        events: list[Event] = []
        try:
            while self.unsent:
                self._unwritten = self._unwritten[os.write(self._stdin.fileno(), self._unwritten) :]
                self._taken_at = time.monotonic()
                if not self._unwritten:
                    events.append(Sent(self._taken_at, self.unsent.popleft()))
                    self._unwritten = self.unsent[0] + b"\n" if self.unsent else b""
            self._selector.unregister(self._stdin)
        except BlockingIOError:
            pass
        except BrokenPipeError:
            self.close_input()
            events.append(InputClosed(time.monotonic(), by_program=True))
        return events

    def _read(self) -> list[Event]:
        chunk = _read_now(self._stdout.fileno())
        if chunk == b"":
            self._selector.unregister(self._stdout)
        return [*self._splitter.feed(time.monotonic(), chunk or b"")]

    def _end(self) -> list[Event]:
        ended_at, took = time.monotonic(), self.closed_for
        events = self._outlived(ended_at + _GRACE)
        left_behind = group_runs(self._process.pid)
        if left_behind:
            self.kill()
            events += self._outlived(time.monotonic() + _GRACE)
        events += self._splitter.feed(ended_at, _rest_of(self._stdout.fileno()))
        events += self._splitter.finish(ended_at)
        full = not select.select([], [self._error_in], [], 0)[1]
        return [*events, Ended(ended_at, self._process.returncode, took, left_behind, _rest_of(self._error_out), full)]

    def _outlived(self, until: float) -> list[Event]:
        """What is still written while the program's own processes have time to end."""
        events: list[Event] = []
        while group_runs(self._process.pid) and time.monotonic() < until:
            time.sleep(_PAUSE)
            events += self._splitter.feed(time.monotonic(), _read_now(self._stdout.fileno()) or b"")
        return events

    def _close_error_pipe(self) -> None:
        os.close(self._error_out)
        os.close(self._error_in)


def _from_here(command: Sequence[str]) -> list[str]:
    """The command with its paths made absolute: the program runs elsewhere than it was named."""
    program, *arguments = command
    found = shutil.which(program)
    if found is None:
        raise CannotStart(f"cannot start {program}: not found, or not executable")
    return [str(Path(found).absolute()), *map(_absolute, arguments)]


def _absolute(word: str) -> str:
    return str(Path(word).absolute()) if "/" in word and os.access(word, os.F_OK) else word


def _read_now(descriptor: int) -> bytes | None:
    """What is there to be read: nothing at the end, None where there may be more later."""
    try:
        return os.read(descriptor, _CHUNK)
    except BlockingIOError:
        return None


def _rest_of(descriptor: int) -> bytes:
    """What is left in a pipe: bounded, for what got away from us may write for ever."""
    chunks = (_read_now(descriptor) or b"" for _ in range(_MAX_REST))
    return b"".join(takewhile(bool, chunks))
