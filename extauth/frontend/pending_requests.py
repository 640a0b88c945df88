"""The requests that wait for a result, their deadlines, and what the log says about them."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from extauth.frontend.cache.lines import KeyedDigest
from extauth.frontend.log import RequestRecord, cut_value, json_members, log_value
from extauth.frontend.reply_texts import ReplyTexts
from extauth.log_levels import Level
from extauth.model import Account, Request, Result, Step, Verdict, VerdictResult
from extauth.workers.frontend_config import BackendDomains

_MAX_MOVES = 10  # of a request from one worker to another
_NAMES: dict[Verdict | None, str] = {None: "TEMPORARY_FAILURE", **{verdict: verdict.name for verdict in Verdict}}


class RequestGroup(msgspec.Struct, frozen=True, eq=False):
    """What requests of one kind that came together have in common.

    `time`: when they came; `deadline`: when they get their reply at the latest (monotonic seconds). `on_result` takes
    the result, the reply, and whether they are from the cache, instead of the mail server.
    """

    command: str
    mechanism: str
    mode: str
    replies: ReplyTexts
    time: float
    deadline: float
    on_result: Callable[[PendingRequest, Result, bytes, bool], None] | None = None

    def log_fields(self, result: Result, backend: str) -> str:
        """Return the part of a log record between the account and the time that the request took."""
        verdict = verdict_name(result.verdict if isinstance(result, VerdictResult) else None)
        mode = f" mode={log_value(self.mode)}" if self.mode else ""
        mechanism = f" mechanism={self.mechanism}" if self.mechanism else ""
        shown_backend = f" backend={log_value(backend)}" if backend else ""
        return f"{mode} command={self.command}{mechanism} verdict={verdict}{shown_backend} time="


class PendingRequest(msgspec.Struct, gc=False):
    """A request that waits for its result. `size`: bytes of its line.

    `account`: the account, or the address if its domain is not a host name. `request`: what a worker got; it holds a
    password, and is gone with the reply. `line` is set if the verdict may be cached. `moves`: how often another worker
    got it. `steps`: what its backends have said so far, if it is known.
    """

    number: bytes
    account: Account | str
    size: int
    group: RequestGroup
    request: Request | None = None
    line: KeyedDigest | None = None
    moves: int = 0
    steps: tuple[Step, ...] = ()

    def begin(self, request: Request, line: KeyedDigest | None) -> None:
        """Keep what a worker gets, and the line if its verdict may be cached."""
        self.request = request
        self.line = line

    def join_check(self) -> None:
        """Drop the password: the request waits for a check that is under way."""
        self.request = None

    def lead_check(self, request: Request) -> None:
        """Keep what a worker gets: from now on the check that others wait for is this request's own."""
        self.request = request

    def keep_steps(self, steps: tuple[Step, ...]) -> None:
        """Keep what backends said so far, for the record of a deadline that is over."""
        self.steps = steps

    def next_move(self) -> Request | None:
        """Return the request for another worker; None if it waits for another one's check, or was moved too often."""
        if self.moves >= _MAX_MOVES:
            return None
        self.moves += 1
        return self.request

    def record(
        self,
        level: Level,
        result: Result,
        backends: tuple[BackendDomains, ...],
        *,
        from_cache: bool = False,
        as_json: bool = False,
    ) -> RequestRecord:
        """Return the log record: `key=value` pairs in one line. `backends`: those of the configuration.

        `as_json`: return it for a log of JSON, too.
        """
        backend = result.backend or self._waited_for(result, backends)
        fields = self.group.log_fields(result, backend)
        after = f"{' cache=hit' if from_cache else ''}{last_fields(result)}"
        members = self._members(result, backend, from_cache=from_cache) if as_json else ""
        return RequestRecord(level, f"account={self.shown_account}{fields}", after, members)

    def _members(self, result: Result, backend: str, *, from_cache: bool) -> str:
        """Return the log record as JSON, without the time that it took. A text is cut as in a line of text."""
        group, verdict = self.group, verdict_name(result.verdict if isinstance(result, VerdictResult) else None)
        values: dict[str, object] = {
            "message": cut_value(f"{group.command} {self.address}: {verdict}"),
            "account": cut_value(self.address),
            "mode": cut_value(group.mode),
            "command": group.command,
            "mechanism": group.mechanism,
            "verdict": verdict,
            "backend": backend,
            "cache": "hit" if from_cache else "",
            "reason": cut_value(result.reason),
            "asked": [
                {
                    "backend": step.backend,
                    "verdict": verdict_name(step.verdict),
                    "seconds": round(step.seconds, 6),
                    **({"reason": cut_value(step.reason)} if step.reason else {}),
                }
                for step in result.steps
            ],
        }
        return json_members({key: value for key, value in values.items() if value})

    @property
    def address(self) -> str:
        """The account as one text."""
        account = self.account
        return account if isinstance(account, str) else f"{account.name}@{account.domain}"

    @property
    def shown_account(self) -> str:
        """The account as the log shows it."""
        return log_value(self.address)

    def _waited_for(self, result: Result, backends: tuple[BackendDomains, ...]) -> str:
        """Return the backends that serve the domain, if none of them has given a result."""
        if isinstance(result, VerdictResult) or isinstance(self.account, str):
            return ""
        domain = self.account.domain
        return ",".join(backend.name for backend in backends if backend.serves(domain))


def verdict_name(verdict: Verdict | None) -> str:
    """Return a verdict as the log shows it; None is a temporary failure."""
    return _NAMES[verdict]


def last_fields(result: Result) -> str:
    """Return the end of a log record: the reason, if there is one, and every backend that was asked, if several."""
    reason = f" reason={log_value(result.reason)}" if result.reason else ""
    return f"{reason} asked={';'.join(map(_step, result.steps))}" if result.steps else reason


def _step(step: Step) -> str:
    """Return one of the backends that were asked: its name, verdict and time, and the reason if there is one."""
    reason = f",{log_value(step.reason)}" if step.reason else ""
    return f"{log_value(step.backend)},{verdict_name(step.verdict)},{step.seconds:.6f}{reason}"


class PendingRequests:
    """The requests that wait for a result, by key. Keys are numbers in the order in which the requests came."""

    def __init__(self) -> None:
        self.next_key = 0
        self.bytes = 0
        self._requests: dict[int, PendingRequest] = {}
        # when a deadline is over, and for which keys: the first, and one past the last. A reload may shorten deadlines,
        # so this is a heap
        self._deadlines: list[tuple[float, int, int]] = []

    def __len__(self) -> int:
        return len(self._requests)

    def __contains__(self, key: object) -> bool:
        return key in self._requests

    def __iter__(self) -> Iterator[int]:
        return iter(self._requests)

    def get(self, key: int) -> PendingRequest | None:
        """Return a request, or None if it has gone."""
        return self._requests.get(key)

    @property
    def next_deadline(self) -> float | None:
        """When the first deadline is over (monotonic seconds), if a request waits."""
        return self._deadlines[0][0] if self._requests and self._deadlines else None

    def add(self, request: PendingRequest) -> int:
        """Add a request. Return its key."""
        key = self.next_key
        self._requests[key] = request
        self.bytes += request.size
        self.next_key += 1
        return key

    def add_all(self, requests: Iterable[PendingRequest], sizes: Sequence[int]) -> range:
        """Add requests with lines of these sizes. Return their keys."""
        keys = range(self.next_key, self.next_key + len(sizes))
        self.next_key = keys.stop
        self._requests.update(zip(keys, requests, strict=True))
        self.bytes += sum(sizes)
        return keys

    def set_deadline(self, deadline: float, first: int) -> None:
        """Set the deadline of the requests from the key `first` on."""
        if self.next_key > first:
            heapq.heappush(self._deadlines, (deadline, first, self.next_key))

    def take(self, keys: Iterable[int]) -> list[PendingRequest]:
        """Remove requests and return them, without those that have gone before."""
        pop = self._requests.pop
        taken = [request for key in keys if (request := pop(key, None)) is not None]
        self.bytes -= sum([request.size for request in taken])
        return taken

    def expired(self, now: float) -> Iterator[range]:
        """Yield the keys whose deadline is over."""
        while self._deadlines and self._deadlines[0][0] <= now:
            _, first, end = heapq.heappop(self._deadlines)
            yield range(first, end)
        oldest = next(iter(self._requests), self.next_key)
        while self._deadlines and self._deadlines[0][2] <= oldest:  # all have gone: at a high rate these are many
            heapq.heappop(self._deadlines)
