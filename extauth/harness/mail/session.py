"""One connection of a mail client: its permissions, its logins, and its log records."""

from __future__ import annotations

import contextlib
import enum
from collections.abc import Callable, Iterator
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

import msgspec

from extauth.errors import MalformedRequest
from extauth.harness.mail.accounts import Accounts, MailAccount
from extauth.harness.mail.authenticator import LoginResult, UndecidedLogin
from extauth.harness.mail.login import LoginChecker, NotFound
from extauth.harness.mail.mailbox import Mailbox
from extauth.harness.mail.mechanisms import (
    CHALLENGE_RESPONSE,
    MECHANISMS,
    Claim,
    MalformedClaim,
    PasswordClaim,
)
from extauth.harness.mail.policy import Access, PasswordKind, RefusedLogin, allowed_access
from extauth.harness.mail.stream import Stream
from extauth.harness.masking import printable
from extauth.log_levels import Level
from extauth.model import Account, Secret

WriteRecord = Callable[[Level, str, str], None]
"""Writes a log record: its level, its tag, its text."""

_SENDER = "extauth harness <postmaster@localhost>"


class LoginFailure(enum.Enum):
    """Why a login fails."""

    REFUSED = enum.auto()
    """The password is wrong, or a rule forbids the login."""
    UNAVAILABLE = enum.auto()
    """A temporary failure: the helper could not decide."""
    NEEDS_TLS = enum.auto()
    """The connection has no TLS, and no account accepts a clear-text password without it. None was checked."""


class RecipientStatus(enum.Enum):
    """Whether an address is one of this mail server."""

    KNOWN = enum.auto()
    UNKNOWN = enum.auto()
    TEMPORARY_FAILURE = enum.auto()
    """Unknown now: the helper could not decide."""


class LoginRecord(msgspec.Struct, frozen=True):
    """A successful login: who, how, when, and by which password of the account."""

    account: MailAccount
    protocol: str
    mechanism: str
    over_tls: bool
    password: PasswordKind
    at: datetime
    session: int


class MailSession:
    """A connection by `protocol`. Its log records contain its number.

    accounts: all domains and accounts
    tls_is_on: says whether the domain of an address has TLS
    """

    def __init__(
        self,
        number: int,
        protocol: str,
        stream: Stream,
        accounts: Accounts,
        login_checker: LoginChecker,
        tls_is_on: Callable[[str], bool],
        write_record: WriteRecord,
    ) -> None:
        self.number = number
        self.protocol = protocol
        self._stream = stream
        self.accounts = accounts
        self._login_checker = login_checker
        self._tls_is_on = tls_is_on
        self._write_record = write_record
        peer = stream.peer_address
        self._local_address = stream.local_address
        self.log(Level.ALL_INFO, f"connected from {peer} to {self._local_address}" + (", TLS" if self.over_tls else ""))
        self.access = allowed_access(protocol, peer, clients_only=accounts.clients_only, clients=accounts.clients)
        if self.access is Access.NONE:
            self.log(Level.PROBLEMS, f"{peer} is not a client address: connection closed")

    @property
    def over_tls(self) -> bool:
        """True if the connection uses TLS now."""
        return self._stream.over_tls

    @property
    def may_start_tls(self) -> bool:
        """True if there is no TLS yet, and the domain of the local address has TLS."""
        return not self.over_tls and self._tls_is_on(self._local_address)

    @property
    def peer_address(self) -> str:
        """The address of the client."""
        return self._stream.peer_address

    def log(self, level: Level, text: str) -> None:
        """Write a log record."""
        self._write_record(level, self.protocol, f"[{self.number}] {printable(text.encode(errors='surrogateescape'))}")

    def log_change(self, text: str) -> None:
        """Log that an account or a setting was changed."""
        self.log(Level.LOW_LEVEL, text)

    @property
    def local_domain(self) -> str:
        """The name of the domain that the client has connected to."""
        return self.accounts.domain_at(self._local_address).name

    def find_account(self, name: bytes) -> MailAccount | None:
        """Return the account that `name` means on this connection, or None if there is none."""
        address = self._address(name)
        return None if address is None else self.accounts.get(address)

    async def recipient_status(self, name: bytes) -> RecipientStatus:
        """Return whether the mail server has an account with this address. This may ask the helper."""
        address = self._address(name)
        if address is None:
            return RecipientStatus.UNKNOWN
        found = await self._login_checker.find_recipient(address, self.protocol)
        if not isinstance(found, NotFound):
            return RecipientStatus.KNOWN
        self.log(Level.PROBLEMS, f"no recipient: {address}: {found.reason}")
        return RecipientStatus.TEMPORARY_FAILURE if found.is_temporary else RecipientStatus.UNKNOWN

    def _address(self, name: bytes) -> Account | None:
        """Return the address that `name` means on this connection, or None if there is no such domain."""
        try:
            return self.accounts.address(name.decode(), self.local_domain)
        except (UnicodeDecodeError, MalformedRequest):
            return None

    @property
    def offered(self) -> list[bytes]:
        """The SASL mechanisms to offer: those that some account accepts now, none for strangers."""
        if self.access is not Access.FULL:
            return []
        return [name for name in MECHANISMS if name in CHALLENGE_RESPONSE or self.clear_text_allowed]

    @property
    def clear_text_allowed(self) -> bool:
        """True if some account accepts a clear-text password on this connection."""
        return self.over_tls or self.accounts.some_accept_clear_text

    async def log_in(self, claim: Claim) -> LoginRecord | LoginFailure:
        """Check the claim. The log gives the reason of a failure."""
        name = b"" if isinstance(claim, MalformedClaim) else claim.name
        address = self._address(name)
        existing = address and self.accounts.existing(address)
        who = existing.account if existing else name.decode(errors="surrogateescape") or "(no name)"
        over_tls = self.over_tls
        login = f"{who}, {claim.mechanism}, {'TLS' if over_tls else 'no TLS'}"
        result: LoginResult = RefusedLogin("only client addresses may log in")
        if self.access is Access.FULL:
            if isinstance(claim, PasswordClaim) and not self.clear_text_allowed:
                reason = "clear-text password without TLS, and Secure Method Required is on for all accounts"
                self.log(Level.PROBLEMS, f"refused: {login}: {reason}")
                return LoginFailure.NEEDS_TLS
            result = await self._login_checker.check(claim, address, self.protocol, over_tls=over_tls)
        if isinstance(result, RefusedLogin):
            self.log(Level.PROBLEMS, f"refused: {login}: {result.reason}")
            return LoginFailure.REFUSED
        if isinstance(result, UndecidedLogin):
            self.log(Level.PROBLEMS, f"temporary failure: {login}: {result.reason}")
            return LoginFailure.UNAVAILABLE
        self.log(Level.LOW_LEVEL, f"logged in: {login}: {result.statuses}")
        at = datetime.now().astimezone()
        return LoginRecord(result.account, self.protocol, claim.mechanism, over_tls, result.password, at, self.number)

    async def password_matches(self, account: MailAccount, password: Secret) -> bool:
        """Return True if `password` lets the user of `account` in."""
        return await self._login_checker.password_matches(account, password, self.protocol)


@contextlib.contextmanager
def open_mailbox(login: LoginRecord) -> Iterator[Mailbox]:
    """Return the mailbox of the account. In the context, it has a message for this session that describes the login."""
    mailbox = login.account.mailbox
    mailbox.append(login_message(login).as_bytes(), received=login.at, session=login.session)
    try:
        yield mailbox
    finally:
        mailbox.end_session(login.session)


def login_message(login: LoginRecord) -> EmailMessage:
    """Return the message that describes the login. As bytes, its lines end with CRLF."""
    message = EmailMessage(policy=SMTP)
    message["From"] = _SENDER
    message["To"] = login.account.account.address
    message["Subject"] = f"{login.account.account} has logged in"
    message["Date"] = format_datetime(login.at)
    message["Message-ID"] = f"<{login.at.timestamp():.6f}.{login.session}@localhost>"
    message.set_content(
        f"account:   {login.account.account}\n"
        f"protocol:  {login.protocol}\n"
        f"mechanism: {login.mechanism}\n"
        f"TLS:       {'yes' if login.over_tls else 'no'}\n"
        f"password:  {login.password.value}\n"
        f"time:      {login.at:%Y-%m-%d %H:%M:%S %z}\n"
    )
    return message
