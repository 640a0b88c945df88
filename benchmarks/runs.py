"""One program on one workload: its rate and its costs."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from benchmarks.driver import Checked, Connections, Stream, check
from benchmarks.peers.own import CryptLimit
from benchmarks.peers.peer import Peer, Running
from benchmarks.programs import ProgramError, cpu, memory
from benchmarks.workloads import Login, login_of


@dataclass(frozen=True, slots=True)
class Run:
    """The figures of one run. A figure is None if the program does not have it.

    `rate`: replies a second. `cpu`: seconds of CPU time of all its processes for each reply. `memory`: MiB of all its
    processes after the run; shared memory counts once. `first_reply`: seconds from its start to the first reply.
    `driver`: the share of a core that the driver used.
    """

    rate: float
    cpu: float | None = None
    memory: float | None = None
    first_reply: float | None = None
    driver: float | None = None
    checked: Checked = field(default_factory=Checked)


class Runner:
    """Runs a program. It sends `warm_up` before the clock starts. All runs use the same requests."""

    def __init__(self, peer: Peer, logins: Sequence[Login], warm_up: Sequence[Login]) -> None:
        self.name = peer.name
        self._peer = peer
        self._logins = logins
        self._requests = self._format(logins)
        self._warm_up = self._format(warm_up)
        self._first = self._format([login_of(0)])

    def run(self, seconds: float, under_way: int | None = None) -> Run:
        """Start the program, send requests for this time, and end it. Raises ProgramError."""
        with self.warm() as warm:
            return warm.ask(seconds, under_way)

    @contextlib.contextmanager
    def warm(self) -> Iterator[WarmProgram]:
        """Start the program and warm it up. It ends with the context. Raises ProgramError."""
        began = time.perf_counter()
        with self._peer.started() as running:
            self._send_first(running)
            first_reply = time.perf_counter() - began
            running.channel.exchange(self._warm_up, self._peer.under_way)
            yield WarmProgram(self._peer, running, self._logins, self._requests, first_reply)

    def _send_first(self, running: Running[Stream | Connections]) -> None:
        exchange = running.channel.exchange(self._first, 1)
        if check(self._peer.dialect, [login_of(0)], exchange).right != 1:
            raise ProgramError("the first reply is not right")

    def _format(self, logins: Sequence[Login]) -> list[bytes]:
        return [self._peer.dialect.request(number, login) for number, login in enumerate(logins, 1)]


@dataclass
class WarmProgram:
    """A running program that gets several series of requests, each time the next ones of `requests`.

    The same requests again would find their data in the processor's caches.
    """

    peer: Peer
    running: Running[Stream | Connections]
    logins: Sequence[Login]
    requests: Sequence[bytes]
    first_reply: float
    sent: int = 0

    def ask(self, seconds: float, under_way: int | None = None) -> Run:
        """Send requests for this time. Raises ProgramError."""
        start = self.sent % len(self.requests)
        requests = [*self.requests[start:], *self.requests[:start]]
        before = cpu(self.running.root)
        exchange = self.running.channel.exchange(requests, under_way or self.peer.under_way, seconds)
        used = cpu(self.running.root) - before
        held = memory(self.running.root)
        checked = check(self.peer.dialect, self.logins, exchange, start)
        self.sent += exchange.sent
        replies = exchange.sent - checked.missing
        if not replies:
            raise ProgramError("there was no reply")
        rate, driver = replies / exchange.seconds, exchange.driver / exchange.seconds
        return Run(rate, used / replies, held, self.first_reply, driver, checked)


class LimitRunner:
    """Runs a limit, which has no requests and no replies."""

    def __init__(self, limit: CryptLimit) -> None:
        self.name = limit.name
        self._limit = limit

    def run(self, seconds: float) -> Run:
        """Run it for this time."""
        return Run(self._limit.rate(seconds))
