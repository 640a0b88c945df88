"""A client for the PWD port of CommuniGate Pro (PWD and CLI). Your own backend may use it, too (docs/provisioning.md).

client       `CliClient`: commands, over a connection that is opened when it is needed
session      one connection: TLS, login, command and reply
arguments    the arguments of commands, as they are sent
errors       the replies that refuse a command, as exceptions
own_account  the account of extauth in the mail server: its client, its password and its access rights

[provision]:

provisioner     creates an account that a backend knows, and limits how many
account_values  turns attributes of a backend into settings and aliases of the mail server
"""

from extauth.communigate.arguments import Argument
from extauth.communigate.client import CliClient
from extauth.communigate.errors import (
    AccountExists,
    CliError,
    CliUnavailable,
    CommandRefused,
    LoginRefused,
    NoRight,
    UnknownAccount,
    UnknownCommand,
    UnknownDomain,
    WrongPassword,
)
from extauth.communigate.own_account import load_client
from extauth.protocol.data_format import Value

__all__ = [
    "AccountExists",
    "Argument",
    "CliClient",
    "CliError",
    "CliUnavailable",
    "CommandRefused",
    "LoginRefused",
    "NoRight",
    "UnknownAccount",
    "UnknownCommand",
    "UnknownDomain",
    "Value",
    "WrongPassword",
    "load_client",
]
