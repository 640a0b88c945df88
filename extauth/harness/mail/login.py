"""A login: finds its account, limits failed ones, and has the passwords checked.

An account that does not exist leads to a question to the helper: *Consult External* (docs/mail-server-rules.md).
"""

from __future__ import annotations

import asyncio

import msgspec

from extauth.errors import MalformedRequest
from extauth.harness.mail.accounts import Accounts, MailAccount
from extauth.harness.mail.authenticator import AcceptedLogin, Authenticator, HelperClient, LoginResult, UndecidedLogin
from extauth.harness.mail.login_limit import TOO_MANY, LoginLimit
from extauth.harness.mail.mechanisms import Claim, MalformedClaim
from extauth.harness.mail.policy import RefusedLogin, passwords_to_check
from extauth.harness.mail.server_settings import consults_external
from extauth.model import Account, PasswordRequest, Secret
from extauth.protocol.requests import NewRequest


class NotFound(msgspec.Struct, frozen=True):
    """There is no such account.

    reason: for the log
    is_temporary: the helper could not say whether the account exists; the client should try again later
    """

    reason: str
    is_temporary: bool = False


UNKNOWN = NotFound("unknown account")


class ConsultExternal:
    """Looks accounts up, and asks the helper about those that do not exist, if their domain says so."""

    def __init__(self, accounts: Accounts, helper: HelperClient) -> None:
        self._accounts = accounts
        self._helper = helper

    async def find(self, address: Account, protocol: str, *, is_login: bool) -> MailAccount | NotFound:
        """Return the account with this address. Its domain must exist.

        is_login: it is the name in a login. Otherwise it is the recipient of mail.
        """
        found = self._accounts.get(address)
        domain = self._accounts.find_domain(address.domain)
        if found is not None or domain is None or not consults_external(domain.settings, is_login=is_login):
            return found or UNKNOWN
        try:
            reply = await asyncio.wrap_future(
                self._helper.ask(lambda number: NewRequest(number, address.address, protocol))
            )
        except MalformedRequest:  # the classic dialect has no NEW
            return NotFound("unknown account: NEW not asked")
        if reply is None or reply.status not in ("OK", "ERROR"):
            return NotFound(f"NEW {'rejected' if reply is None else reply.status}", is_temporary=True)
        if reply.status == "ERROR":
            return NotFound("unknown account: NEW ERROR")
        created = self._accounts.get(address)  # the helper may have created it
        return created or NotFound("unknown account: NEW OK, but the account was not created")


class LoginChecker:
    """Checks the logins of all connections."""

    def __init__(
        self, accounts: Accounts, authenticator: Authenticator, consult_external: ConsultExternal, limit: LoginLimit
    ) -> None:
        self._accounts = accounts
        self._authenticator = authenticator
        self._consult_external = consult_external
        self._limit = limit

    async def check(self, claim: Claim, address: Account | None, protocol: str, *, over_tls: bool) -> LoginResult:
        """Check the claim. `address` is what its name means; None if its domain does not exist."""
        if isinstance(claim, MalformedClaim):
            return RefusedLogin("malformed response")
        account: MailAccount | NotFound = UNKNOWN
        if address is not None:
            account = await self._consult_external.find(address, protocol, is_login=True)
        if isinstance(account, NotFound):
            return (UndecidedLogin if account.is_temporary else RefusedLogin)(account.reason)
        request = claim.check_request(account.account)
        passwords = passwords_to_check(request, account, over_tls=over_tls)
        if isinstance(passwords, RefusedLogin):
            return passwords
        flow = self._accounts.failed_login_flow(account)
        async with self._limit.count(account.account, flow) as counted:
            if counted is None:
                return RefusedLogin(TOO_MANY)
            result = await self._authenticator.check(passwords, request, account, protocol)
            counts_too = isinstance(result, UndecidedLogin) and self._accounts.count_temporary_failures
            if not isinstance(result, RefusedLogin) and not counts_too:
                counted.give_back()
        return result

    async def password_matches(self, account: MailAccount, password: Secret, protocol: str) -> bool:
        """Return True if `password` lets the user of `account` in. This does not count as a login."""
        request = PasswordRequest(account.account, password)
        passwords = passwords_to_check(request, account, over_tls=True)  # the password did not come from the user
        if isinstance(passwords, RefusedLogin):
            return False
        return isinstance(await self._authenticator.check(passwords, request, account, protocol), AcceptedLogin)

    async def find_recipient(self, address: Account, protocol: str) -> MailAccount | NotFound:
        """Return the account that mail for `address` goes to. This may ask the helper."""
        return await self._consult_external.find(address, protocol, is_login=False)
