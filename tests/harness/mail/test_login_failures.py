"""A client can tell a refusal from a temporary failure; lines that are too long get an error."""

from __future__ import annotations

import base64
from collections.abc import Iterator

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
        ("pwd", 1_048_576, b"500 the line is too long; at most 1048576 bytes"),
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
