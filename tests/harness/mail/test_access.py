"""Grant Access to Clients Only: from where somebody may use the mail server. 127.0.0.2 is a stranger here."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from tests.harness.mail.server import Dialogue, MailServer
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
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MailServer]:
    with MailServer(tmp_path_factory.mktemp("server"), ACCOUNTS, program("answers_ok.sh")) as server:
        yield server


@pytest.mark.parametrize(
    ("service", "greeting"),
    [("pop3", b"-ERR access is granted"), ("imap", b"* BYE access is granted"), ("pwd", b"500 access is granted")],
)
def test_a_stranger_gets_an_error_and_the_connection_is_closed_at_once(
    server: MailServer, service: str, greeting: bytes
) -> None:
    seen = len(server.log)
    with Dialogue(server.port(service), source="127.0.0.2") as dialogue:
        assert dialogue.read().startswith(greeting)
        assert dialogue.read() == b""
    server.wait_for(r"3 [A-Z]+ \[\d+\] 127.0.0.2 is no client address: closed", since=seen)


@pytest.mark.parametrize("service", ["pop3s", "imaps"])
def test_a_stranger_is_turned_away_under_tls_too(server: MailServer, service: str) -> None:
    done = _curl(server, "127.0.0.2", f"{service}://127.0.0.1:{server.port(service)}")
    assert done != 0
    assert _curl(server, "127.0.0.3", f"{service}://127.0.0.1:{server.port(service)}") == 0


def test_a_stranger_brings_mail_but_cannot_log_in_for_it(server: MailServer) -> None:
    seen = len(server.log)
    with Dialogue(server.port("smtp"), source="127.0.0.2") as smtp:
        assert smtp.read().startswith(b"220 ")
        smtp.say(b"EHLO stranger.example")
        while not (line := smtp.read()).startswith(b"250 "):
            assert not line.startswith(b"250-AUTH")
        assert smtp.ask(b"AUTH PLAIN AGFsaWNlAG93biBvbmU=").startswith(b"535 ")
        assert smtp.ask(b"MAIL FROM:<somebody@elsewhere.example>").startswith(b"250 ")
        assert smtp.ask(b"RCPT TO:<somebody@elsewhere.example>").startswith(b"550 ")
        assert smtp.ask(b"RCPT TO:<alice@example.com>").startswith(b"250 ")
    server.wait_for(
        r"3 SMTP \[\d+\] refused: alice@example.com, PLAIN, no TLS: logging in is for client addresses only", since=seen
    )


@pytest.mark.parametrize("source", ["127.0.0.1", "127.0.0.3", "127.1.2.3"])
@pytest.mark.parametrize("service", ["pop3", "imap", "smtp"])
def test_the_server_computer_and_clients_log_in(server: MailServer, service: str, source: str) -> None:
    url = f"{service}://127.0.0.1:{server.port(service)}"
    sending = ["--mail-from", "a@b.example", "--mail-rcpt", "c@d.example", "--upload-file", "-"]
    assert _curl(server, source, url, *(sending if service == "smtp" else [])) == 0


def _curl(server: MailServer, source: str, url: str, *options: str) -> int:
    """Log in from an address: curl's exit status."""
    secret = 'user = "alice@example.com:own one"'
    config = server.folder / "curlrc"
    config.touch(0o600)
    config.write_text(secret)
    trusted = ["--cacert", str(server.certificate)]
    command = ["curl", "--silent", "--config", str(config), "--interface", source, *trusted, *options, url]
    return subprocess.run(command, input=b"", capture_output=True, check=False, timeout=20).returncode
