"""One connection of a mail client: where it comes from, what it may do, and how somebody logs in on it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec
from twisted.internet.interfaces import ISSLTransport

from extauth.harness.mail.accounts import Accounts, MailAccount
from extauth.harness.mail.authenticator import Authenticator, Matched
from extauth.harness.mail.claims import Claim, Malformed
from extauth.harness.mail.mechanisms import SECURE, exchanges
from extauth.harness.mail.policy import Access, Password, Refused, access, passwords_to_ask
from extauth.harness.masking import printable
from extauth.log_levels import Level

Record = Callable[[Level, str, str], None]
"""Writes a record: its level, the tag of its module, its text."""


class Login(msgspec.Struct, frozen=True):
    """Somebody has logged in: who, how, when, and by which of the account's passwords."""

    account: MailAccount
    protocol: str
    method: str
    over_tls: bool
    password: Password
    at: datetime
    session: int


class Session:
    """A connection by `protocol`. What it has to say becomes a record, with the connection's number.

    `tls` is what twisted's `startTLS` takes, to go on under TLS; `exchanges` begins a SASL exchange, by its mechanism.
    """

    def __init__(
        self,
        number: int,
        protocol: str,
        transport: Any,
        tls: Any,
        accounts: Accounts,
        authenticator: Authenticator,
        record: Record,
    ) -> None:
        self.number = number
        self.tls = tls
        self.protocol = protocol
        self.exchanges = exchanges(protocol)
        self._transport = transport
        self._accounts = accounts
        self._authenticator = authenticator
        self._record = record
        peer = transport.getPeer()
        self._here = transport.getHost().host
        self.say(Level.ALL_INFO, f"connected from {peer.host} to {self._here}" + (", TLS" if self.over_tls else ""))
        self.access = access(protocol, peer.host, clients_only=accounts.clients_only, clients=accounts.clients)
        if self.access is Access.NONE:
            self.say(Level.PROBLEMS, f"{peer.host} is no client address: closed")

    @property
    def over_tls(self) -> bool:
        """Whether the link is encrypted by now."""
        return bool(ISSLTransport.providedBy(self._transport))

    def say(self, level: Level, text: str) -> None:
        """Write a record."""
        self._record(level, self.protocol, f"[{self.number}] {printable(text.encode(errors='surrogateescape'))}")

    def account(self, name: bytes) -> MailAccount | None:
        """The account that a name means on this connection; None where there is none."""
        try:
            return self._accounts.find(name.decode(), self._here)
        except UnicodeDecodeError:
            return None

    @property
    def offered(self) -> list[bytes]:
        """The SASL mechanisms that make sense here: none for strangers, else those by which some account may log in."""
        if self.access is not Access.FULL:
            return []
        return [name for name in self.exchanges if name in SECURE or self.clear_text_makes_sense]

    @property
    def clear_text_makes_sense(self) -> bool:
        """Whether there is an account that could log in by a clear-text method."""
        return self.over_tls or self._accounts.clear_text_anywhere

    async def log_in(self, claim: Claim) -> Login | None:
        """Find out whether the claim is true; None where it is not. The record says why."""
        name = b"" if isinstance(claim, Malformed) else claim.name
        account = self.account(name)
        who = account.account.address if account else name.decode(errors="surrogateescape") or "somebody"
        over_tls = self.over_tls
        how = f"{who}, {claim.method}, {'TLS' if over_tls else 'no TLS'}"
        decided = await self._decide(claim, account)
        if self.over_tls is not over_tls:
            decided = Refused("TLS has begun meanwhile, and nothing counts that was said before")
        if isinstance(decided, Refused):
            self.say(Level.PROBLEMS, f"refused: {how}: {decided.reason}")
            return None
        self.say(Level.LOW_LEVEL, f"logged in: {how}: {decided.said}")
        at = datetime.now().astimezone()
        return Login(decided.account, self.protocol, claim.method, over_tls, decided.password, at, self.number)

    async def _decide(self, claim: Claim, account: MailAccount | None) -> Matched | Refused:
        if self.access is not Access.FULL:
            return Refused("logging in is for client addresses only")
        if isinstance(claim, Malformed):
            return Refused("a malformed response")
        if account is None:
            return Refused("unknown account")
        question = claim.about(account.account)
        passwords = passwords_to_ask(question, account, over_tls=self.over_tls)
        if isinstance(passwords, Refused):
            return passwords
        return await self._authenticator.ask(passwords, question, account, self.protocol)


NewSession = Callable[[str, Any], Session]
"""Makes a session of a connection, from its protocol and its transport."""
