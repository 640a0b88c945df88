"""Lines to requests: each line is parsed, its account brought into canonical form, and the request dispatched."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import compress, repeat
from operator import not_
from typing import cast

from extauth.errors import MalformedRequest
from extauth.frontend.dispatcher import Dispatcher
from extauth.frontend.log import Log
from extauth.frontend.pending_requests import PendingRequest, RequestGroup
from extauth.frontend.reply_texts import reply_texts
from extauth.model import (
    Account,
    AccountRequest,
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
    render_request,
)
from extauth.workers.frontend_config import FrontendConfig
from extauth.workers.messages import RequestBatch
from extauth.workers.status_messages import VerifyWanted

OnVerified = Callable[[PendingRequest, Result, bytes, bool], None]
"""Takes a request of an administrator, its result, the reply, and whether they are from the cache."""


class RequestHandler:
    """Takes lines. Each request among them gets exactly one reply, from here or from the dispatcher.

    `handle` returns the requests for the workers. Replies for the mail server are in `replies`.
    """

    def __init__(self, config: FrontendConfig, log: Log) -> None:
        self._log = log
        self.dispatcher = Dispatcher(log)
        self.quit: QuitRequest | None = None
        self._parser = RequestParser(config.sasl.mechanisms)
        self.configure(config)

    def configure(self, config: FrontendConfig) -> None:
        """Use this configuration for the lines that come from now on, and empty the cache."""
        self._config = config
        self._accounts = config.account_parser()
        self._parser.set_mechanisms(config.sasl.mechanisms)
        self._reply_texts = reply_texts(self._parser.dialect, config)
        self.dispatcher.configure(config)

    @property
    def replies(self) -> list[bytes]:
        """The replies that the caller takes from here and writes."""
        return self.dispatcher.responder.replies

    def handle(self, lines: list[Line]) -> RequestBatch:
        """Take lines that came together, up to a `QUIT`. Return the requests for the workers, retries included."""
        now = time.monotonic()
        deadline = now + self._config.helper.deadline
        dispatcher = self.dispatcher
        first = dispatcher.pending.next_key
        lines = dispatcher.reply_to_known(lines, now)
        for simple, other in split_simple_vrfy_lines(lines):
            self._handle_simple(simple, now, deadline)
            if other is not None:
                self._handle_line(other, now, deadline)
            if self.quit:
                break
        dispatcher.pending.set_deadline(deadline, first)
        return dispatcher.take_batch(deadline)

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
        accounts, known = cast(list[Account], found), self.dispatcher.known_accounts
        group = RequestGroup(VrfyRequest.command, "", "", self._reply_texts[VrfyRequest.command], now, deadline)
        sizes = list(map(len, lines))
        requests = list(map(PasswordRequest, accounts, map(Secret, passwords), known.are_newcomers(accounts)))
        pending = map(PendingRequest, numbers, accounts, sizes, repeat(group), requests)
        self.dispatcher.start_all(pending, requests, lines, sizes)

    def _handle_line(self, line: Line, now: float, deadline: float) -> None:
        request = self._parser.parse(line)
        if isinstance(request, AddressedRequest):
            assert isinstance(line, bytes)  # the parser refuses a line that is too long
            self._handle_request(request, line, now, deadline)
        elif isinstance(request, RefusedRequest):
            self.dispatcher.responder.refuse(request.number, request.text, request.why)
        elif isinstance(request, IntfRequest):
            self._reply_texts = reply_texts(self._parser.dialect, self._config)
            self.dispatcher.cache.clear_lines()
            version = min(request.version, INTERFACE_VERSION)
            self.replies.append(render_reply(Reply(request.number, "INTF", str(version))))
        elif isinstance(request, NumberlessLine):
            self._log.inform("a line without a sequence number was ignored")
        else:
            self.quit = request

    def verify(self, wanted: VerifyWanted, on_result: OnVerified) -> None:
        """Take a login of an administrator, as one of the mail server. `on_result` gets the result.

        Raise MalformedRequest if the mail server could not send it, or would get no verdict.
        """
        now = time.monotonic()
        deadline = now + self._config.helper.deadline
        number = b"verify:%d" % wanted.client  # the mail server cannot send such a number
        request: VrfyRequest | SaslRequest = VrfyRequest(number, wanted.address, wanted.secret)
        if wanted.mechanism:
            if wanted.mechanism not in self._config.sasl.mechanisms:
                raise MalformedRequest(f"{wanted.mechanism} is switched off: sasl.mechanisms does not name it")
            request = SaslRequest(number, wanted.mechanism, wanted.address, wanted.secret, wanted.challenge)
        line = render_request(request, self._parser.dialect).removesuffix(b"\n")
        first = self.dispatcher.pending.next_key
        self._handle_request(request, line, now, deadline, on_result)
        self.dispatcher.pending.set_deadline(deadline, first)  # the next call of `handle` sends it to a worker

    def _handle_request(
        self,
        request: AddressedRequest,
        line: bytes,
        now: float,
        deadline: float,
        on_result: OnVerified | None = None,
    ) -> None:
        try:
            account = self._accounts.parse(request.address)
        except MalformedRequest as error:
            if on_result is not None:
                raise MalformedRequest(f"malformed request: the account has {error}") from None
            self.dispatcher.responder.refuse(request.number, MALFORMED, f"the account has {error}")
            return
        mechanism = request.mechanism if isinstance(request, SaslRequest) else ""
        replies = self._reply_texts[request.command]
        group = RequestGroup(request.command, mechanism, request.mode, replies, now, deadline, on_result)
        pending = PendingRequest(request.number, account or request.address, len(line), group)
        if account is None:
            self._reject(pending, Verdict.USER_UNKNOWN, "the domain is not a host name")
        elif isinstance(request, VrfyRequest) and not request.password.reveal():
            self._reject(pending, Verdict.PASSWORD_MISMATCH, "the password is empty")
        else:
            self.dispatcher.start(pending, self._request_of(request, account), line)

    def _reject(self, pending: PendingRequest, verdict: Verdict, reason: str) -> None:
        self.dispatcher.responder.reply(pending, VerdictResult(verdict, reason=reason))

    def _request_of(self, request: AddressedRequest, account: Account) -> Request:
        """Return the request as backends get it."""
        (is_newcomer,) = self.dispatcher.known_accounts.are_newcomers([account])
        if isinstance(request, VrfyRequest):
            return PasswordRequest(account, request.password, is_newcomer)
        if isinstance(request, SaslRequest):
            return ResponseRequest(account, request.mechanism, request.response, request.challenge, is_newcomer)
        if isinstance(request, NewRequest):
            return AccountRequest(account, is_newcomer)
        return SecretRequest(account, is_newcomer)
