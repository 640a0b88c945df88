"""A login: finds its account, limits failed ones, and has the passwords checked."""

from __future__ import annotations

from extauth.harness.mail.accounts import Accounts, MailAccount
from extauth.harness.mail.authenticator import Authenticator, LoginAccepted, LoginResult, LoginUndecided
from extauth.harness.mail.consult_external import UNKNOWN, ConsultExternal, NotFound
from extauth.harness.mail.login_limit import TOO_MANY, LoginLimit
from extauth.harness.mail.mechanisms import Claim, MalformedClaim
from extauth.harness.mail.policy import LoginRefused, passwords_to_check
from extauth.model import Account, PasswordRequest, Secret


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
            return LoginRefused("malformed response")
        account: MailAccount | NotFound = UNKNOWN
        if address is not None:
            account = await self._consult_external.find(address, protocol, is_login=True)
        if isinstance(account, NotFound):
            return (LoginUndecided if account.is_temporary else LoginRefused)(account.reason)
        request = claim.check_request(account.account)
        passwords = passwords_to_check(request, account, over_tls=over_tls)
        if isinstance(passwords, LoginRefused):
            return passwords
        flow = self._accounts.failed_login_flow(account)
        async with self._limit.count(account.account, flow) as counted:
            if counted is None:
                return LoginRefused(TOO_MANY)
            result = await self._authenticator.check(passwords, request, account, protocol)
            counts_too = isinstance(result, LoginUndecided) and self._accounts.count_temporary_failures
            if not isinstance(result, LoginRefused) and not counts_too:
                counted.give_back()
        return result

    async def password_matches(self, account: MailAccount, password: Secret, protocol: str) -> bool:
        """Return True if `password` lets the user of `account` in. This does not count as a login."""
        request = PasswordRequest(account.account, password)
        passwords = passwords_to_check(request, account, over_tls=True)  # the password did not come from the user
        if isinstance(passwords, LoginRefused):
            return False
        return isinstance(await self._authenticator.check(passwords, request, account, protocol), LoginAccepted)

    async def find_recipient(self, address: Account, protocol: str) -> MailAccount | NotFound:
        """Return the account that mail for `address` goes to. This may ask the helper."""
        return await self._consult_external.find(address, protocol, is_login=False)
