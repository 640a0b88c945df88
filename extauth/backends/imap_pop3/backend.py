"""The backends `imap` and `pop3`: log in at another mail server with the account's password."""

from __future__ import annotations

import asyncio
import ssl
from typing import ClassVar, Generic, TypeVar

from extauth.backends.base import Backend
from extauth.backends.context import BackendContext
from extauth.backends.imap_pop3.imap import ImapClient
from extauth.backends.imap_pop3.pop3 import Pop3Client
from extauth.backends.imap_pop3.settings import ImapSettings, Pop3Settings, ServerSettings, UserName, parse_server
from extauth.backends.mail_connection import MailConnection
from extauth.backends.network import overall_timeout
from extauth.backends.tls import check_tls_settings, load_tls_context, warn_of_certificate
from extauth.errors import BackendUnavailable, TemporaryFailure
from extauth.model import Account, Secret, Verdict, VerdictResult

CONNECT_TIMEOUT = 5.0
"""Default seconds to connect and to get the first answers. `overall_timeout` limits them."""

S = TypeVar("S", bound=ServerSettings)


class OtherMailServer(Backend[S], Generic[S]):
    """Logs in at another mail server, with a new connection for each login.

    It cannot say which accounts exist: servers hide that. Another backend may have a list of them. A check is not
    repeated: servers count wrong passwords.
    """

    _client: ClassVar[type[ImapClient] | type[Pop3Client]]

    def __init__(self, settings: S, context: BackendContext) -> None:
        super().__init__(settings, context)
        self._server = parse_server(settings, self._client.PORTS)
        self._uses_tls = self._server.tls or settings.starttls
        check_tls_settings(settings, uses_tls=self._uses_tls, how="a URL with TLS or starttls = true")
        self._user_name = UserName(settings.username)
        self._overall_timeout = overall_timeout(
            settings.overall_timeout, {"connect_timeout": settings.connect_timeout}, context.deadline
        )
        self._connect_timeout = settings.connect_timeout or CONNECT_TIMEOUT
        self.concurrency = max(1, settings.connections // context.workers)
        self._tls: ssl.SSLContext | None = None

    def load(self) -> None:
        """Read the trusted certificates."""
        self._tls = load_tls_context(self, self.settings, uses_tls=self._uses_tls)
        is_several = self.context.domains is None or len(self.context.domains) > 1
        if is_several and not self._user_name.tells_domains_apart:
            self.log.warning(
                "username = %r: the same name is the same user of the server in every domain of this backend; "
                "set domains to one domain, or put {domain} or {account} into username",
                self.settings.username,
            )

    async def self_test(self) -> None:
        """Connect, begin TLS, and ask whether the server takes passwords."""
        connection = MailConnection(self._server, self._tls)
        try:
            async with asyncio.timeout(self._overall_timeout):
                client = await self._connect(connection)
            client.check_login_is_offered()
            warn_of_certificate(self.log, self._server.url, connection.transport)
            client.end()
        except TemporaryFailure as failure:
            raise type(failure)(f"{self._server.url}: {failure}") from None
        finally:
            connection.abort()
        self.log.info("%s is available and takes passwords", self._server.url)

    async def verify_password(self, account: Account, password: Secret) -> Verdict | VerdictResult:
        """Return what the server says to a login with this password."""
        if not password.reveal() or b"\0" in password.reveal():
            return Verdict.PASSWORD_MISMATCH.because("an empty password, or a NUL in it")
        connection = MailConnection(self._server, self._tls)
        verdict = None
        try:
            async with asyncio.timeout(self._overall_timeout):
                client = await self._connect(connection)
                verdict = await client.log_in(self._user_name.of(account), password.reveal())
            client.end()
        except TimeoutError:
            raise BackendUnavailable(f"{self._server.url}: no answer to the login in time") from None
        except TemporaryFailure as failure:
            raise type(failure)(f"{self._server.url}: {failure}") from None
        finally:
            if verdict is None:  # it failed, or was cancelled
                connection.abort()
        return verdict

    async def knows_account(self, account: Account) -> Verdict | VerdictResult:
        """Return USER_UNKNOWN if another backend has the list of accounts. Otherwise raise TemporaryFailure."""
        if not self.settings.accounts_elsewhere:
            raise TemporaryFailure("this backend cannot say which accounts exist")
        return Verdict.USER_UNKNOWN.because("accounts_elsewhere: this backend has no list of accounts")

    async def _connect(self, connection: MailConnection) -> ImapClient | Pop3Client:
        client = self._client(connection)
        try:
            async with asyncio.timeout(self._connect_timeout):
                await connection.open()
                await client.begin(starttls=self.settings.starttls)
        except TimeoutError:
            raise BackendUnavailable("no connection and first answers in time") from None
        return client


class Imap(OtherMailServer[ImapSettings]):
    """Logs in by IMAP."""

    Settings = ImapSettings
    _client = ImapClient


class Pop3(OtherMailServer[Pop3Settings]):
    """Logs in by POP3."""

    Settings = Pop3Settings
    _client = Pop3Client
