"""The account of extauth in the mail server (`[mail_server]`): its client, its password and its access rights."""

from __future__ import annotations

from typing import Generic, NoReturn, TypeVar

from extauth.backends.base import Backend
from extauth.backends.context import BackendContext
from extauth.backends.network import ServerAddress, load_password
from extauth.backends.tls import load_verifying_context
from extauth.backends.watched_files import WatchedFiles
from extauth.communigate.client import CliClient
from extauth.communigate.errors import NoRight
from extauth.config import CliSettings, HandoverSettings
from extauth.errors import TemporaryFailure
from extauth.model import Account, Secret
from extauth.settings import Settings

UNLIMITED = "Master"
"""The access right to do everything."""

ALL_DOMAINS = "UserAccounts"
"""The access right to administer the accounts of all domains."""

_MAX_REPLY = 65_536  # bytes; the longest replies have the aliases of one account


def load_client(backend: WatchedFiles, settings: CliSettings) -> CliClient:
    """Read the files of the section, and return a client. It connects with its first command.

    `backend` reads the files, and reloads when one of them changes: call this in its `load`. Raises ConfigError.
    """
    password = load_password(backend, "password_file", settings.password_file)
    is_local = ServerAddress("", settings.host).is_local
    needs_tls = settings.starttls or settings.ca_file is not None or not is_local
    return CliClient(
        settings.host,
        settings.port,
        account=settings.account,
        password=password,
        tls=load_verifying_context(backend, settings.ca_file) if needs_tls else None,
        starttls=settings.starttls,
        connect_timeout=settings.connect_timeout,
        reply_timeout=settings.reply_timeout,
        max_reply=_MAX_REPLY,
    )


S = TypeVar("S", bound=Settings)


class OwnAccount(Backend[S], Generic[S]):
    """Base of what uses the account. It checks no logins, but is loaded, reloaded and tested like a backend."""

    def __init__(self, settings: S, context: BackendContext, mail_server: CliSettings) -> None:
        super().__init__(settings, context)
        self._mail_server = mail_server

    def load(self) -> None:
        """Read the password and the trusted certificates."""
        self._client: CliClient = load_client(self, self._mail_server)

    async def verify_password(self, account: Account, password: Secret) -> NoReturn:
        """Raise TypeError: nothing calls it. Being async, it says that this class needs an event loop."""
        raise TypeError("[mail_server] checks no password")

    async def close(self) -> None:
        """Close the connection."""
        await self._client.close()

    async def self_test(self) -> None:
        """Log in, and look at the access rights. Raises TemporaryFailure if they are not enough."""
        account, needed, url = self._mail_server.account, self._needed_rights(), self._client.server.url
        async with self._client as client:
            try:
                rights = await client.get_account_rights(account)
            except NoRight as error:
                text = "%s: the access rights of %s cannot be read: %s; give %s the access rights %s"
                self.log.warning(text, url, account, error, account, ", ".join(needed))
                return
        if UNLIMITED in rights:
            enough = ", ".join(needed)
            self.log.warning(
                "%s has unlimited access (%s) to the mail server; %s are enough", account, UNLIMITED, enough
            )
        elif ALL_DOMAINS not in rights and (missing := [right for right in needed if right not in rights]):
            raise TemporaryFailure(
                f"{account} lacks access rights: {', '.join(missing)}; it has: {', '.join(rights) or 'none'}"
            )
        self.log.info("%s: %s %s", url, account, self._purpose())

    def _purpose(self) -> str:
        """Return what it does with its access rights."""
        return "may set passwords"

    def _needed_rights(self) -> tuple[str, ...]:
        """Return the least access rights."""
        return ("Domain", "BasicSettings")


class HandoverAccount(OwnAccount[HandoverSettings]):
    """The account if only `[handover]` uses it. A process of its own sets the passwords (`workers/handover.py`)."""

    Settings = HandoverSettings
