"""Asks an account's passwords one after the other, until one matches."""

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
from extauth.harness.mail.policy import Password, Refused
from extauth.model import CheckRequest, PasswordRequest
from extauth.protocol.replies import Reply
from extauth.protocol.requests import Dialect, MailServerRequest, SaslRequest, VrfyRequest

_OK = "OK"
_ERROR = "ERROR"


class External(Protocol):
    """What asks the helper program."""

    @property
    def dialect(self) -> Dialect:
        """The dialect that it speaks with the program."""

    def ask(self, request: Callable[[bytes], MailServerRequest]) -> Future[Reply | None]:
        """Ask it by the request that this makes of a number; None where nobody answers any more."""


class Matched(msgspec.Struct, frozen=True):
    """A password of the account matched; and what each that was asked said, for the log."""

    account: MailAccount
    password: Password
    said: str


class Authenticator:
    """The passwords that the server keeps itself, the system's, and the helper program's.

    `os_passwords`: None where no account uses them.
    """

    def __init__(self, external: External, os_passwords: OsPasswords | None) -> None:
        self._external = external
        self._os_passwords = os_passwords

    async def ask(
        self, passwords: Iterable[Password], question: CheckRequest, account: MailAccount, protocol: str
    ) -> Matched | Refused:
        """Ask these passwords of the account, in this order."""
        said = []
        for password in passwords:
            status = await self._status(password, question, account, protocol)
            said.append(f"{password.value} {status}")
            if status == _OK:
                return Matched(account, password, ", ".join(said))
        return Refused(", ".join(said))

    async def _status(self, password: Password, question: CheckRequest, account: MailAccount, protocol: str) -> str:
        """What this password says, in the words of a helper's reply."""
        if password is Password.EXTERNAL:
            return await self._ask_external(question, protocol)
        check: Deferred[bool]
        if password is Password.OWN:
            assert account.own_password is not None
            check = deferToThread(account.own_password.answers, question)
        else:
            assert self._os_passwords is not None
            assert isinstance(question, PasswordRequest)
            check = deferToThread(self._os_passwords.check, account.os_user, question.password)
        return _OK if await check else _ERROR

    async def _ask_external(self, question: CheckRequest, protocol: str) -> str:
        address = question.account.address

        def request(number: bytes) -> MailServerRequest:
            mode = protocol if self._external.dialect is Dialect.HELPER else ""
            if isinstance(question, PasswordRequest):
                return VrfyRequest(number, address, question.password, mode)
            return SaslRequest(number, question.mechanism, address, question.response, question.challenge, mode)

        reply = await _arrived(self._external.ask(request))
        return "rejected" if reply is None else reply.status


def _arrived(future: Future[Reply | None]) -> Deferred[Reply | None]:
    """The result of a future of another thread, in the reactor's."""
    here: Any = reactor
    deferred: Deferred[Reply | None] = Deferred()
    future.add_done_callback(lambda done: here.callFromThread(deferred.callback, done.result()))
    return deferred
