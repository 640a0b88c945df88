"""Checks the passwords of an account one after the other until one matches."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import Protocol

import msgspec

from extauth.errors import MalformedRequest
from extauth.harness.mail.accounts import MailAccount
from extauth.harness.mail.os_password import OsPasswords
from extauth.harness.mail.policy import PasswordKind, RefusedLogin
from extauth.model import CheckRequest, PasswordRequest
from extauth.protocol.replies import Reply
from extauth.protocol.requests import Dialect, MailServerRequest, SaslRequest, VrfyRequest

_OK = "OK"
_ERROR = "ERROR"
_TEMPORARY_FAILURE = "ERROR temporary failure"
_NOT_ASKED = "not asked"
_UNDECIDED = frozenset({_TEMPORARY_FAILURE, "FAILURE", "rejected"})


class HelperClient(Protocol):
    """Sends requests to the helper."""

    @property
    def dialect(self) -> Dialect:
        """The dialect of the helper."""

    def ask(self, request: Callable[[bytes], MailServerRequest]) -> Future[Reply | None]:
        """Send the request that `request` makes from a request number.

        The result is the reply, or None if the request is rejected. Fails with MalformedRequest if the dialect cannot
        express the request.
        """


class AcceptedLogin(msgspec.Struct, frozen=True):
    """A password of the account matched. `statuses` lists the results of all checks, for the log."""

    account: MailAccount
    password: PasswordKind
    statuses: str


class UndecidedLogin(msgspec.Struct, frozen=True):
    """No password matched, and the helper had a temporary failure. The reason lists the results of all checks."""

    reason: str


LoginResult = AcceptedLogin | RefusedLogin | UndecidedLogin


class Authenticator:
    """Checks own passwords, OS passwords, and External passwords, for which it asks the helper.

    `os_passwords` is None if no account uses OS passwords.
    """

    def __init__(self, helper: HelperClient, os_passwords: OsPasswords | None) -> None:
        self._helper = helper
        self._os_passwords = os_passwords

    async def check(
        self, passwords: Iterable[PasswordKind], request: CheckRequest, account: MailAccount, protocol: str
    ) -> LoginResult:
        """Check these passwords of the account in order, up to the first match."""
        texts, undecided = [], False
        for password in passwords:
            status = await self._status(password, request, account, protocol)
            texts.append(f"{password.value} {status}")
            if status == _OK:
                return AcceptedLogin(account, password, ", ".join(texts))
            undecided = undecided or status in _UNDECIDED
        return (UndecidedLogin if undecided else RefusedLogin)(", ".join(texts))

    async def _status(self, password: PasswordKind, request: CheckRequest, account: MailAccount, protocol: str) -> str:
        """Check one password. Return the status as a reply of the helper names it."""
        if password is PasswordKind.EXTERNAL:
            return await self._ask_helper(request, protocol)
        if password is PasswordKind.OWN:
            assert account.own_password is not None
            matches = await asyncio.to_thread(account.own_password.matches, request)
        else:
            assert self._os_passwords is not None
            assert isinstance(request, PasswordRequest)
            matches = await asyncio.to_thread(self._os_passwords.check, account.os_user, request.password)
        return _OK if matches else _ERROR

    async def _ask_helper(self, request: CheckRequest, protocol: str) -> str:
        address = request.account.address

        def make_line(number: bytes) -> MailServerRequest:
            mode = protocol if self._helper.dialect is Dialect.HELPER else ""
            if isinstance(request, PasswordRequest):
                return VrfyRequest(number, address, request.password, mode)
            return SaslRequest(number, request.mechanism, address, request.response, request.challenge, mode)

        try:
            reply = await asyncio.wrap_future(self._helper.ask(make_line))
        except MalformedRequest:
            return _NOT_ASKED
        if reply is None:
            return "rejected"
        return _TEMPORARY_FAILURE if (reply.status, reply.text) == (_ERROR, "temporary failure") else reply.status
