"""`[provision]`: creates an account in the mail server if a backend knows it (docs/protocol.md, section 3, "NEW").

In a worker it runs as one more backend, after those that say whether the account exists. So it has what they have: an
event loop of its own, a deadline, and a place in the log record of the request.
"""

from __future__ import annotations

from typing import NoReturn

from extauth.backends.base import Backend
from extauth.communigate.account_values import Attributes, account_aliases, account_settings
from extauth.communigate.client import CliClient
from extauth.communigate.errors import AccountExists, CliError, NoRight
from extauth.communigate.load import load_client
from extauth.communigate.shared_limit import SharedLimit
from extauth.config import ProvisionSettings
from extauth.errors import TemporaryFailure
from extauth.model import Account, Secret, Verdict, VerdictResult

UNLIMITED = "Master"
"""The access right to do everything."""

ALL_DOMAINS = "UserAccounts"
"""The access right to administer the accounts of all domains."""

_LEAST = ("Domain", "BasicSettings", "CanCreateAccounts")
_FOR_ALIASES = "CanCreateAliases"
_MINUTE = 60.0  # seconds


class Provisioner(Backend[ProvisionSettings]):
    """Creates accounts. It checks no password: the chain calls `create` and nothing else."""

    Settings = ProvisionSettings
    concurrency = 32  # they wait for one connection
    repeatable = True  # an account that exists is a success

    def load(self) -> None:
        """Read the password and the trusted certificates."""
        self._client: CliClient = load_client(self, self.settings)
        self._limit = SharedLimit(self.settings.limit_per_minute, _MINUTE)

    async def verify_password(self, account: Account, password: Secret) -> NoReturn:
        """Raise TypeError: nothing calls it. Being async, it says that this class needs an event loop."""
        raise TypeError("the provisioner checks no password")

    async def create(self, account: Account, attributes: Attributes) -> VerdictResult:
        """Create the account. Return OK also if it exists. Raises TemporaryFailure."""
        settings = account_settings(self.settings, attributes)
        aliases = account_aliases(self.settings, attributes, account, self.context.accounts)
        made = f"settings {', '.join(settings) or 'none'}; aliases {', '.join(aliases) or 'none'}"
        if self.settings.dry_run:
            return Verdict.OK.because(f"dry_run: would create it: {made}")
        if not self._limit.take():
            raise TemporaryFailure(f"not created: limit_per_minute = {self.settings.limit_per_minute} is reached")
        try:
            await self._client.create_account(account, kind=self.settings.type, settings=settings)
        except AccountExists:
            return Verdict.OK.because("the mail server has the account already")
        if aliases:
            try:
                await self._client.set_account_aliases(account, aliases)
            except CliError as error:
                self.log.warning("%s was created, but without aliases: %s", account, error)
                made = f"{made} failed"
        return Verdict.OK.because(f"created: {made}")

    async def close(self) -> None:
        """Close the connection."""
        await self._client.close()

    async def self_test(self) -> None:
        """Log in, and look at the access rights. Raises TemporaryFailure if an account cannot be created."""
        settings, url = self.settings, self._client.server.url
        async with self._client as client:
            try:
                rights = await client.get_account_rights(settings.account)
            except NoRight as error:
                self.log.warning("%s: the access rights of %s cannot be read: %s", url, settings.account, error)
                return
        if UNLIMITED in rights:
            self.log.warning(
                "%s has unlimited access (%s) to the mail server; %s are enough",
                settings.account,
                UNLIMITED,
                ", ".join(self._needed()),
            )
        elif ALL_DOMAINS not in rights and (missing := [right for right in self._needed() if right not in rights]):
            raise TemporaryFailure(
                f"{settings.account} lacks access rights: {', '.join(missing)}; it has: {', '.join(rights) or 'none'}"
            )
        does = "would create" if settings.dry_run else "may create"
        self.log.info("%s: %s %s accounts", url, settings.account, does)

    def _needed(self) -> tuple[str, ...]:
        return (*_LEAST, _FOR_ALIASES) if self.settings.aliases else _LEAST
