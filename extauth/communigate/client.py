"""The client for the PWD port: commands, over a connection that is opened when it is needed."""

from __future__ import annotations

import asyncio
import re
import ssl
import time
from collections.abc import Mapping, Sequence

from extauth.backends.mail_connection import shown
from extauth.backends.network import ServerAddress
from extauth.communigate.arguments import Argument, Settings, has_password, shown_command, written
from extauth.communigate.errors import CliError, CliUnavailable, LoginRefused, refusal
from extauth.communigate.session import DATA, DONE, CliSession
from extauth.errors import BackendUnavailable
from extauth.model import Account, Secret
from extauth.protocol.data_format import MAX_SIZE, MalformedData, Value, read

PORT = 106
"""The usual PWD port."""

IDLE_LIMIT = 240.0
"""Seconds without a command after which a connection is not used again. The mail server closes it after about 300."""

RETRY = 1.0
"""Seconds without another attempt after the mail server could not be reached."""

RETRY_LOGIN = 10.0
"""The same for a refused login. The mail server blocks accounts after some refused logins a minute."""

_REPEATABLE = re.compile(r"GET|LIST|SET|UPDATE|MAINDOMAINNAME|NOOP")
_VERB = re.compile(r"[A-Z]+")


class CliClient:
    """Sends commands to the CLI of the mail server, one at a time, over one connection. Use it in one event loop.

    The connection is opened by the first command. A connection that was closed while nothing was sent is opened again.
    If it breaks during a command, the client repeats the command once if that is harmless: GET, LIST, SET and UPDATE
    are, CREATEACCOUNT is not.

    The login is by APOP if the greeting has a challenge. Otherwise, and with `starttls`, the client starts TLS and
    checks the certificate. On the loopback it needs no TLS. `tls`: which certificates it trusts; None: the system's.
    `connect_timeout`: seconds until the login is done. `reply_timeout`: seconds for the reply to a command.
    `max_reply`: bytes of a reply. To read the data in a megabyte may take two seconds, and blocks the event loop.

    All methods raise CliError.
    """

    def __init__(
        self,
        host: str,
        port: int = PORT,
        *,
        account: str,
        password: Secret,
        tls: ssl.SSLContext | None = None,
        starttls: bool = False,
        connect_timeout: float = 5.0,
        reply_timeout: float = 5.0,
        max_reply: int = MAX_SIZE,
    ) -> None:
        if not account or not account.isprintable() or " " in account:
            raise ValueError("account: must be a name without spaces")
        _check_secret(password)
        self.account = account
        self.server = ServerAddress(f"pwd://[{host}]:{port}" if ":" in host else f"pwd://{host}:{port}", host, port)
        self._password = password
        self._tls = tls
        self._starttls = starttls
        self._connect_timeout = connect_timeout
        self._reply_timeout = reply_timeout
        self._max_reply = max_reply
        self._lock = asyncio.Lock()
        self._session: CliSession | None = None
        self._used_at = 0.0
        self._failure: CliError | None = None
        self._retry_at = 0.0

    # --- commands -------------------------------------------------------------------------------------

    async def create_account(
        self, account: str | Account, *, kind: str = "", settings: Mapping[str, Value] | None = None
    ) -> None:
        """Create an account. `kind`: of its mailbox, such as MultiMailbox. Raises AccountExists and NoRight."""
        rest: list[Value] = [kind] if kind else []
        await self.command("CREATEACCOUNT", account, *rest, *([dict(settings)] if settings else []))

    async def set_account_password(self, account: str | Account, password: Secret) -> None:
        """Set the account's own password, the "CommuniGate password". Raises UnknownAccount."""
        _check_secret(password)
        await self.command("SETACCOUNTPASSWORD", account, "PASSWORD", password)

    async def update_account_settings(self, account: str | Account, settings: Settings) -> None:
        """Change some settings of an account: all, or none. The value `default` removes one. Raises UnknownAccount."""
        await self.command("UPDATEACCOUNTSETTINGS", account, dict(settings))

    async def set_account_aliases(self, account: str | Account, aliases: Sequence[str]) -> None:
        """Replace the aliases of an account. Raises AccountExists if another account has one of these names."""
        await self.command("SETACCOUNTALIASES", account, list(aliases))

    async def get_account_aliases(self, account: str | Account) -> list[str]:
        """Return the aliases of an account. Raises UnknownAccount."""
        return await self._strings("GETACCOUNTALIASES", account)

    async def get_account_settings(self, account: str | Account) -> dict[str, Value]:
        """Return the settings that the account itself has. Raises UnknownAccount."""
        found = await self.command("GETACCOUNTSETTINGS", account)
        if not isinstance(found, dict):
            raise CliUnavailable(f"{self.server.url}: GETACCOUNTSETTINGS: the data is not a dictionary")
        return found

    async def get_account_rights(self, account: str | Account) -> list[str]:
        """Return the access rights of an account."""
        return await self._strings("GETACCOUNTRIGHTS", account)

    async def command(self, verb: str, *arguments: Argument) -> Value:
        """Send any command. Return the data of its reply; None if it has none.

        Names and strings of several words are quoted. Raises ValueError for a value that the data format does not have.
        """
        verb = verb.upper()
        if _VERB.fullmatch(verb) is None:
            raise ValueError(f"{verb!r} is not a command")
        line = b" ".join([verb.encode(), *map(written, arguments)])
        has_secret = any(map(has_password, arguments))
        async with self._lock:
            try:
                code, text = await self._run(line, has_secret=has_secret, repeatable=bool(_REPEATABLE.match(verb)))
            except CliError:
                raise
            except TimeoutError:
                raise CliUnavailable(f"{self.server.url}: no reply to {verb} in time") from None
            except BackendUnavailable as error:
                raise CliUnavailable(f"{self.server.url}: {verb}: {error}") from None
        if code == DATA:
            try:
                return read(text)
            except MalformedData as error:
                raise CliUnavailable(f"{self.server.url}: {verb}: invalid answer: {error}") from None
        if code != DONE:
            has_secret = has_secret or self._password.reveal() in text
            raise refusal(shown_command(verb, arguments), code, shown(text), has_secret=has_secret)
        return None

    async def _strings(self, verb: str, account: str | Account) -> list[str]:
        found = await self.command(verb, account)
        if not isinstance(found, list):
            raise CliUnavailable(f"{self.server.url}: {verb}: the data is not an array")
        return [text for text in found if isinstance(text, str)]

    async def close(self) -> None:
        """Close the connection, if there is one. The next command opens another one."""
        async with self._lock:
            if self._session is not None:
                self._session.end()
                self._session = None

    async def __aenter__(self) -> CliClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"CliClient({self.server.url!r}, account={self.account!r})"

    # --- the connection -------------------------------------------------------------------------------

    async def _run(self, line: bytes, *, has_secret: bool, repeatable: bool) -> tuple[int, bytes]:
        session = await self._usable_session(has_secret=has_secret)
        if session is not None:
            try:
                return await self._ask(session, line)
            except BackendUnavailable:
                if not repeatable:
                    raise
        return await self._ask(await self._open(has_secret=has_secret), line)

    async def _ask(self, session: CliSession, line: bytes) -> tuple[int, bytes]:
        """Send a line over a session. After an error, or if this is cancelled, the session is not used again."""
        self._session = None
        reply = None
        try:
            async with asyncio.timeout(self._reply_timeout):
                reply = await session.run(line)
        finally:
            if reply is None:
                session.abort()
        self._session, self._used_at = session, time.monotonic()
        return reply

    async def _usable_session(self, *, has_secret: bool) -> CliSession | None:
        """Return the open session, or None if a new one is needed."""
        session = self._session
        if session is None:
            return None
        may_be_sent = session.may_send_passwords or not has_secret
        is_young = time.monotonic() - self._used_at < IDLE_LIMIT
        if may_be_sent and is_young and await session.is_usable():
            return session
        self._session = None
        session.abort()
        return None

    async def _open(self, *, has_secret: bool) -> CliSession:
        """Return a new session. `has_secret`: it is for a command with a password."""
        if self._failure is not None and time.monotonic() < self._retry_at:
            raise type(self._failure)(str(self._failure))
        starttls = self._starttls or (has_secret and not self.server.is_local)
        if self._tls is None and (starttls or not self.server.is_local):
            self._tls = ssl.create_default_context()
        session = CliSession(self.server, self._tls, self._max_reply)
        try:
            async with asyncio.timeout(self._connect_timeout):
                await session.open(self.account, self._password, starttls=starttls)
        except BaseException as error:
            session.abort()
            if isinstance(error, TimeoutError):
                raise self._failed(CliUnavailable(f"{self.server.url}: no connection and login in time")) from None
            if isinstance(error, LoginRefused):
                raise self._failed(LoginRefused(f"{self.server.url}: {error}"), RETRY_LOGIN) from None
            if isinstance(error, BackendUnavailable):
                raise self._failed(CliUnavailable(f"{self.server.url}: {error}")) from None
            raise
        self._failure = None
        return session

    def _failed(self, error: CliError, seconds: float = RETRY) -> CliError:
        self._failure, self._retry_at = error, time.monotonic() + seconds
        return error


def _check_secret(password: object) -> None:
    """Raise TypeError without showing the value: a plain text would be sent without TLS too."""
    if not isinstance(password, Secret) or not isinstance(password.reveal(), bytes):
        raise TypeError('password: must be a Secret of bytes, such as Secret(b"open sesame")')
