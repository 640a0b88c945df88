"""A client can tell a refusal from a temporary failure; lines that are too long get an error."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.mail.server import LineClient, MailServer

_REPLIES = {
    "refused": "ERROR incorrect password",
    "fails": "FAILURE",
    "undecided": "ERROR temporary failure",
    "nonsense": "what?",
}
_ACCOUNTS = '[[domain]]\nname = "example.com"\n' + "".join(
    f'[[domain.account]]\nname = "{name}"\n' for name in _REPLIES
)
_CASES = " ".join(f"s/^(\\d+) VRFY {name}@.*/$1 {reply}/;" for name, reply in _REPLIES.items())


@pytest.fixture(scope="module")
def mail_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MailServer]:
    """A mail server whose helper replies to each account in its own way."""
    with MailServer(tmp_path_factory.mktemp("server"), _ACCOUNTS, ["perl", "-pe", f"$| = 1; {_CASES}"]) as server:
        yield server


@pytest.mark.parametrize("name", _REPLIES)
@pytest.mark.parametrize(
    ("service", "commands", "refused", "unavailable"),
    [
        ("pop3", ["AUTH PLAIN {plain}"], "-ERR [AUTH] ", "-ERR [SYS/TEMP] "),
        ("pop3", ["USER {name}", "PASS x"], "-ERR [AUTH] ", "-ERR [SYS/TEMP] "),
        ("imap", ["a AUTHENTICATE PLAIN {plain}"], "a NO [AUTHENTICATIONFAILED] ", "a NO [UNAVAILABLE] "),
        ("smtp", ["HELP", "EHLO c.example\r\nAUTH PLAIN {plain}"], "535 5.7.8 ", "454 4.7.0 "),
        ("pwd", ["USER {name}", "PASS x"], "515 ", "501 temporary failure"),
    ],
)
def test_a_refusal_differs_from_a_temporary_failure(
    mail_server: MailServer, service: str, commands: list[str], refused: str, unavailable: str, name: str
) -> None:
    seen = len(mail_server.log)
    plain = base64.b64encode(f"\0{name}\0x".encode()).decode()
    with LineClient(mail_server.port(service)) as client:
        client.read()
        for command in commands:
            reply = client.ask(command.format(name=name, plain=plain).encode())
        while reply.startswith(b"250"):
            reply = client.read()
    assert reply.decode().startswith(refused if name == "refused" else unavailable)
    log = "refused" if name == "refused" else "temporary failure"
    mail_server.wait_for(rf"3 [A-Z]+ \[\d+\] {log}: {name}@example.com, \w+, no TLS: External ", since=seen)


@pytest.mark.parametrize(
    ("service", "limit", "error"),
    [
        ("pop3", 12_288, b"-ERR the line is too long"),
        ("imap", 65_536, b"* BAD the line is too long"),
        ("smtp", 12_288, b"500 5.5.2 the line is too long"),
        ("pwd", 131_072, b"500 the line is too long; at most 131072 bytes"),
    ],
)
def test_a_line_that_is_too_long_gets_an_error(mail_server: MailServer, service: str, limit: int, error: bytes) -> None:
    seen = len(mail_server.log)
    with LineClient(mail_server.port(service)) as client:
        client.read()
        client.send(b"NOOP".ljust(limit))
        assert client.read() != error
        client.send(b"NOOP".ljust(limit + 1))
        assert client.read() == error
        client.send(b"NOOP".ljust(3 * limit))
        assert client.read() == error
        assert client.ask(b"a LOGOUT" if service == "imap" else b"QUIT")[:1] in (b"+", b"*", b"2")
    mail_server.wait_for(rf"3 [A-Z]+ \[\d+\] a line has more than {limit} bytes: ignored", since=seen)


def test_logins_at_the_same_time_do_not_pass_the_limit(tmp_path: Path) -> None:
    accounts = '[[domain]]\nname = "example.com"\nfailed_login_flow = [3, "1d"]\naccount = [{ name = "*" }]\n'
    answer = r'push @lines, $_; next if @lines < 3; for (splice @lines) { /^(\d+).* (\w+)$/; print "$1 $2\n" }'
    with (
        MailServer(tmp_path, accounts, ["perl", "-ne", f"$| = 1; {answer}"]) as server,
        contextlib.ExitStack() as stack,
    ):
        for name, password, requests in (("bob", "OK", 6), ("ann", "ERROR", 3)):
            clients = [stack.enter_context(LineClient(server.port("pop3"))) for _ in range(6)]
            for client in clients:
                client.send(f"USER {name}\r\nPASS {password}".encode())
            replies = [[client.read()[:3] for _ in range(3)][2] for client in clients]
            assert replies == [b"+OK" if password == "OK" else b"-ER"] * 6
            assert len([line for line in server.log if f" VRFY {name}@" in line]) == requests
        assert len([line for line in server.log if "rejected: too many failed logins" in line]) == 3
