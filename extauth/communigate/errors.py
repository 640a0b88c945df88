"""What can go wrong at the PWD port, as types.

    CliError                 a TemporaryFailure: in a backend it needs no handling
    ├── CliUnavailable       no connection, no reply in time, or an invalid reply; a BackendUnavailable, too
    ├── LoginRefused         the mail server does not accept the name and the password of the client
    └── CommandRefused       any other reply that refuses a command; the base of:
        ├── UnknownCommand   500
        ├── UnknownDomain    512
        ├── UnknownAccount   513
        ├── WrongPassword    515
        ├── AccountExists    520, or 501 with the text "... already exists"
        └── NoRight          501 with a text about access rights

No message contains a password: if the command had one, the text of the mail server is left out.
"""

from __future__ import annotations

import re

from extauth.errors import BackendUnavailable, TemporaryFailure

_FAILED = 501  # any reason: only the text tells them apart
_EXISTS = re.compile(r"(?i)already exist")
_NO_RIGHT = re.compile(r"(?i)denied|not allowed|not permitted|permission|\brights?\b|not enough access|insufficient")


class CliError(TemporaryFailure):
    """Base of all errors of the client."""


class CliUnavailable(CliError, BackendUnavailable):
    """The mail server cannot be reached, does not reply in time, or sends an invalid reply.

    The mail server may have executed a command that was under way.
    """


class LoginRefused(CliError):
    """The mail server does not accept the name and the password of the client."""


class CommandRefused(CliError):
    """The mail server has refused a command. `code`: of its reply."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


class UnknownCommand(CommandRefused):
    """500: the mail server does not know the command, or it is not possible now."""


class UnknownDomain(CommandRefused):
    """512: the mail server has no such domain."""


class UnknownAccount(CommandRefused):
    """513: the mail server has no such account."""


class WrongPassword(CommandRefused):
    """515: the password in the command is wrong."""


class AccountExists(CommandRefused):
    """520, or 501 with such a text: an account, an alias or another object has this name already."""


class NoRight(CommandRefused):
    """501 with such a text: the account of the client lacks an access right."""


_KINDS: dict[int, type[CommandRefused]] = {
    500: UnknownCommand,
    512: UnknownDomain,
    513: UnknownAccount,
    515: WrongPassword,
    520: AccountExists,
}


def refusal(command: str, code: int, text: str, *, has_secret: bool) -> CommandRefused:
    """Return the error for a reply. `command`: as it is shown. `has_secret`: do not show the text."""
    kind = _KINDS.get(code, CommandRefused)
    if code == _FAILED and _EXISTS.search(text):
        kind = AccountExists
    elif code == _FAILED and _NO_RIGHT.search(text):
        kind = NoRight
    return kind(f"{command}: {code} {'(the text is not shown)' if has_secret else text}".rstrip(), code)
