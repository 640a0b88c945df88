"""External Authentication for a mail server with many sessions: many threads send requests to one program."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from types import TracebackType

from extauth.errors import MalformedRequest
from extauth.harness.events import Event, LineReceived, RequestRejected
from extauth.harness.lines import STATUSES
from extauth.harness.processes import ProcessInfo, tree
from extauth.harness.program import EventHandler, ProgramSettings
from extauth.harness.program_manager import ProgramManager
from extauth.harness.protocol_checker import Violation
from extauth.protocol.replies import Reply, parse_reply
from extauth.protocol.requests import Dialect, IntfRequest, MailServerRequest, render_request

_LONG_WAIT = 60.0  # seconds, when nothing happens
_LOOK_EVERY = 0.03  # seconds
_LOOKS = 3  # at a program that does nothing: then it waits for requests
_LONGEST_START = 10.0  # seconds

MakeRequest = Callable[[bytes], MailServerRequest]
"""Makes a request with the given number."""


class ExternalAuthentication:
    """Keep a helper program in a thread and send it requests from any thread.

    `interface` is the interface version for an `INTF` request before all other requests. None: no `INTF`, and the
    dialect is the classic one. `on_event` is called in the program's thread, with all events and violations. Raises
    CannotStart. The end of the context stops the program.
    """

    def __init__(self, settings: ProgramSettings, interface: int | None, on_event: EventHandler) -> None:
        self._on_event = on_event
        self._requests: SimpleQueue[tuple[MakeRequest, Future[Reply | None]]] = SimpleQueue()
        self._lock = threading.Lock()
        self._replies: dict[bytes, Future[Reply | None]] = {}
        self._last_number = 0
        self._interface_number: bytes | None = None
        self._stopping = False
        with contextlib.ExitStack() as stack:
            self._wake_up_reader, self._wake_up_writer = os.pipe()
            for descriptor in (self._wake_up_reader, self._wake_up_writer):
                stack.callback(os.close, descriptor)
                os.set_blocking(descriptor, False)
            self._manager = stack.enter_context(ProgramManager(settings, self._handle_event))
            self._resources = stack.pop_all()
        if interface is not None:
            self._interface_number = self._next_number()
            self._manager.send(self._line(IntfRequest(self._interface_number, interface)))
        self._thread = threading.Thread(target=self._run, name="external authentication")
        self._thread.start()

    def __enter__(self) -> ExternalAuthentication:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def manager(self) -> ProgramManager:
        """The program's manager. Read its results only after `stop`."""
        return self._manager

    @property
    def dialect(self) -> Dialect:
        """The dialect for the next request."""
        return self._manager.dialect

    def wait_for_start(self) -> bool:
        """Wait until the program sleeps, since then it waits for requests. Return False if it ended before that.

        With Auto-Restart another program follows, so the result is True. A program that is busy for 10 seconds counts
        as started.
        """
        until = time.monotonic() + _LONGEST_START
        seen: list[ProcessInfo] = []
        looks = 0
        while self._manager.serving and looks < _LOOKS and time.monotonic() < until:
            time.sleep(_LOOK_EVERY)
            run = self._manager.program_run
            before, seen = seen, tree(run.program.process.id) if run is not None else []
            sleeps = seen == before and all(process.state in "SZ" for process in seen)
            looks = looks + 1 if sleeps else 0
        return self._manager.serving

    def ask(self, request: MakeRequest) -> Future[Reply | None]:
        """Send a request to the program. The result is its reply, or None if the request is rejected.

        A request is rejected if the program is gone for good, or if its reply has no valid status. `request` is called
        in another thread. It may raise only MalformedRequest. If it does, or if the dialect cannot express the request,
        the result is this exception.
        """
        future: Future[Reply | None] = Future()
        with self._lock:
            if self._stopping:
                future.set_result(None)
            else:
                self._requests.put((request, future))
                self._wake_up()
        return future

    def stop(self) -> None:
        """Close the program's standard input and wait for its end. It is killed after 5 seconds."""
        with self._lock:
            if not self._stopping:
                self._stopping = True
                self._wake_up()
        self._thread.join()

    def _wake_up(self) -> None:
        with contextlib.suppress(BlockingIOError):  # a wake-up is in the pipe already
            os.write(self._wake_up_writer, b"!")

    def _clear_wake_ups(self) -> None:
        with self._lock, contextlib.suppress(BlockingIOError):
            os.read(self._wake_up_reader, 65_536)

    def _run(self) -> None:
        try:
            while not self._stopping:
                self._manager.run_once(_LONG_WAIT, self._wake_up_reader)
                self._send_requests()
            self._manager.stop()
        finally:
            with self._lock:
                self._stopping = True  # no more wake-ups after this
            self._resources.close()
            self._reject_all()

    def _send_requests(self) -> None:
        self._clear_wake_ups()
        if self._interface_number is not None:  # the dialect is not decided yet
            return
        while not self._requests.empty():
            make_request, future = self._requests.get()
            if future.set_running_or_notify_cancel():
                self._send(make_request, future)

    def _send(self, make_request: MakeRequest, future: Future[Reply | None]) -> None:
        number = self._next_number()
        try:
            line = self._line(make_request(number))
        except MalformedRequest as error:
            if self._manager.serving:
                future.set_exception(error)
            else:  # the program may have ended before it could accept the dialect
                future.set_result(None)
        else:
            self._replies[number] = future
            self._manager.send(line)

    def _next_number(self) -> bytes:
        self._last_number += 1
        return b"%06d" % self._last_number

    def _line(self, request: MailServerRequest) -> bytes:
        """Render a request. Raises MalformedRequest."""
        return render_request(request, self._manager.dialect).removesuffix(b"\n")

    def _handle_event(self, event: Event | Violation) -> None:
        self._on_event(event)
        if isinstance(event, LineReceived) and event.request:
            self._set_reply(event.line.partition(b" ")[0], _valid_reply(event.line))
        elif isinstance(event, RequestRejected):
            self._set_reply(event.number, None)

    def _set_reply(self, number: bytes, reply: Reply | None) -> None:
        if number == self._interface_number:
            self._interface_number = None
        elif future := self._replies.pop(number, None):
            future.set_result(reply)

    def _reject_all(self) -> None:
        while not self._requests.empty():
            _, future = self._requests.get()
            if future.set_running_or_notify_cancel():
                future.set_result(None)
        for future in self._replies.values():
            future.set_result(None)


def _valid_reply(line: bytes) -> Reply | None:
    """Return the reply, or None if its first word is no status. Such a word may be a password, so it is not logged."""
    reply = parse_reply(line)
    return reply if reply is not None and reply.status.encode() in STATUSES else None
