"""The front desk: what becomes of one request, from its line to its one reply."""

from __future__ import annotations

import heapq
import time
from collections.abc import Iterable, Sequence
from itertools import compress, groupby, repeat
from operator import attrgetter, not_
from typing import cast

from extauth.config import Config
from extauth.errors import MalformedRequest
from extauth.frontend.cache import CachedVerdict, Memory
from extauth.frontend.log import Log
from extauth.frontend.pending_request import Pending, RequestGroup, shown_reason
from extauth.frontend.reply_texts import answers_in
from extauth.log_levels import Level
from extauth.model import (
    Account,
    AccountRequest,
    FailureResult,
    PasswordRequest,
    Request,
    ResponseRequest,
    Result,
    Secret,
    SecretRequest,
    SecretResult,
    Verdict,
    VerdictResult,
)
from extauth.protocol.framing import Line
from extauth.protocol.parser import NumberlessLine, RefusedRequest, RequestParser, split_simple_vrfy_lines
from extauth.protocol.replies import INTERFACE_VERSION, MALFORMED, Reply, render_plain, render_reply
from extauth.protocol.requests import (
    AddressedRequest,
    IntfRequest,
    NewRequest,
    QuitRequest,
    SaslRequest,
    VrfyRequest,
)
from extauth.workers.messages import RequestBatch

_OK = Verdict.OK  # looking it up each time takes longer than all the rest of a reply
_ARRIVAL = attrgetter("arrival")
_TOO_LONG = "the password does not fit into a reply"


class RequestHandler:
    """Takes lines, has decisions made, gives replies: one to each request, whatever happens to it.

    What lines lead to is given back (questions for the workers) or left in `replies` (for the server).
    """

    def __init__(self, config: Config, log: Log) -> None:
        self._log = log
        self._keys = 0
        self._pending: dict[int, Pending] = {}
        # when a deadline is over, and for which keys: the first and one past the last. A heap: it may be made shorter
        self._deadlines: list[tuple[float, int, int]] = []
        self.pending_bytes = 0
        self._asked: list[int] = []  # keys, and the questions that these belong to
        self._questions: list[Request] = []
        self.replies: list[bytes] = []
        self.quit: QuitRequest | None = None
        self._parser = RequestParser(config.sasl.mechanisms)
        self._memory = Memory()
        self.configure(config)

    def configure(self, config: Config) -> None:
        """Take this configuration for the lines that come from now on, and remember no verdict from before."""
        self._config = config
        self._accounts = config.accounts
        self._parser.set_mechanisms(config.sasl.mechanisms)
        self._answers = answers_in(self._parser.dialect, config)
        self._memory.configure(config)

    def forget(self) -> None:
        """Hold nothing any more: for a process that is forked from this one and has no use for a desk."""
        vars(self).clear()

    @property
    def pending(self) -> int:
        """How many requests wait for their decision."""
        return len(self._pending)

    @property
    def asks(self) -> bool:
        """Whether there are questions that `receive` has not given back yet."""
        return bool(self._asked)

    @property
    def next_deadline(self) -> float | None:
        """When the first of them is over (monotonic seconds), if one waits."""
        return self._deadlines[0][0] if self._pending and self._deadlines else None

    def receive(self, lines: list[Line]) -> RequestBatch:
        """Take lines that came together, up to a `QUIT`; the questions they led to, or those to be repeated."""
        now = time.monotonic()
        deadline = now + self._config.helper.deadline
        first = self._keys
        lines = self._memory.answer(lines, now, self.replies, self._log)
        for usual, odd in split_simple_vrfy_lines(lines):
            self._receive_usual(usual, now)
            if odd is not None:
                self._receive(odd, now)
            if self.quit:
                break
        if self._keys > first:
            heapq.heappush(self._deadlines, (deadline, first, self._keys))
        batch = RequestBatch(deadline, self._asked, self._questions)
        self._asked, self._questions = [], []
        return batch

    def decide(self, decision: Result, keys: Sequence[int]) -> None:
        """Take what was decided on these questions, by their keys: reply to who waits for it and has had no reply."""
        if not self._memory.is_checking_any:
            self._finish(keys, decision)
            return
        for key in keys:
            if self._memory.is_checking(key):
                self._settle(key, decision)
            else:
                self._finish((key,), decision)

    def _settle(self, key: int, decision: Result) -> None:
        """Take what was decided on a password that others may wait for too."""
        if isinstance(decision, FailureResult) and key not in self._pending:
            again = self._memory.ask_again(key, self._pending)
            if again is not None:
                self._put(*again)
                return
        keys, known = self._memory.settle(key, decision, time.monotonic(), keep=key in self._pending)
        self._finish(keys, decision, known)

    def expire(self) -> None:
        """Reply to those whose deadline is over."""
        now = time.monotonic()
        while self._deadlines and self._deadlines[0][0] <= now:
            _, first, end = heapq.heappop(self._deadlines)
            self._finish(range(first, end), FailureResult(reason="the deadline is over"))
            self._memory.let_go(range(first, end), self._pending)
        oldest = next(iter(self._pending), self._keys)
        while self._deadlines and self._deadlines[0][2] <= oldest:  # all answered: at a high rate these are many
            heapq.heappop(self._deadlines)

    def give_up(self, reason: str) -> None:
        """Reply "temporary" to all that still wait."""
        self._finish(list(self._pending), FailureResult(reason=reason))

    def _finish(self, keys: Iterable[int], decision: Result, known: CachedVerdict | None = None) -> None:
        take = self._pending.pop
        waiting = [pending for key in keys if (pending := take(key, None)) is not None]
        self.pending_bytes -= sum([pending.size for pending in waiting])
        if type(decision) is VerdictResult and known is None:
            self._reply_alike(waiting, decision)
            return
        for pending in waiting:
            if type(decision) is SecretResult:
                self._disclose(pending, decision)
            else:
                self._reply(pending, decision, known)

    def _reply_alike(self, waiting: list[Pending], decision: VerdictResult) -> None:
        """Reply to requests of which the same was decided: what their replies and records share is made once."""
        log, replies = self._log, self.replies
        if decision.verdict is _OK and not log.wants(Level.LOW_LEVEL):
            replies += [pending.number + pending.arrival.answers.yes for pending in waiting]
            return
        now, reason = time.monotonic(), shown_reason(decision)
        for arrival, together in groupby(waiting, _ARRIVAL):
            answer, level = arrival.answers.to(decision)
            rest = f"{arrival.outcome(decision, decision.backend)}{now - arrival.time:.6f}{reason}"
            alike = list(together)
            replies += [pending.number + answer for pending in alike]
            if log.wants(level):
                for pending in alike:
                    log.write_line(level, f"account={pending.shown_account}{rest}")

    def _receive_usual(self, lines: list[bytes], now: float) -> None:
        """Take lines that are what nearly every line is, column by column: one by one that takes longer."""
        if not lines:
            return
        numbers, _, addresses, passwords = zip(*[line.split(b" ", 3) for line in lines], strict=True)
        found = self._accounts.parse_many(addresses)
        if not all(found):
            for line in compress(lines, map(not_, found)):
                self._receive(line, now)  # where it is said what is wrong
            self._receive_usual(list(compress(lines, found)), now)
            return
        accounts = cast(list[Account], found)
        arrival = RequestGroup(VrfyRequest.command, "", "", self._answers[VrfyRequest.command], now)
        waiting = map(Pending, numbers, accounts, map(len, lines), repeat(arrival))
        questions = map(PasswordRequest, accounts, map(Secret, passwords))
        if self._memory.remembers:
            for pending, question, line in zip(waiting, questions, lines, strict=True):
                self._check(pending, question, line)
            return
        keys = range(self._keys, self._keys + len(lines))
        self._keys = keys.stop
        self._asked += keys
        self._questions += questions
        self._pending.update(zip(keys, waiting, strict=True))
        self.pending_bytes += sum(map(len, lines))

    def _receive(self, line: Line, now: float) -> None:
        request = self._parser.parse(line)
        if isinstance(request, AddressedRequest):
            assert isinstance(line, bytes)  # an overlong one is refused
            self._receive_request(request, line, now)
        elif isinstance(request, RefusedRequest):
            self._refuse(request.number, request.text)
        elif isinstance(request, IntfRequest):
            self._answers = answers_in(self._parser.dialect, self._config)
            self._memory.forget_lines()
            version = min(request.version, INTERFACE_VERSION)
            self.replies.append(render_reply(Reply(request.number, "INTF", str(version))))
        elif isinstance(request, NumberlessLine):
            self._log.inform("a line without a sequence number was ignored")
        else:
            self.quit = request

    def _receive_request(self, request: AddressedRequest, line: bytes, now: float) -> None:
        try:
            account = self._accounts.parse(request.address)
        except MalformedRequest:
            self._refuse(request.number, MALFORMED)
            return
        mechanism = request.mechanism if isinstance(request, SaslRequest) else ""
        arrival = RequestGroup(request.command, mechanism, request.mode, self._answers[request.command], now)
        pending = Pending(request.number, account or request.address, len(line), arrival)
        if account is None:
            self._reply(pending, VerdictResult(Verdict.USER_UNKNOWN, reason="the domain is no host name"))
        elif isinstance(request, VrfyRequest):
            if not request.password.reveal():
                self._reply(pending, VerdictResult(Verdict.PASSWORD_MISMATCH, reason="the password is empty"))
            else:
                self._check(pending, PasswordRequest(account, request.password), line)
        elif isinstance(request, SaslRequest):
            self._ask(pending, ResponseRequest(account, request.mechanism, request.response, request.challenge))
        elif isinstance(request, NewRequest):
            self._ask(pending, AccountRequest(account))
        else:
            self._ask(pending, SecretRequest(account))

    def _check(self, pending: Pending, question: PasswordRequest, line: bytes) -> None:
        """Reply by what is remembered; wait for who asks the same already; ask."""
        memory, account = self._memory, question.account
        if not memory.remembers:
            self._ask(pending, question)
            return
        digest = memory.digest(question)
        pending.line = memory.digest_of_line(line)
        known = memory.find(account, digest, pending.arrival.time)
        if known is not None:
            self._reply(pending, known.decision, known, remembered=True)
        elif memory.join(question, digest, self._keys, self._pending):
            self._wait(pending)
        else:
            self._ask(pending, question)

    def _ask(self, pending: Pending, question: Request) -> None:
        self._put(self._keys, question)
        self._wait(pending)

    def _put(self, key: int, question: Request) -> None:
        self._asked.append(key)
        self._questions.append(question)

    def _wait(self, pending: Pending) -> None:
        self._pending[self._keys] = pending
        self.pending_bytes += pending.size
        self._keys += 1

    def _refuse(self, number: bytes, text: str) -> None:
        self.replies.append(render_reply(Reply(number, "ERROR", text)))
        if self._log.wants(Level.PROBLEMS):
            self._log.write(Level.PROBLEMS, f"request {number.decode()} refused: {text}")

    def _reply(
        self, pending: Pending, decision: Result, known: CachedVerdict | None = None, *, remembered: bool = False
    ) -> None:
        answer, level = pending.arrival.answers.to(decision)
        self.replies.append(pending.number + answer)
        record = None
        if self._log.wants(level):
            record = pending.record(level, decision, self._config.backends, remembered=remembered)
            self._log.tell(record, time.monotonic() - pending.arrival.time)
        if known is not None and pending.line is not None and (remembered or record is None):
            self._memory.learn(pending.line, known, answer, record)

    def _disclose(self, pending: Pending, disclosed: SecretResult) -> None:
        line = render_plain(pending.number, disclosed.secret)
        if line is None:
            self._reply(pending, VerdictResult(Verdict.SCHEME_NOT_AVAILABLE, disclosed.backend, _TOO_LONG))
        else:
            self.replies.append(line)
            if self._log.wants(Level.LOW_LEVEL):
                record = pending.record(Level.LOW_LEVEL, disclosed, self._config.backends)
                self._log.tell(record, time.monotonic() - pending.arrival.time)
