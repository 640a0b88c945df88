"""A client for the PWD/CLI port of CommuniGate Pro. A site's own backend may use it, too (docs/provisioning.md).

client    `CliClient`: commands, over a connection that is opened when it is needed
session   one connection: TLS, login, command and reply
arguments the arguments of commands, as they are sent
errors    the replies that refuse a command, as exceptions
own_account   the account of extauth in the mail server: its password and its access rights
load      a client from the keys of a section of the configuration

[provision]:

provisioner     creates an account that a backend knows
account_values  attributes in a backend to settings and aliases in the mail server
shared_limit    how many accounts the workers may create together in a minute
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
from extauth.communigate.load import load_client
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
