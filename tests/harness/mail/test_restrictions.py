"""Grant and Deny lists: a connection from a wrong address is closed before anything else happens."""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
from pathlib import Path

import pytest

from extauth.errors import ConfigError
from extauth.harness.mail.restrictions import read_restriction, restrict
from tests.harness.mail.server import LineClient, MailServer
from tests.harness.programs import program
from tests.helper import PATIENCE

ACCOUNTS = """\
[listener.imap]
grant = ["127.0.0.1", "127.0.0.6-127.0.0.9"]
deny = ["127.0.0.8"]
[listener.smtp]
deny = ["127.0.0.4"]
[[domain]]
name = "example.com"
[[domain.account]]
name = "postmaster"
password = "battery staple"
"""


def is_open(mail_server: MailServer, service: str, source: str) -> bool:
    """Connect from an address. Return whether the mail server keeps the connection open. It must log what it closes."""
    seen = len(mail_server.log)
    address = ("127.0.0.1", mail_server.port(service))
    with contextlib.suppress(OSError), socket.create_connection(address, PATIENCE, (source, 0)) as connection:
        if service.endswith("s"):
            context = ssl._create_unverified_context()  # noqa: S323
            connection = context.wrap_socket(connection)  # fails if the connection is closed before the handshake
        if connection.recv(1):
            return True
    mail_server.wait_for(f"connection from {re.escape(source)} to {service.upper()} closed: ", since=seen)
    return False


def test_lists_of_file_options_and_cli_close_connections_at_once(tmp_path: Path) -> None:
    options = ["--grant", "pop3=127.0.0.0/29,127.0.0.64", "--deny", "pop3=127.0.0.5", "--deny", "smtp=127.0.0.5"]
    with MailServer(tmp_path, ACCOUNTS, program("answers_ok.sh"), *options) as mail_server:
        for service in ("pop3", "pop3s"):
            addresses = ("127.0.0.1", "127.0.0.5", "127.0.0.7", "127.0.0.8", "127.0.0.64")
            assert [is_open(mail_server, service, each) for each in addresses] == [True, False, True, False, True]
        assert [is_open(mail_server, "imap", f"127.0.0.{last}") for last in (1, 5, 7, 8)] == [True, False, True, False]
        assert [is_open(mail_server, "smtp", f"127.0.0.{last}") for last in (4, 5)] == [True, False]
        assert "3 POP connection from 127.0.0.5 to POP3S closed: the Deny list has 127.0.0.5" in mail_server.log
        grant_of_imap = "the Grant list has only 127.0.0.1, 127.0.0.6-127.0.0.9"
        assert f"3 IMAP connection from 127.0.0.5 to IMAP closed: {grant_of_imap}" in mail_server.log
        with LineClient(mail_server.port("pwd")) as postmaster:
            postmaster.read()
            for line in (b"USER postmaster", b"PASS battery staple", b"INLINE"):
                postmaster.ask(line)
            wrong = postmaster.ask(b'UPDATEMODULE POP3 {Deny=("127.0.0.1/8");}')
            assert wrong == b"501 Deny: '127.0.0.1/8' must be a network; write 127.0.0.0/8 for the network"
            assert postmaster.ask(b"GETMODULE POP") == (
                b'201 { Grant = ("127.0.0.0/29", "127.0.0.64"); Deny = ("127.0.0.5"); }'
            )
            assert postmaster.ask(b'UPDATEMODULE pop {Deny="127.0.0.2-127.0.0.3"; Grant=default;}') == b"200 OK"
            assert [is_open(mail_server, "pop3", f"127.0.0.{last}") for last in (2, 5, 8)] == [False, True, True]
            assert postmaster.ask(b"UPDATEMODULE PWD {Grant=(127.0.0.9);}") == b"200 OK"
            assert not is_open(mail_server, "pwd", "127.0.0.1")
            assert postmaster.ask(b"NOOP") == b"200 OK", "a connection that is open stays open"
        assert mail_server.end() == 0


def test_an_address_has_a_limit_on_connections(tmp_path: Path) -> None:
    accounts = "[listener.imap]\nconnections_per_address = 2\n" + ACCOUNTS.replace("[listener.imap]\n", "")
    with MailServer(tmp_path, accounts, program("answers_ok.sh")) as mail_server:
        port = mail_server.port("imap")
        with LineClient(port) as first, LineClient(mail_server.port("imaps")), LineClient(port, "127.0.0.6") as other:
            assert first.read()[:4] == other.read()[:4] == b"* OK"
            assert not is_open(mail_server, "imap", "127.0.0.1")
            for _ in range(3):
                with LineClient(port) as refused:
                    assert refused.read() == b"", "it is closed without a greeting"
            assert first.ask(b"a LOGOUT").startswith(b"* BYE")
            assert first.read().startswith(b"a OK")
            assert first.read() == b"", "it is closed"
            assert is_open(mail_server, "imap", "127.0.0.1")
        assert [record for record in mail_server.log if "connection from" in record] == [
            "3 IMAP connection from 127.0.0.1 to IMAP closed: ConnectionsPerAddress allows 2; "
            "others from this address are closed without a record for 60 seconds"
        ]


@pytest.mark.parametrize(
    ("entry", "inside", "outside"),
    [
        ("127.0.0.5", ["127.0.0.5"], ["127.0.0.4", "127.0.0.6", "::1"]),
        ("127.0.0.4/30", ["127.0.0.4", "127.0.0.7"], ["127.0.0.3", "127.0.0.8"]),
        ("127.0.0.9 - 127.0.1.1", ["127.0.0.9", "127.0.0.200", "127.0.1.1"], ["127.0.0.8", "127.0.1.2"]),
        ("::1", ["::1"], ["::2", "0.0.0.1"]),
        ("2001:db8::/32", ["2001:db8::7"], ["2001:db9::", "127.0.0.1"]),
    ],
)
def test_an_entry_is_an_address_a_network_or_a_range(entry: str, inside: list[str], outside: list[str]) -> None:
    restriction = read_restriction({"Deny": [entry]})
    assert all(restriction.why_refused(address) for address in inside)
    assert not any(restriction.why_refused(address) for address in outside)


@pytest.mark.parametrize(
    ("option", "says"),
    [
        ("pop3=127.0.0.300", "'127.0.0.300' must be an address, a network or a range, such as"),
        ("pop3=", "must be LISTENER=ADDRESS,... with one of pop3, imap, smtp, pwd; the lists of pop3, imap"),
        ("pop3s=127.0.0.1", "must be LISTENER=ADDRESS,... with one of pop3, imap, smtp, pwd; the lists of pop3, imap"),
        ("imap=127.0.0.9-127.0.0.1", "'127.0.0.9-127.0.0.1' must be an address, a network or a range, such as"),
        ("imap=127.0.0.1,,", "'' must be an address"),
        ("imap=127.0.0.1-::1", "'127.0.0.1-::1' must be an address"),
        ("imap=127.0.0.1/8", "'127.0.0.1/8' must be a network; write 127.0.0.0/8"),
        ("imap=mail.example.com", "'mail.example.com' must be an address"),
    ],
)
def test_a_wrong_option_is_an_error(option: str, says: str) -> None:
    with pytest.raises(ConfigError) as raised:
        restrict({}, grant=["smtp=127.0.0.1"], deny=[option])
    assert str(raised.value).startswith(f"--deny {option}: {says}")
