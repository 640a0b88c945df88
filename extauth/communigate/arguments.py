"""The arguments of commands, as they are sent, and as an error may show them. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from extauth.model import Account, Secret
from extauth.protocol.data_format import Value, write

Settings = Mapping[str, Value | Secret]
"""Settings of an account. The value of `Password` is a `Secret`."""

Argument = Value | Secret | Account | Settings
"""What a command can take. A `Secret` is sent as a string, and only over TLS or inside this computer."""

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]*")


def written(argument: Argument) -> bytes:
    """Return an argument as it is sent. Account names are not quoted if they need it nowhere."""
    if isinstance(argument, Account):
        argument = argument.address
    if isinstance(argument, str) and _PLAIN.fullmatch(argument):
        return argument.encode()
    if isinstance(argument, Mapping):
        return write({name: _revealed(value) for name, value in argument.items()})
    return write(_revealed(argument))


def has_password(argument: Argument) -> bool:
    """Return whether a `Secret` is in an argument."""
    values = argument.values() if isinstance(argument, Mapping) else [argument]
    return any(isinstance(value, Secret) for value in values)


def shown_command(verb: str, arguments: Sequence[Argument]) -> str:
    """Return a command for an error: its name and the account, if it has one."""
    match arguments:
        case [str() | Account() as name, *_]:
            return f"{verb} {name}"
        case _:
            return verb


def _revealed(value: Value | Secret) -> Value:
    return value.reveal().decode(errors="surrogateescape") if isinstance(value, Secret) else value
