"""The way of one login through the chain, in this process: which backends are asked, and what each of them says."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import os
import secrets
import sys
import threading
import time

import msgspec

from extauth.chain import Chain, ChainRun, ConfiguredBackend
from extauth.chain.chain import NOT_SERVED
from extauth.chain.password_masking import loggable_reason
from extauth.config import Config
from extauth.errors import MalformedRequest
from extauth.guard import GuardedErrors, call_guarded, place_of_thread
from extauth.log_levels import Level
from extauth.model import (
    Account,
    CheckRequest,
    FailureResult,
    PasswordRequest,
    Request,
    ResponseRequest,
    Result,
    Secret,
    Verdict,
    VerdictResult,
)
from extauth.workers.log_forwarding import forward_logs_to
from extauth.workers.messages import LogMessage

_CLOSING = 0.4  # seconds for a backend to disconnect
_NOBODY = Account("", "")


class AskedBackend(msgspec.Struct):
    """What one backend said, and the errors that its code raised. `place`: where its call hangs."""

    name: str
    result: Result
    seconds: float
    errors: list[Exception]
    place: str = ""


class Way(msgspec.Struct):
    """The way of one login. `malformed`: why the request is none. `not_asked`: names of backends."""

    address: str
    command: str
    mechanism: str
    result: Result | None = None
    account: Account | None = None
    malformed: str = ""
    is_switched_off: bool = False
    served_by: list[ConfiguredBackend] = []  # msgspec makes a new list for each object
    asked: list[AskedBackend] = []
    not_asked: list[str] = []


def show_records(chain: Chain, password: Secret, *, debug: bool) -> None:
    """Print records of backends to standard error: all of them, or errors. None of them shows the password."""
    request = PasswordRequest(_NOBODY, password)

    def show(message: LogMessage) -> None:
        if debug or message.level <= Level.FAILURES:
            print(loggable_reason(message.text, request), file=sys.stderr)

    forward_logs_to(show, chain.loggable_record)


def find_way(config: Config, chain: Chain, address: str, password: Secret, mechanism: str | None) -> Way:
    """Ask the backends of the account's domain, as a worker does."""
    way = Way(address, "SASL" if mechanism else "VRFY", mechanism or "")
    try:
        way.account = config.accounts.parse(os.fsencode(address).decode())
    except UnicodeDecodeError:
        way.malformed = "the account is not UTF-8"
    except MalformedRequest as error:
        way.malformed = f"the account has {error}"
    way.is_switched_off = bool(mechanism) and mechanism not in config.sasl.mechanisms
    if way.malformed or way.is_switched_off:
        return way
    if way.account is None:
        way.result = VerdictResult(Verdict.USER_UNKNOWN, reason="the domain is not a host name")
        return way
    way.served_by = list(chain.backends_of(way.account.domain))
    if not mechanism and not password.reveal():
        way.result = VerdictResult(Verdict.PASSWORD_MISMATCH, reason="the password is empty")
    elif not way.served_by:
        way.result = NOT_SERVED
    else:
        _ask(way, _request(way.account, password, mechanism), config.helper.deadline)
    return way


def _request(account: Account, password: Secret, mechanism: str | None) -> CheckRequest:
    if mechanism is None:
        return PasswordRequest(account, password)
    challenge, response = response_to(password, mechanism)
    return ResponseRequest(account, mechanism, response, challenge)


def response_to(password: Secret, mechanism: str) -> tuple[Secret, Secret]:
    """Return a new challenge, and the response of a client that knows the password."""
    challenge = f"<{secrets.token_hex(8)}.{int(time.time())}@extauth>".encode()
    if mechanism == "CRAM-MD5":
        response = hmac.new(password.reveal(), challenge, "md5").hexdigest()
    else:
        response = hashlib.md5(challenge + password.reveal(), usedforsecurity=False).hexdigest()
    return Secret(challenge), Secret(response.encode())


def _ask(way: Way, request: CheckRequest, seconds: float) -> None:
    """Call the backends in turn. `seconds`: until the deadline."""
    deadline = time.monotonic() + seconds
    run = ChainRun(request, tuple(way.served_by), time.monotonic())
    while way.result is None:
        asked = call_backend(run.backend, request, deadline)
        way.asked.append(asked)
        way.result = run.add_result(asked.result, asked.seconds)
        if way.result is None and time.monotonic() >= deadline:
            way.result = FailureResult(reason="the deadline is over")
    way.not_asked = [backend.name for backend in way.served_by[len(way.asked) :]]


def call_backend(backend: ConfiguredBackend, request: Request, deadline: float) -> AskedBackend:
    """Call one backend in a thread, so that a call that hangs can be left behind. `deadline`: monotonic seconds."""
    errors: list[Exception] = []
    results: list[Result] = []
    done = threading.Event()
    backend.on_error = errors.append
    began = time.monotonic()
    limit = min(deadline - began, backend.timeout or deadline)

    def call() -> None:
        if backend.is_async:
            asyncio.run(_call_async(backend, request, limit, results, done))
            return
        results.append(backend.call(request))
        done.set()
        _close(backend)

    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    has_ended = done.wait(limit)
    seconds = time.monotonic() - began
    if has_ended and results:
        thread.join(_CLOSING)
        return AskedBackend(backend.name, results[0], seconds, errors)
    failure = FailureResult(backend.name, f"no verdict within helper.deadline: gave up after {seconds:.3g} s")
    if backend.timeout is not None and backend.timeout <= limit:
        failure = backend.timed_out()
    place = place_of_thread(thread.ident or 0) if not backend.is_async else ""
    return AskedBackend(backend.name, failure, seconds, errors, place)


async def _call_async(
    backend: ConfiguredBackend, request: Request, limit: float, results: list[Result], done: threading.Event
) -> None:
    """Call a backend whose methods are written with `async def`. Cancel it when its time is over."""
    task = asyncio.create_task(backend.call_async(request))
    await asyncio.wait([task], timeout=limit)
    if task.done():
        results.append(task.result())
        done.set()
    else:
        task.cancel()
        await asyncio.wait([task], timeout=_CLOSING)
    with contextlib.suppress(*GuardedErrors, TimeoutError):  # the verdict has come: what follows changes nothing
        await asyncio.wait_for(backend.close_async(), _CLOSING)


def _close(backend: ConfiguredBackend) -> None:
    with contextlib.suppress(*GuardedErrors):  # as above
        call_guarded(backend.close)
