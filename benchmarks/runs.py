"""One program on one workload: how many answers a second, and at what cost."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from benchmarks.driver import Checked, Connections, Stream, check
from benchmarks.peers.crypt_limit import CryptLimit
from benchmarks.peers.peer import Peer, Running
from benchmarks.programs import FailedError, cpu, memory
from benchmarks.workloads import Login, account


@dataclass(frozen=True, slots=True)
class Run:
    """What was measured; None is what a program has not.

    `rate` is answers a second, `cpu` seconds of all its processes for each answer, `memory` MiB of all of them after
    it, what they share counted once, `first_answer` seconds from its start to the first answer, `driver` the share of a
    core that asking took.
    """

    rate: float
    cpu: float | None = None
    memory: float | None = None
    first_answer: float | None = None
    driver: float | None = None
    checked: Checked = field(default_factory=Checked)


class Runner:
    """Runs a program. `warm_up` is asked before the clock starts. The requests are made once."""

    def __init__(self, peer: Peer, logins: Sequence[Login], warm_up: Sequence[Login]) -> None:
        self.name = peer.name
        self._peer = peer
        self._logins = logins
        self._requests = self._written(logins)
        self._warm_up = self._written(warm_up)
        self._first = self._written([account(0)])

    def run(self, seconds: float, under_way: int | None = None) -> Run:
        """Start it, ask for so many seconds, end it. Raises FailedError."""
        with self.warm() as warm:
            return warm.ask(seconds, under_way)

    @contextlib.contextmanager
    def warm(self) -> Iterator[Warm]:
        """Start it and warm it up, to end with the context. Raises FailedError."""
        began = time.perf_counter()
        with self._peer.started() as running:
            self._ask_first(running)
            first_answer = time.perf_counter() - began
            running.channel.exchange(self._warm_up, self._peer.under_way)
            yield Warm(self._peer, running, self._logins, self._requests, first_answer)

    def _ask_first(self, running: Running[Stream | Connections]) -> None:
        exchange = running.channel.exchange(self._first, 1)
        if check(self._peer.dialect, [account(0)], exchange).right != 1:
            raise FailedError("the first request is not answered as it should be")

    def _written(self, logins: Sequence[Login]) -> list[bytes]:
        return [self._peer.dialect.request(number, login) for number, login in enumerate(logins, 1)]


@dataclass
class Warm:
    """A program that runs, to be asked again and again: each time what comes next in `requests`, written from `logins`.

    The same ones again would find what they need still in the processor's caches.
    """

    peer: Peer
    running: Running[Stream | Connections]
    logins: Sequence[Login]
    requests: Sequence[bytes]
    first_answer: float
    asked: int = 0

    def ask(self, seconds: float, under_way: int | None = None) -> Run:
        """Ask for so many seconds. Raises FailedError."""
        start = self.asked % len(self.requests)
        requests = [*self.requests[start:], *self.requests[:start]]
        before = cpu(self.running.root)
        exchange = self.running.channel.exchange(requests, under_way or self.peer.under_way, seconds)
        used = cpu(self.running.root) - before
        held = memory(self.running.root)
        checked = check(self.peer.dialect, self.logins, exchange, start)
        self.asked += exchange.asked
        answers = exchange.asked - checked.missing
        if not answers:
            raise FailedError("no request was answered")
        rate, driver = answers / exchange.seconds, exchange.driver / exchange.seconds
        return Run(rate, used / answers, held, self.first_answer, driver, checked)


class LimitRunner:
    """Runs a limit, which answers nothing."""

    def __init__(self, limit: CryptLimit) -> None:
        self.name = limit.name
        self._limit = limit

    def run(self, seconds: float) -> Run:
        """Run it for so many seconds."""
        return Run(self._limit.rate(seconds))
