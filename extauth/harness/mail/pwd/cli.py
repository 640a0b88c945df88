"""What the commands of the CLI work with: the caller, the accounts, and errors with the codes of the mail server."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sized
from typing import NoReturn

import msgspec

from extauth.errors import MalformedRequest
from extauth.harness.mail.accounts import Accounts, Domain, MailAccount
from extauth.harness.mail.own_password import new_own_password
from extauth.harness.mail.pwd.rights import Need, Target, may, missing_to_impersonate
from extauth.harness.mail.session import MailSession
from extauth.log_levels import Level
from extauth.model import Account, Secret
from extauth.protocol.data_format import Value

UNKNOWN_COMMAND = 500
FAILED = 501
UNKNOWN_DOMAIN = 512
UNKNOWN_ACCOUNT = 513
WRONG_PASSWORD = 515
NAME_EXISTS = 520

MAX_VALUES = 1_000
"""How many aliases, access rights, settings or addresses a list may have: no command runs for long."""

_NEAR = 0.8  # from this ratio of difflib on, a name may be a misspelt setting
_SHOWN = 10  # unknown names in one record


class CommandError(Exception):
    """A command that failed: the code of the reply, and its text. The text holds no password.

    is_logged: the log has a record of it
    """

    def __init__(self, code: int, text: str, *, is_logged: bool = False) -> None:
        super().__init__(text)
        self.code = code
        self.is_logged = is_logged


class WrongArguments(CommandError):
    """The arguments do not fit the command. The reply shows its syntax."""

    def __init__(self) -> None:
        super().__init__(FAILED, "wrong arguments")


def check_count(values: Sized, what: str) -> None:
    """Refuse a command with too many values. `what` names them."""
    if len(values) > MAX_VALUES:
        raise CommandError(FAILED, f"more than {MAX_VALUES:,} {what}")


class Cli:
    """The view of one caller: finds accounts and domains by the names in commands, and checks access rights."""

    def __init__(self, session: MailSession, caller: MailAccount) -> None:
        self.session = session
        self.caller = caller
        self.accounts: Accounts = session.accounts

    def domain(self, name: Value) -> Domain:
        """Return the domain with this name or alias."""
        domain = self.accounts.find_domain(name) if isinstance(name, str) else None
        if domain is None:
            raise CommandError(UNKNOWN_DOMAIN, "unknown secondary domain name")
        return domain

    def address(self, name: Value) -> Account:
        """Return the account that `name` means, even if there is none. Without a domain, it is in the caller's."""
        if not isinstance(name, str):
            raise WrongArguments
        if "@" in name:
            self.domain(name.rpartition("@")[2])
        try:
            account = self.accounts.address(name, self.caller.account.domain)
        except MalformedRequest as error:
            raise CommandError(FAILED, f"the account name has {error}") from None
        assert account is not None
        return account

    def account(self, name: Value) -> MailAccount:
        """Return the account with this name or alias."""
        account = self.accounts.get(self.address(name))
        if account is None:
            raise CommandError(UNKNOWN_ACCOUNT, "unknown user account")
        return account

    def check_right(self, command: str, need: Need, domain: str = "") -> None:
        """Refuse `command`, and log that, if the caller lacks the right.

        `domain`: the domain that it is for; empty if it is for the whole mail server.
        """
        if not may(self.caller, need, Target(self.accounts.main_domain, domain)):
            self._refuse(f"{command} for {domain}" if domain else command, f"needs the right {need.value}")

    def check_rank(self, command: str, address: Account) -> None:
        """Refuse `command`, and log that, if the account of `address` has access rights that the caller lacks.

        Otherwise an administrator of a domain could set the password of an account, log in with it, and have them.
        """
        target = self.accounts.existing(address)
        if target is not None and (missing := missing_to_impersonate(self.caller, target)):
            rights = ", ".join(missing)
            self._refuse(f"{command} for {target.account}", f"needs the rights of this account: {rights}")

    def check_not_own(self, command: str, account: MailAccount, reason: str) -> None:
        """Refuse `command`, and log that, for the caller's own account: this may be the last administrator."""
        if account is self.caller:
            self._refuse(f"{command} for {account.account}", reason)

    def _refuse(self, command: str, reason: str) -> NoReturn:
        """Refuse a command, and log that."""
        self.session.log(Level.PROBLEMS, f"refused: {self.caller.account}: {command}: {reason}")
        raise CommandError(FAILED, f"access denied: {command} {reason}", is_logged=True)

    @contextlib.contextmanager
    def change(self, target: MailAccount | str) -> Iterator[None]:
        """Save what the block changes in `target`, an account or a domain. If the block fails, nothing has changed."""
        domain, account = (target, None) if isinstance(target, str) else (target.account.domain, target)
        try:
            with self.accounts.change(domain, account):
                yield
        except OSError as error:
            reason = f"cannot be saved, so nothing has changed: {error.strerror}: {error.filename}"
            self.session.log(Level.FAILURES, reason)
            raise CommandError(FAILED, reason, is_logged=True) from None

    def log_change(self, text: str) -> None:
        """Log a change that the caller has made."""
        self.session.log_change(f"{self.caller.account}: {text}")

    def log_failure(self, command: str, error: CommandError) -> None:
        """Log that a command of the caller has failed, unless the log has a record of it."""
        if not error.is_logged:
            self.session.log(Level.LOW_LEVEL, f"{self.caller.account}: {command} failed: {error.code} {error}")

    def log_without_effect(self, what: str, names: Iterable[str], known: Iterable[str]) -> None:
        """Log which of `names` the harness does not know, and which of those in `known` may be meant.

        The reply says nothing of them: the mail server has many settings that the harness does not have.

        what: such as `settings of alice@example.com`
        """
        known_names = {name.lower(): name for name in known}
        unknown = [name for name in names if name not in known_names.values()]
        texts, is_misspelt = unknown[:_SHOWN], False
        for number, name in enumerate(texts):
            if near := difflib.get_close_matches(name.lower(), known_names, 1, _NEAR):
                texts[number], is_misspelt = f"{name} (did you mean {known_names[near[0]]}?)", True
        if texts:
            level = Level.PROBLEMS if is_misspelt else Level.LOW_LEVEL
            more = ", ..." if len(unknown) > _SHOWN else ""
            self.session.log(level, f"unknown {what}, kept without effect: {', '.join(texts)}{more}")


class CliCommand(msgspec.Struct, frozen=True):
    """A command: its name, its arguments as a person reads them, the right that it needs, and the function to run.

    `any_rank`: its account may have more rights than the caller. It neither changes this account nor helps to log in.
    The function gets the arguments. It returns the data of the reply, or None if the reply has no data.
    """

    name: str
    arguments: str
    need: Need
    run: Callable[[Cli, list[Value]], Awaitable[Value]]
    any_rank: bool = False


def set_own_password(account: MailAccount, password: Secret) -> None:
    """Set the own password of `account`. The caller saves the change."""
    if not account.settings.use_own_password:
        raise CommandError(FAILED, "this account cannot have an own password: UseAppPassword is NO")
    try:
        account.set_own_password(new_own_password(password, account.settings.password_encryption))
    except ValueError as error:
        raise CommandError(FAILED, str(error)) from None
