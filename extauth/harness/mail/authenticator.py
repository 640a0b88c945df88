"""Checks the passwords of an account one after the other until one matches."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import Any, Protocol

import msgspec
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread

from extauth.harness.mail.accounts import MailAccount
from extauth.harness.mail.os_password import OsPasswords
from extauth.harness.mail.policy import LoginRefused, PasswordKind
from extauth.model import CheckRequest, PasswordRequest
from extauth.protocol.replies import Reply
from extauth.protocol.requests import Dialect, MailServerRequest, SaslRequest, VrfyRequest

_OK = "OK"
_ERROR = "ERROR"


class HelperClient(Protocol):
    """Sends requests to the helper."""

    @property
    def dialect(self) -> Dialect:
        """The dialect of the helper."""

    def ask(self, request: Callable[[bytes], ServerRequest]) -> Future[Reply | None]:
        """Send the request that `request` makes from a request number.

        The result is the reply, or None if the request is rejected.
        """


class LoginAccepted(msgspec.Struct, frozen=True):
    """A password of the account matched. `statuses` lists the results of all checks, for the log."""

    account: MailAccount
    password: PasswordKind
    statuses: str


class Authenticator:
    """Checks own passwords, OS passwords, and External passwords, for which it asks the helper.

    `os_passwords` is None if no account uses OS passwords.
    """

    def __init__(self, helper: HelperClient, os_passwords: OsPasswords | None) -> None:
        self._helper = helper
        self._os_passwords = os_passwords

    async def check(
        self, passwords: Iterable[PasswordKind], request: CheckRequest, account: MailAccount, protocol: str
    ) -> LoginAccepted | LoginRefused:
        """Check these passwords of the account in order, up to the first match."""
        statuses = []
        for password in passwords:
            status = await self._status(password, request, account, protocol)
            statuses.append(f"{password.value} {status}")
            if status == _OK:
                return LoginAccepted(account, password, ", ".join(statuses))
        return LoginRefused(", ".join(statuses))

    async def _status(self, password: PasswordKind, request: CheckRequest, account: MailAccount, protocol: str) -> str:
        """Check one password. Return the status as a reply of the helper names it."""
        if password is PasswordKind.EXTERNAL:
            return await self._ask_helper(request, protocol)
        check: Deferred[bool]
        if password is PasswordKind.OWN:
            assert account.own_password is not None
            check = deferToThread(account.own_password.matches, request)
        else:
            assert self._os_passwords is not None
            assert isinstance(request, PasswordRequest)
            check = deferToThread(self._os_passwords.check, account.os_user, request.password)
        return _OK if await check else _ERROR

    async def _ask_helper(self, request: CheckRequest, protocol: str) -> str:
        address = request.account.address

        def make_line(number: bytes) -> ServerRequest:
            mode = protocol if self._helper.dialect is Dialect.HELPER else ""
            if isinstance(request, PasswordRequest):
                return VrfyRequest(number, address, request.password, mode)
            return SaslRequest(number, request.mechanism, address, request.response, request.challenge, mode)

        reply = await _deferred_result(self._helper.ask(make_line))
        return "rejected" if reply is None else reply.status


def _deferred_result(future: Future[Reply | None]) -> Deferred[Reply | None]:
    """Return a Deferred that fires in the reactor's thread with the result of `future`."""
    loop: Any = reactor
    deferred: Deferred[Reply | None] = Deferred()
    future.add_done_callback(lambda done: loop.callFromThread(deferred.callback, done.result()))
    return deferred
