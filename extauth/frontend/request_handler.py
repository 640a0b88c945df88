"""The way of a request in the frontend: from its line to its one reply."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import compress, repeat
from operator import not_
from typing import cast

from extauth.errors import MalformedRequest
from extauth.frontend.cache import PasswordCache
from extauth.frontend.fork_cleanup import forget_in_children
from extauth.frontend.log import Log
from extauth.frontend.pending_requests import PendingRequest, PendingRequests, RequestGroup
from extauth.frontend.reply_texts import reply_texts
from extauth.frontend.responder import Responder
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
    Verdict,
    VerdictResult,
)
from extauth.protocol.framing import Line
from extauth.protocol.parser import NumberlessLine, RefusedRequest, RequestParser, split_simple_vrfy_lines
from extauth.protocol.replies import INTERFACE_VERSION, MALFORMED, Reply, render_reply
from extauth.protocol.requests import (
    AddressedRequest,
    IntfRequest,
    NewRequest,
    QuitRequest,
    SaslRequest,
    VrfyRequest,
)
from extauth.workers.frontend_config import FrontendConfig
from extauth.workers.messages import RequestBatch

_MAX_MOVES = 10  # of a request from one worker to another


class RequestHandler:
    """Takes lines and results, and gives exactly one reply to each request.

    `handle` returns the requests for the workers. Replies for the mail server are in `replies`.
    """

    def __init__(self, config: FrontendConfig, log: Log) -> None:
        self._log = log
        self.pending = PendingRequests()
        self._keys: list[int] = []  # of the requests for the workers
        self._requests: list[Request] = []
        self.quit: QuitRequest | None = None
        self._parser = RequestParser(config.sasl.mechanisms)
        self._cache = PasswordCache()
        self._responder = Responder(log, self._cache)
        self.configure(config)
        forget_in_children(self)

    def configure(self, config: FrontendConfig) -> None:
        """Use this configuration for the lines that come from now on, and empty the cache."""
        self._config = config
        self._accounts = config.account_parser()
        self._parser.set_mechanisms(config.sasl.mechanisms)
        self._reply_texts = reply_texts(self._parser.dialect, config)
        self._cache.configure(config)
        self._responder.configure(config)

    def forget(self) -> None:
        """Release everything, in a process that was forked from this one and handles no requests."""
        vars(self).clear()

    @property
    def replies(self) -> list[bytes]:
        """The replies that the caller takes from here and writes."""
        return self._responder.replies

    @property
    def has_retries(self) -> bool:
        """Whether there are requests for the workers that `handle` has not returned yet."""
        return bool(self._keys)

    def handle(self, lines: list[Line]) -> RequestBatch:
        """Take lines that came together, up to a `QUIT`. Return the requests for the workers, retries included."""
        now = time.monotonic()
        deadline = now + self._config.helper.deadline
        first = self.pending.next_key
        lines = self._cache.reply(lines, now, self.replies, self._log)
        for simple, other in split_simple_vrfy_lines(lines):
            self._handle_simple(simple, now, deadline)
            if other is not None:
                self._handle_line(other, now, deadline)
            if self.quit:
                break
        self.pending.set_deadline(deadline, first)
        batch = RequestBatch(deadline, self._keys, self._requests)
        self._keys, self._requests = [], []
        return batch

    def finish(self, result: Result, keys: Sequence[int]) -> None:
        """Take the result of these requests, and reply to those that still wait."""
        if not self._cache.has_checks:
            self._responder.reply_all(self.pending.take(keys), result)
            return
        for key in keys:
            if self._cache.has_check(key):
                self._finish_check(key, result)
            else:
                self._responder.reply_all(self.pending.take((key,)), result)

    def _finish_check(self, key: int, result: Result) -> None:
        """Take the result of a password check that several requests may wait for."""
        if isinstance(result, FailureResult) and key not in self.pending:
            retry = self._cache.retry(key, self.pending)
            if retry is not None:
                key, request = retry
                waiting = self.pending.get(key)
                assert waiting is not None  # `retry` has looked
                waiting.request = request
                self._send_to_worker(key, request)
                return
        keys, cached = self._cache.finish(key, result, time.monotonic(), keep=key in self.pending)
        self._responder.reply_all(self.pending.take(keys), result, cached)

    def move_request(self, key: int) -> tuple[Request, float] | None:
        """Return a request and its deadline for another worker; None if it has its reply, or was moved too often."""
        pending = self.pending.get(key)
        if pending is None or pending.request is None or pending.moves >= _MAX_MOVES:
            return None
        pending.moves += 1
        return pending.request, pending.group.deadline

    def expire(self) -> None:
        """Reply to the requests whose deadline is over."""
        for keys in self.pending.expired(time.monotonic()):
            self._responder.reply_all(self.pending.take(keys), FailureResult(reason="the deadline is over"))
            self._cache.drop_passwords(keys, self.pending)

    def fail_all(self, reason: str) -> None:
        """Reply "temporary failure" to all requests that wait."""
        self._responder.reply_all(self.pending.take(list(self.pending)), FailureResult(reason=reason))

    # --- lines ----------------------------------------------------------------------------------------

    def _handle_simple(self, lines: list[bytes], now: float, deadline: float) -> None:
        """Take simple `VRFY` lines, column by column: one by one takes longer."""
        if not lines:
            return
        numbers, _, addresses, passwords = zip(*[line.split(b" ", 3) for line in lines], strict=True)
        found = self._accounts.parse_many(addresses)
        if not all(found):
            for line in compress(lines, map(not_, found)):
                self._handle_line(line, now, deadline)  # which says what is wrong
            self._handle_simple(list(compress(lines, found)), now, deadline)
            return
        accounts = cast(list[Account], found)
        group = RequestGroup(VrfyRequest.command, "", "", self._reply_texts[VrfyRequest.command], now, deadline)
        sizes = list(map(len, lines))
        requests = list(map(PasswordRequest, accounts, map(Secret, passwords)))
        pending = map(PendingRequest, numbers, accounts, sizes, repeat(group), requests)
        if self._cache.is_enabled:
            for waiting, request, line in zip(pending, requests, lines, strict=True):
                self._check_password(waiting, request, line)
            return
        self._keys += self.pending.add_all(pending, sizes)
        self._requests += requests

    def _handle_line(self, line: Line, now: float, deadline: float) -> None:
        request = self._parser.parse(line)
        if isinstance(request, AddressedRequest):
            assert isinstance(line, bytes)  # the parser refuses a line that is too long
            self._handle_request(request, line, now, deadline)
        elif isinstance(request, RefusedRequest):
            self._responder.refuse(request.number, request.text)
        elif isinstance(request, IntfRequest):
            self._reply_texts = reply_texts(self._parser.dialect, self._config)
            self._cache.clear_lines()
            version = min(request.version, INTERFACE_VERSION)
            self.replies.append(render_reply(Reply(request.number, "INTF", str(version))))
        elif isinstance(request, NumberlessLine):
            self._log.inform("a line without a sequence number was ignored")
        else:
            self.quit = request

    def _handle_request(self, request: AddressedRequest, line: bytes, now: float, deadline: float) -> None:
        try:
            account = self._accounts.parse(request.address)
        except MalformedRequest:
            self._responder.refuse(request.number, MALFORMED)
            return
        mechanism = request.mechanism if isinstance(request, SaslRequest) else ""
        replies = self._reply_texts[request.command]
        group = RequestGroup(request.command, mechanism, request.mode, replies, now, deadline)
        pending = PendingRequest(request.number, account or request.address, len(line), group)
        if account is None:
            self._responder.reply(pending, VerdictResult(Verdict.USER_UNKNOWN, reason="the domain is not a host name"))
        elif isinstance(request, VrfyRequest):
            if not request.password.reveal():
                self._responder.reply(pending, VerdictResult(Verdict.PASSWORD_MISMATCH, reason="the password is empty"))
            else:
                self._check_password(pending, PasswordRequest(account, request.password), line)
        elif isinstance(request, SaslRequest):
            response = ResponseRequest(account, request.mechanism, request.response, request.challenge)
            self._start(pending, response)
        elif isinstance(request, NewRequest):
            self._start(pending, AccountRequest(account))
        else:
            self._start(pending, SecretRequest(account))

    def _check_password(self, pending: PendingRequest, request: PasswordRequest, line: bytes) -> None:
        """Reply from the cache, or wait for an equal check that is under way, or start a check."""
        cache, account = self._cache, request.account
        if not cache.is_enabled:
            self._start(pending, request)
            return
        digest = cache.digest(request)
        pending.line = cache.line_digest(line)
        cached = cache.find(account, digest, pending.group.time)
        if cached is not None:
            self._responder.reply(pending, cached.result, cached, from_cache=True)
        elif cache.join(request, digest, self.pending.next_key, self.pending):
            pending.request = None  # the check that is under way has it
            self.pending.add(pending)
        else:
            self._start(pending, request)

    def _start(self, pending: PendingRequest, request: Request) -> None:
        pending.request = request
        self._send_to_worker(self.pending.next_key, request)
        self.pending.add(pending)

    def _send_to_worker(self, key: int, request: Request) -> None:
        self._keys.append(key)
        self._requests.append(request)
