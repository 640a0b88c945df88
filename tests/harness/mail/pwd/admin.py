"""Accounts for the tests of the CLI, and a client that is logged in."""

from __future__ import annotations

from tests.harness.mail.server import LineClient, MailServer

_ACCOUNT = '\n[[domain.account]]\nname = "{name}"\npassword = "secret of {name}"\n'


def _accounts(*names: str) -> str:
    return "".join(_ACCOUNT.format(name=name) for name in names)


ACCOUNTS = f"""
[defaults]
use_external_password = false

[[domain]]
name = "mymac.ru"
{_accounts("pbx", "postmaster", "user1", "accounts", "settings", "monitor", "local")}
[[domain]]
name = "second.org"
aliases = ["second.net"]
addresses = ["127.0.0.5"]
{_accounts("postmaster", "master", "bob")}
"""


class Admin(LineClient):
    """A client of PWD. It logs in with USER and PASS, and sends INLINE."""

    def __init__(self, server: MailServer, name: str = "postmaster") -> None:
        super().__init__(server.port("pwd"))
        self.read()
        for line in (f"USER {name}", f"PASS secret of {name.partition('@')[0]}", "INLINE"):
            reply = self.ask(line.encode())
            assert reply[:3] in (b"200", b"300"), reply

    def run(self, *commands: str) -> list[str]:
        """Send commands. Return the reply to each."""
        return [self.ask(command.encode()).decode(errors="surrogateescape") for command in commands]
