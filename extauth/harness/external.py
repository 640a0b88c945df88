"""The External Authentication of a server with many sessions: whoever asks, one program answers."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from types import TracebackType

from extauth.errors import MalformedRequest
from extauth.harness.events import Event, Received, Rejected
from extauth.harness.judge import Complaint
from extauth.harness.life import ServerSettings, Watch
from extauth.harness.supervisor import Supervisor
from extauth.harness.wire import STATUSES
from extauth.protocol.replies import Reply, parse_reply
from extauth.protocol.requests import Dialect, IntfRequest, MailServerRequest, render_request

_PATIENCE = 60.0  # seconds, where nothing happens

MakeRequest = Callable[[bytes], MailServerRequest]
"""Makes a request of the number that it is given."""


class ExternalAuthentication:
    """Keeps a helper program in a thread of its own, and asks it on behalf of any thread.

    `interface` is the version of the interface that the program is offered with `INTF` before anything else is asked;
    None: nothing is offered, the dialect is the classic one. `watch` is called in the thread of its own, with all that
    a supervisor reports. Raises CannotStart. Leaving the context stops it.
    """

    def __init__(self, settings: ServerSettings, interface: int | None, watch: Watch) -> None:
        self._watch = watch
        self._asked: SimpleQueue[tuple[MakeRequest, Future[Reply | None]]] = SimpleQueue()
        self._asking = threading.Lock()
        self._replies: dict[bytes, Future[Reply | None]] = {}
        self._last_number = 0
        self._offer: bytes | None = None
        self._stopping = False
        with contextlib.ExitStack() as stack:
            self._alarm, self._bell = os.pipe()
            for descriptor in (self._alarm, self._bell):
                stack.callback(os.close, descriptor)
                os.set_blocking(descriptor, False)
            self._supervisor = stack.enter_context(Supervisor(settings, self._see))
            self._held = stack.pop_all()
        if interface is not None:
            self._offer = self._next_number()
            self._supervisor.send(self._line(IntfRequest(self._offer, interface)))
        self._thread = threading.Thread(target=self._run, name="external authentication")
        self._thread.start()

    def __enter__(self) -> ExternalAuthentication:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def supervisor(self) -> Supervisor:
        """What came of the program: to be read once it is stopped."""
        return self._supervisor

    @property
    def dialect(self) -> Dialect:
        """The dialect in force, for whoever makes a request."""
        return self._supervisor.dialect

    def ask(self, request: MakeRequest) -> Future[Reply | None]:
        """Ask the program: its reply, or None where the request is rejected, and nobody is let in for it.

        Rejected is what has no reply once the program is gone for good, or none with a known status, and what the
        dialect in force cannot say. `request` is called in another thread, and raises nothing but MalformedRequest.
        """
        future: Future[Reply | None] = Future()
        with self._asking:
            if self._stopping:
                future.set_result(None)
            else:
                self._asked.put((request, future))
                self._ring()
        return future

    def stop(self) -> None:
        """Close the program's standard input, and wait until it is gone: killed where it is not within 5 seconds."""
        with self._asking:
            if not self._stopping:
                self._stopping = True
                self._ring()
        self._thread.join()

    def _ring(self) -> None:
        with contextlib.suppress(BlockingIOError):  # it rings already
            os.write(self._bell, b"!")

    def _silence(self) -> None:
        with self._asking, contextlib.suppress(BlockingIOError):
            os.read(self._alarm, 65_536)

    def _run(self) -> None:
        try:
            while not self._stopping:
                self._supervisor.turn(_PATIENCE, self._alarm)
                self._take_what_is_asked()
            self._supervisor.stop()
        finally:
            with self._asking:
                self._stopping = True  # nobody rings from now on
            self._held.close()
            self._reject_the_rest()

    def _take_what_is_asked(self) -> None:
        self._silence()
        if self._offer is not None:  # the dialect is not known yet
            return
        while not self._asked.empty():
            make_request, future = self._asked.get()
            if future.set_running_or_notify_cancel():
                self._begin(make_request, future)

    def _begin(self, make_request: MakeRequest, future: Future[Reply | None]) -> None:
        number = self._next_number()
        try:
            line = self._line(make_request(number))
        except MalformedRequest:
            future.set_result(None)
        else:
            self._replies[number] = future
            self._supervisor.send(line)

    def _next_number(self) -> bytes:
        self._last_number += 1
        return b"%06d" % self._last_number

    def _line(self, request: MailServerRequest) -> bytes:
        """Raises MalformedRequest."""
        return render_request(request, self._supervisor.dialect).removesuffix(b"\n")

    def _see(self, event: Event | Complaint) -> None:
        self._watch(event)
        if isinstance(event, Received) and event.answers:
            self._answer(event.line.partition(b" ")[0], _known_reply(event.line))
        elif isinstance(event, Rejected):
            self._answer(event.number, None)

    def _answer(self, number: bytes, reply: Reply | None) -> None:
        if number == self._offer:
            self._offer = None
        elif future := self._replies.pop(number, None):
            future.set_result(reply)

    def _reject_the_rest(self) -> None:
        while not self._asked.empty():
            _, future = self._asked.get()
            if future.set_running_or_notify_cancel():
                future.set_result(None)
        for future in self._replies.values():
            future.set_result(None)


def _known_reply(line: bytes) -> Reply | None:
    """None where the first word is no status, and may be anything: nobody is to log it."""
    reply = parse_reply(line)
    return reply if reply is not None and reply.status.encode() in STATUSES else None
