"""Grant Access to Clients Only: the addresses that may use the mail server. Here 127.0.0.2 is a stranger."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from tests.harness.mail.server import LineClient, MailServer
from tests.harness.programs import program

ACCOUNTS = """\
grant_access_to_clients_only = true
client_addresses = ["127.0.0.3", "127.1.0.0/16"]
[[domain]]
name = "example.com"
[[domain.account]]
name = "alice"
password = "own one"
"""


@pytest.fixture(scope="module")
def mail_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MailServer]:
    with MailServer(tmp_path_factory.mktemp("server"), ACCOUNTS, program("answers_ok.sh")) as mail_server:
        yield mail_server


@pytest.mark.parametrize(
    ("service", "greeting"),
    [
        ("pop3", b"-ERR only client addresses may connect"),
        ("imap", b"* BYE only client addresses may connect"),
        ("pwd", b"500 only client addresses may connect"),
    ],
)
def test_a_stranger_gets_an_error_and_is_disconnected(mail_server: MailServer, service: str, greeting: bytes) -> None:
    seen = len(mail_server.log)
    with LineClient(mail_server.port(service), source="127.0.0.2") as client:
        assert client.read().startswith(greeting)
        assert client.read() == b""
    mail_server.wait_for(r"3 [A-Z]+ \[\d+\] 127.0.0.2 is not a client address: connection closed", since=seen)


@pytest.mark.parametrize("service", ["pop3s", "imaps"])
def test_a_stranger_is_refused_under_tls_too(mail_server: MailServer, service: str) -> None:
    done = _curl(mail_server, "127.0.0.2", f"{service}://127.0.0.1:{mail_server.port(service)}")
    assert done != 0
    assert _curl(mail_server, "127.0.0.3", f"{service}://127.0.0.1:{mail_server.port(service)}") == 0


def test_a_stranger_may_send_mail_but_not_log_in(mail_server: MailServer) -> None:
    seen = len(mail_server.log)
    with LineClient(mail_server.port("smtp"), source="127.0.0.2") as smtp:
        assert smtp.read().startswith(b"220 ")
        smtp.send(b"EHLO stranger.example")
        while not (line := smtp.read()).startswith(b"250 "):
            assert not line.startswith(b"250-AUTH")
        assert smtp.ask(b"AUTH PLAIN AGFsaWNlAG93biBvbmU=").startswith(b"535 ")
        assert smtp.ask(b"MAIL FROM:<someone@elsewhere.example>").startswith(b"250 ")
        assert smtp.ask(b"RCPT TO:<someone@elsewhere.example>").startswith(b"550 ")
        assert smtp.ask(b"RCPT TO:<alice@example.com>").startswith(b"250 ")
    mail_server.wait_for(
        r"3 SMTP \[\d+\] refused: alice@example.com, PLAIN, no TLS: only client addresses may log in", since=seen
    )


@pytest.mark.parametrize("source", ["127.0.0.1", "127.0.0.3", "127.1.2.3"])
@pytest.mark.parametrize("service", ["pop3", "imap", "smtp"])
def test_clients_and_the_local_computer_may_log_in(mail_server: MailServer, service: str, source: str) -> None:
    url = f"{service}://127.0.0.1:{mail_server.port(service)}"
    sending = ["--mail-from", "a@b.example", "--mail-rcpt", "c@d.example", "--upload-file", "-"]
    assert _curl(mail_server, source, url, *(sending if service == "smtp" else [])) == 0


def _curl(mail_server: MailServer, source: str, url: str, *options: str) -> int:
    """Log in with curl from an address. Return curl's exit status."""
    secret = 'user = "alice@example.com:own one"'
    config = mail_server.folder / "curlrc"
    config.touch(0o600)
    config.write_text(secret)
    trusted = ["--cacert", str(mail_server.certificate)]
    command = ["curl", "--silent", "--config", str(config), "--interface", source, *trusted, *options, url]
    return subprocess.run(command, input=b"", capture_output=True, check=False, timeout=20).returncode
