"""One process beside the generations, as the frontend sees it: start, messages, end. Nothing waits for it."""

from __future__ import annotations

import contextlib
import math
import select
import socket
import time
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from extauth.frontend.children import EndingChildren, RestartPause, forget_in_children
from extauth.frontend.descriptors import HUNG_UP, READ, WRITE, Poller
from extauth.frontend.states import SideProcessState
from extauth.workers.messages import InvalidMessage, MessageReader, receive
from extauth.workers.process_tree import ChildProcess

_SHORT_WAIT = 0.002  # seconds

M = TypeVar("M")

Start = Callable[[], ChildProcess]
"""Forks a process. Raises OSError."""


class SideProcess(Generic[M]):
    """Starts a process, sends it messages, and starts another one if it dies, with growing pauses.

    `name`: for the log, whose texts `report` takes. `messages`: the type of the messages from the process, or a union.
    `on_message` takes them. `on_start` is called when a process has been started, `on_end` when the connection to one
    is closed. `keeps_unsent`: the next process gets the messages that this one did not get. `starts_alone`: the next
    one starts when this one has ended, because it needs the same files.
    """

    def __init__(
        self,
        name: str,
        poller: Poller,
        messages: object,
        report: Callable[[str], object],
        on_message: Callable[[M], None],
        *,
        on_start: Callable[[], None] = lambda: None,
        on_end: Callable[[], None] = lambda: None,
        keeps_unsent: bool = False,
        starts_alone: bool = False,
    ) -> None:
        self.state = SideProcessState.OFF
        self.unsent_bytes = 0
        """Bytes of messages that wait for the process to read."""
        self._name = name
        self._poller = poller
        self._messages = messages
        self._report = report
        self._on_message = on_message
        self._on_start = on_start
        self._on_end = on_end
        self._keeps_unsent = keeps_unsent
        self._starts_alone = starts_alone
        self._start: Start | None = None
        self._process: ChildProcess | None = None
        self._reader = self._new_reader()
        self._unsent: deque[bytes] = deque()
        self._sent = 0  # bytes of the first of them
        self._pause = RestartPause()
        self._ending = EndingChildren()
        forget_in_children(self)

    def _new_reader(self) -> MessageReader[M]:
        return MessageReader(self._messages)  # type: ignore[arg-type]  # mypy takes a union for no type

    def forget(self) -> None:
        """Release everything, in a process that was forked from this one: messages contain passwords."""
        vars(self).clear()

    @property
    def pid(self) -> int | None:
        """The process id; None if there is no connection to a process."""
        return None if self._process is None else self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether there is a process that gets messages."""
        return self.state is SideProcessState.RUNNING

    @property
    def processes(self) -> set[int]:
        """The ids of all its processes that have not been reaped."""
        return {*self._ending.processes, *([] if self._process is None else [self._process.pid])}

    # --- start and end --------------------------------------------------------------------------------

    def use(self, start: Start | None, *, leave_within: float = 0.0) -> None:
        """Start processes with this function from now on; None: start none.

        The process that runs gets no more messages, and is killed if it does not end in `leave_within` seconds.
        """
        self._start = start
        self._disconnect(leave_within)
        self.state = SideProcessState.OFF if start is None else SideProcessState.WAITING
        if start is None:
            self._forget_unsent()

    def maintain(self) -> None:
        """Start a process if it is time, and reap those that have ended. Call it at intervals."""
        self._ending.reap(time.monotonic())
        may_start = self._pause.is_over() and not (self._starts_alone and self._ending.processes)
        if self.state is SideProcessState.WAITING and may_start:
            self._connect()

    def replace(self, why: str) -> None:
        """Kill the process, and start another one after a pause. `why`: what it does, for the log."""
        was_last = self.state is SideProcessState.FINISHING
        self.state = SideProcessState.OFF if was_last else SideProcessState.WAITING
        if not was_last:
            self._report(f"{self._name} {why}; another one starts in {self._pause.begin():g} s")
        self._disconnect(0.0)

    def finish(self) -> bool:
        """Let the process do what it has got, and end; none follows. Return True when it has; call it until then."""
        if self.is_running and not self._unsent and self._process is not None:
            self.state = SideProcessState.FINISHING
            with contextlib.suppress(OSError):
                self._process.socket.shutdown(socket.SHUT_WR)
        elif self.state is SideProcessState.WAITING:
            self.state = SideProcessState.OFF
        self._ending.reap(time.monotonic())
        return not self.processes

    def end_within(self, seconds: float) -> None:
        """Send what is left, and wait until all its processes have ended. Then kill those that have not."""
        until = time.monotonic() + seconds
        if self._unsent and self.state is SideProcessState.WAITING:
            self._connect()
        while self._process is not None and self._unsent and (left := until - time.monotonic()) > 0:
            poll = select.poll()
            poll.register(self._process.socket, WRITE)
            if any(events & HUNG_UP for _, events in poll.poll(left * 1000)):
                break
            self._flush(self._process)
        self.use(None, leave_within=until - time.monotonic())
        while self.processes and time.monotonic() < until:
            self._ending.reap(time.monotonic())
            time.sleep(_SHORT_WAIT)
        self._ending.reap(math.inf)

    def _connect(self) -> None:
        assert self._start is not None
        try:
            process = self._start()
        except OSError as error:
            seconds = self._pause.begin()
            self._report(f"cannot start {self._name}: {error.strerror}; the next try is in {seconds:g} s")
            return
        process.socket.setblocking(False)
        self._process, self._reader = process, self._new_reader()
        self.state = SideProcessState.RUNNING
        self._flush(process)
        self._on_start()

    def _disconnect(self, leave_within: float) -> None:
        """Close the connection. A message that the process has in part is sent again, to the next one."""
        process, self._process, self._sent = self._process, None, 0
        if process is not None:
            self._poller.unregister(process.socket.fileno())
            process.socket.close()
            now = time.monotonic()
            self._ending.add(process.pid, kill_at=now + leave_within)
            self._ending.reap(now)
            if not self._keeps_unsent:
                self._forget_unsent()
            self._on_end()

    # --- messages -------------------------------------------------------------------------------------

    def send(self, message: bytes, *, once: bool = False) -> None:
        """Send a message as soon as the process takes it. If there is none, the message is lost, or waits for the next.

        `once`: not if the last one that waits is the same.
        """
        waits = self._keeps_unsent and self.state is SideProcessState.WAITING
        is_repeated = once and self._unsent and self._unsent[-1] == message
        if is_repeated or not (waits or self.is_running):
            return
        self._unsent.append(message)
        self.unsent_bytes += len(message)
        if self._process is not None:
            self._flush(self._process)

    def _forget_unsent(self) -> None:
        self._unsent.clear()
        self.unsent_bytes = 0

    def _flush(self, process: ChildProcess) -> None:
        """Send as much as the socket takes. The poller calls again when it takes more."""
        while self._unsent:
            try:
                self._sent += process.socket.send(memoryview(self._unsent[0])[self._sent :])
            except OSError:  # its buffer is full; or it has ended, which the poller notices
                break
            if self._sent == len(self._unsent[0]):
                self.unsent_bytes -= self._sent
                self._unsent.popleft()
                self._sent = 0
        self._poller.register(process.socket.fileno(), READ | WRITE if self._unsent else READ, self._on_events)

    def _on_events(self, events: int) -> None:
        if self._process is not None and events & WRITE:
            self._flush(self._process)
        if self._process is not None and events & ~WRITE:
            self._receive(self._process)

    def _receive(self, process: ChildProcess) -> None:
        try:
            messages = receive(process.socket, self._reader)
        except InvalidMessage:
            messages = None
        for message in messages or ():
            self._on_message(message)
        if messages is None and process is self._process:
            self.replace("died")
