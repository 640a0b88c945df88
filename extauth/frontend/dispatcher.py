"""The way of a parsed request: it may be delayed, the cache answers it or a worker gets it, and its result comes."""

from __future__ import annotations

import heapq
import math
import time
from collections.abc import Iterable, Sequence

from extauth.frontend.cache import PasswordCache
from extauth.frontend.children import forget_in_children
from extauth.frontend.counters import Counters, Event
from extauth.frontend.handovers import Handovers
from extauth.frontend.known_accounts import KnownAccounts
from extauth.frontend.log import Log
from extauth.frontend.pending_requests import PendingRequest, PendingRequests
from extauth.frontend.responder import Responder
from extauth.frontend.throttle import MOST_WAITING, Throttle
from extauth.model import (
    Account,
    FailureResult,
    PasswordRequest,
    Request,
    ResponseRequest,
    Result,
    Step,
    Verdict,
    VerdictResult,
)
from extauth.protocol.framing import Line
from extauth.workers.frontend_config import FrontendConfig
from extauth.workers.messages import RequestBatch

_LOGINS = (PasswordRequest, ResponseRequest)
_TOO_MANY = VerdictResult(Verdict.PASSWORD_MISMATCH, reason=f"throttled: {MOST_WAITING} logins of this account wait")


class Dispatcher:
    """Gives each request that it gets exactly one reply. `take_batch` returns the requests for the workers."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self.pending = PendingRequests()
        self.cache = PasswordCache()
        self.counters = Counters()
        self.responder = Responder(log, self.cache, self.counters)
        self.known_accounts = KnownAccounts()
        self.throttle = Throttle()
        self.handovers = Handovers(log)
        self._keys: list[int] = []  # of the requests for the workers
        self._requests: list[Request] = []
        self._delayed: list[tuple[float, int, Account]] = []  # a heap: when a delay is over, for which key and account
        self._may_delay = True
        forget_in_children(self)

    def forget(self) -> None:
        """Release everything, in a process that was forked from this one and handles no requests."""
        vars(self).clear()

    def configure(self, config: FrontendConfig) -> None:
        """Use this configuration, and empty the cache."""
        self.cache.configure(config)
        self.responder.configure(config)
        self.throttle.configure(config.throttle)
        self.handovers.configure(config.handover)

    def reply_to_known(self, lines: list[Line], now: float) -> list[Line]:
        """Reply from the cache to lines that came before. Return the others. `now`: when they came."""
        if self.throttle.is_delaying:  # a line from the cache is not delayed
            return lines
        before = len(self.responder.replies)
        others = self.cache.reply(lines, now, self.responder.replies, self._log)
        if found := len(self.responder.replies) - before:
            self.counters.count_known_lines(found, self.cache.take_rejected(), time.monotonic() - now)
        return others

    # --- requests -------------------------------------------------------------------------------------

    def start(self, pending: PendingRequest, request: Request, line: bytes) -> None:
        """Delay the request, reply to it, or send it to a worker. `line`: as the mail server sent it."""
        may_cache = self.cache.is_enabled and type(request) is PasswordRequest
        pending.begin(request, self.cache.line_digest(line) if may_cache else None)
        key = self.pending.add(pending)
        delay = self._delay_of(request)
        if not delay:
            self._check(key, pending, request)
        elif self.throttle.begin_to_wait(request.account):
            self.counters.count(Event.DELAYED)
            heapq.heappush(self._delayed, (time.monotonic() + delay, key, request.account))
        else:
            self.counters.count(Event.DELAY_REFUSED)
            self.responder.reply_all(self.pending.take((key,)), _TOO_MANY)

    def start_all(
        self, pending: Iterable[PendingRequest], requests: list[PasswordRequest], lines: list[bytes], sizes: list[int]
    ) -> None:
        """Do the same with several password checks that came together. `sizes`: those of the lines, in bytes."""
        if self.cache.is_enabled or self.throttle.is_delaying:
            for each, request, line in zip(pending, requests, lines, strict=True):
                self.start(each, request, line)
            return
        self._keys += self.pending.add_all(pending, sizes)
        self._requests += requests

    def _delay_of(self, request: Request) -> float:
        """Return for how many seconds the request must wait."""
        is_login = isinstance(request, _LOGINS)
        if not (is_login and self._may_delay and self.throttle.is_delaying):
            return 0.0
        return self.throttle.delay(request.account, time.monotonic())

    def _check(self, key: int, pending: PendingRequest, request: Request) -> None:
        """Reply from the cache, or wait for an equal check that is under way, or send the request to a worker."""
        cache = self.cache
        if not (cache.is_enabled and isinstance(request, PasswordRequest)):
            self._send_to_worker(key, request)
            return
        digest = cache.digest(request)
        cached = cache.find(request.account, digest, time.monotonic())
        if cached is not None:
            self.counters.count(Event.CACHE_HIT)
            self.pending.take((key,))
            self.responder.reply(pending, cached.result, cached, from_cache=True)
        elif cache.join(request, digest, key, self.pending):
            self.counters.count(Event.CACHE_SHARED)
            pending.join_check()
        else:
            self.counters.count(Event.CACHE_MISS)
            self._send_to_worker(key, request)

    def _send_to_worker(self, key: int, request: Request) -> None:
        self._keys.append(key)
        self._requests.append(request)

    @property
    def has_batch(self) -> bool:
        """Whether there are requests for the workers."""
        return bool(self._keys)

    def take_batch(self, deadline: float) -> RequestBatch:
        """Return the requests for the workers, with this deadline (monotonic seconds)."""
        batch = RequestBatch(deadline, self._keys, self._requests)
        self._keys, self._requests = [], []
        return batch

    # --- delays ---------------------------------------------------------------------------------------

    @property
    def delayed(self) -> int:
        """How many requests are delayed now."""
        return len(self._delayed)

    @property
    def next_time(self) -> float:
        """When a deadline or a delay is over (monotonic seconds)."""
        deadline = self.pending.next_deadline
        return min(math.inf if deadline is None else deadline, self._delayed[0][0] if self._delayed else math.inf)

    def release(self, now: float) -> None:
        """Let the requests go on whose delay is over."""
        while self._delayed and self._delayed[0][0] <= now:
            _, key, account = heapq.heappop(self._delayed)
            self.throttle.end_to_wait(account)
            pending = self.pending.get(key)
            if pending is not None and pending.request is not None:
                self._check(key, pending, pending.request)

    def end_delays(self) -> None:
        """Let all delayed requests go on, and delay no more: the input has ended."""
        self._may_delay = False
        self.release(math.inf)

    # --- results --------------------------------------------------------------------------------------

    def finish(self, result: Result, keys: Sequence[int]) -> None:
        """Take the result of these requests, and reply to those that still wait."""
        self.counters.count_backends(result, len(keys))
        if not self.cache.has_checks:
            self._reply_all(keys, result)
            return
        for key in keys:
            if self.cache.has_check(key):
                self._finish_check(key, result)
            else:
                self._reply_all((key,), result)

    def _finish_check(self, key: int, result: Result) -> None:
        """Take the result of a password check that several requests may wait for."""
        if isinstance(result, FailureResult) and key not in self.pending:
            retry = self.cache.retry(key, self.pending)
            if retry is not None:
                key, request = retry
                waiting = self.pending.get(key)
                assert waiting is not None  # `retry` has looked
                waiting.lead_check(request)
                self._send_to_worker(key, request)
                return
        keys, cached = self.cache.finish(key, result, time.monotonic(), keep=key in self.pending)
        taken = self.pending.take(keys)
        self._learn(taken, result)
        self.responder.reply_all(taken, result, cached)

    def _reply_all(self, keys: Sequence[int], result: Result) -> None:
        taken = self.pending.take(keys)
        self._learn(taken, result)
        self.responder.reply_all(taken, result)

    def _learn(self, requests: list[PendingRequest], result: Result) -> None:
        """Learn which accounts have logged in, let the mail server have right passwords, and count wrong ones."""
        if not isinstance(result, VerdictResult):
            return
        if result.verdict is Verdict.OK:
            self.handovers.add(requests, result)
            for pending in requests:
                request = pending.request
                if (
                    request is not None
                    and request.is_newcomer
                    and isinstance(request, PasswordRequest | ResponseRequest)
                ):
                    self.known_accounts.add(request.account)
        elif self.throttle.is_enabled:
            for pending in requests:
                if pending.request is not None:
                    self.throttle.add_failure(pending.request)

    def move_request(self, key: int) -> tuple[Request, float] | None:
        """Return a request and its deadline for another worker; None if it has its reply, or was moved too often."""
        pending = self.pending.get(key)
        request = None if pending is None else pending.next_move()
        return None if pending is None or request is None else (request, pending.group.deadline)

    def note_steps(self, key: int, steps: tuple[Step, ...]) -> None:
        """Take what backends have said about a request whose deadline is near."""
        if (pending := self.pending.get(key)) is not None:
            pending.keep_steps(steps)

    def expire(self) -> None:
        """Reply to the requests whose deadline is over, and forget wrong passwords that no longer count."""
        self.throttle.forget_old(time.monotonic())
        for keys in self.pending.expired(time.monotonic()):
            for pending in self.pending.take(keys):
                self.responder.reply(pending, FailureResult(reason="the deadline is over", steps=pending.steps))
            self.cache.drop_passwords(keys, self.pending)

    def fail_all(self, reason: str) -> None:
        """Reply "temporary failure" to all requests that wait."""
        self.responder.reply_all(self.pending.take(list(self.pending)), FailureResult(reason=reason))
