"""`[provision]`: creates an account in the mail server if a backend knows it (docs/protocol.md, section 3, "NEW").

In a worker it runs as one more backend, after those that say whether the account exists. So it has what they have: an
event loop of its own, a deadline, and a place in the log record of the request.
"""

from __future__ import annotations

import asyncio
import functools
import mmap
import time

from extauth.communigate.account_values import Attributes, account_aliases, account_settings
from extauth.communigate.errors import AccountExists, CliError, CliUnavailable
from extauth.communigate.own_account import OwnAccount
from extauth.config import ProvisionSettings
from extauth.errors import TemporaryFailure
from extauth.model import Account, Verdict, VerdictResult
from extauth.protocol.data_format import Value

FINISH_WITHIN = 1.8
"""Seconds for a creation that is under way when the helper ends: its aliases come after the account."""

_LEAST = ("Domain", "BasicSettings", "CanCreateAccounts")
_FOR_ALIASES = "CanCreateAliases"
_MINUTE = 60.0  # seconds


class SharedLimit:
    """At most `limit` times in `seconds`, over all processes that are forked after this was made.

    Each place in shared memory has the time when it was taken last. There is no lock that a killed process could keep:
    two processes that look at the same moment may take the same place, and then it happens once more.
    """

    def __init__(self, limit: int, seconds: float) -> None:
        self._seconds = seconds
        self._places = memoryview(mmap.mmap(-1, 8 * limit)).cast("d")  # anonymous, so that it needs no descriptor

    def take(self) -> bool:
        """Take a place. Return False if there is none."""
        now = time.monotonic()
        for number, taken in enumerate(self._places):
            if not taken or now - taken >= self._seconds:
                self._places[number] = now
                return True
        return False


class Provisioner(OwnAccount[ProvisionSettings]):
    """Creates accounts. It checks no password: the chain calls `create` and nothing else."""

    Settings = ProvisionSettings
    concurrency = 32  # they wait for one connection
    repeatable = True  # an account that exists is a success

    def load(self) -> None:
        """Read the password and the trusted certificates."""
        super().load()
        self._turn = asyncio.Lock()
        self._limit = SharedLimit(self.settings.limit_per_minute, _MINUTE)

    async def close(self) -> None:
        """Close the connection, after the creation that is under way."""
        async with self._turn:
            await super().close()

    async def create(self, account: Account, attributes: Attributes) -> VerdictResult:
        """Create the account. Return OK also if it exists. Raises TemporaryFailure."""
        settings = account_settings(self.settings, attributes)
        aliases = account_aliases(self.settings, attributes, account, self.context.accounts)
        made = f"settings {', '.join(settings) or 'none'}; aliases {', '.join(aliases) or 'none'}"
        if self.settings.dry_run:
            return Verdict.OK.because(f"dry_run: would create it: {made}")
        if not self._limit.take():
            raise TemporaryFailure(f"not created: limit_per_minute = {self.settings.limit_per_minute} is reached")
        await self._turn.acquire()
        creation = asyncio.create_task(self._create(account, settings, aliases, made))
        creation.add_done_callback(lambda _: self._turn.release())
        try:
            return await asyncio.shield(creation)
        except asyncio.CancelledError:
            self.log.warning("%s: the time is over, but its creation goes on", account)
            creation.add_done_callback(functools.partial(self._log_late, account))
            raise

    def _log_late(self, account: Account, creation: asyncio.Task[VerdictResult]) -> None:
        """Log what became of a creation: the record of its request has been written before."""
        if not creation.cancelled():
            error = creation.exception()
            self.log.warning("%s: after its time: %s", account, error or creation.result().reason)

    async def _create(
        self, account: Account, settings: dict[str, Value], aliases: list[str], made: str
    ) -> VerdictResult:
        """Create the account. Not to be cut off: the mail server asks no more for an account that it has."""
        create = functools.partial(self._client.create_account, account, kind=self.settings.type, settings=settings)
        try:
            try:
                await create()
            except CliUnavailable:
                await create()  # the mail server may have it: then it says now that the account exists
        except AccountExists:
            added = await self._add_aliases(account, aliases) if aliases else ""
            return Verdict.OK.because(f"the mail server has the account already{added}")
        if aliases:
            try:
                await self._client.set_account_aliases(account, aliases)
            except CliError as error:
                self.log.warning("%s was created, but without aliases: %s", account, error)
                made = f"{made} failed"
        return Verdict.OK.because(f"created: {made}")

    async def _add_aliases(self, account: Account, aliases: list[str]) -> str:
        """Set the aliases of an account that exists, if it has none: its creation may have been cut off.

        Return a text for the reason.
        """
        try:
            if await self._client.get_account_aliases(account):
                return ""
            await self._client.set_account_aliases(account, aliases)
        except CliError as error:
            self.log.warning("%s exists, but its aliases could not be checked and set: %s", account, error)
            return "; aliases failed"
        return f"; it had no aliases, set {', '.join(aliases)}"

    def _purpose(self) -> str:
        return "would create accounts" if self.settings.dry_run else "may create accounts"

    def _needed_rights(self) -> tuple[str, ...]:
        return (*_LEAST, _FOR_ALIASES) if self.settings.aliases else _LEAST
