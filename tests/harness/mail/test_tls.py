"""TLS: every program believes the certificate that it is told to, and sends nothing without; domains with their own."""

from __future__ import annotations

import base64
import poplib
import re
import smtplib
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backends.ldap.slapd import Certificates
from tests.harness.mail.clients import METHODS, Attempt
from tests.harness.mail.server import Dialogue, MailServer
from tests.harness.programs import program
from tests.helper import PATIENCE

SERVICE = {"POP": "pop3", "IMAP": "imap", "SMTP": "smtp"}
CLEAR = {"USER", "LOGIN command", "PLAIN"}
CASES = [
    pytest.param(program, protocol, tls, id=f"{program}-{protocol}-{tls}")
    for program, (_, protocols) in METHODS.items()
    for protocol in protocols
    for tls in ("starttls", "tls")
]

ACCOUNTS = """\
[defaults]
secure_method_required = true

[[domain]]
name = "example.com"
[[domain.account]]
name = "alice"

[[domain]]
name = "example.org"
aliases = ["mail.example.org"]
addresses = ["127.0.0.5"]
certificate = "own.pem"
key = "own.key"
[[domain.account]]
name = "alice"
"""


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, authority: Certificates) -> Iterator[MailServer]:
    """Its helper says yes to everybody."""
    folder = tmp_path_factory.mktemp("server")
    for file in authority.issue("own", "DNS:example.org,DNS:mail.example.org,IP:127.0.0.5"):
        (folder / file.name).write_bytes(file.read_bytes())
    with MailServer(folder, ACCOUNTS, program("answers_ok.sh")) as server:
        yield server


@pytest.mark.parametrize(("name", "protocol", "tls"), CASES)
def test_each_program_logs_in_under_tls_and_believes_no_other_certificate(
    server: MailServer, authority: Certificates, name: str, protocol: str, tls: str, tmp_path: Path
) -> None:
    client, methods = METHODS[name]
    method = next(method for method in methods[protocol] if method in CLEAR)
    port = server.port(SERVICE[protocol] + ("s" if tls == "tls" else ""))
    user, seen = "alice@example.com", len(server.log)
    wrong = Attempt(protocol, method, port, user, "open sesame", tmp_path, tls, authority.authority, "localhost")
    right = Attempt(protocol, method, port, user, "open sesame", tmp_path, tls, server.certificate, "localhost")
    assert not client(wrong)
    assert client(right)
    records = server.wait_for(f"logged in: {user}, {method}, TLS: External OK", since=seen)
    assert [record for record in records if "refused" in record] == []
    assert sum("EXTAUTH I: " in record for record in records) == 1


def test_a_domain_with_a_certificate_of_its_own_shows_it_by_name_and_by_address(
    server: MailServer, authority: Certificates
) -> None:
    own, made = authority.authority, server.certificate
    assert _believes(server, "127.0.0.1", "example.org", own)
    assert _believes(server, "127.0.0.1", "mail.example.org", own)
    assert _believes(server, "127.0.0.5", "127.0.0.5", own)
    assert _believes(server, "127.0.0.1", "localhost", made)
    assert _believes(server, "127.0.0.1", "example.com", made)
    assert not _believes(server, "127.0.0.5", "example.com", own)
    assert not _believes(server, "127.0.0.1", "localhost", own)
    assert not _believes(server, "127.0.0.1", "example.org", made)


def _believes(server: MailServer, host: str, name: str, trusted: Path) -> bool:
    """Whether somebody who connects to this name at this address is shown a certificate for it, which is trusted."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # not so strict as to demand all extensions of a test's authority
    context.load_verify_locations(trusted)
    with socket.create_connection((host, server.port("pop3s", host)), PATIENCE) as plain:
        try:
            context.wrap_socket(plain, server_hostname=name).close()
        except ssl.SSLCertVerificationError:
            return False
    return True


def test_where_every_account_needs_a_secure_method_no_other_is_offered_without_tls(server: MailServer) -> None:
    with Dialogue(server.port("pop3")) as pop:
        pop.read()
        pop.say(b"CAPA")
        assert pop.read().startswith(b"+OK")
        capabilities = []
        while (line := pop.read()) != b".":
            capabilities.append(line)
        assert capabilities == [b"TOP", b"UIDL", b"PIPELINING", b"SASL CRAM-MD5", b"STLS"]
        pop.ask(b"USER alice@example.com")
        assert pop.ask(b"PASS open sesame").startswith(b"-ERR")
    with Dialogue(server.port("imap")) as imap:
        assert re.findall(rb"[A-Z0-9=-]*(?:LOGIN|AUTH|TLS)[A-Z0-9=-]*", imap.read()) == [
            b"AUTH=CRAM-MD5",
            b"STARTTLS",
            b"LOGINDISABLED",
        ]
    with Dialogue(server.port("smtp")) as smtp:
        smtp.read()
        smtp.say(b"EHLO a.example")
        extensions = [smtp.read() for _ in range(3)]
        assert [extension[4:] for extension in extensions[1:]] == [b"AUTH CRAM-MD5", b"STARTTLS"]


@pytest.mark.parametrize(
    ("service", "said"),
    [
        ("pop3", b"STLS\r\nUSER alice@example.com\r\nPASS open sesame"),
        ("imap", b"a STARTTLS\r\nb LOGIN alice@example.com sesame"),
        ("smtp", b"EHLO a.example\r\nSTARTTLS\r\nEHLO b.example\r\nAUTH PLAIN AGFsaWNlAHg="),
    ],
)
def test_what_comes_in_the_plain_text_behind_the_start_of_tls_is_not_interpreted(
    server: MailServer, service: str, said: bytes
) -> None:
    seen = len(server.log)
    with Dialogue(server.port(service)) as dialogue:
        dialogue.read()
        dialogue.say(said)
        server.wait_for("behind the start of TLS: closed", since=seen)
        _log_in_by_pop(server).quit()
    records = server.wait_for("logged in", since=seen)
    assert sum("EXTAUTH I: " in record for record in records) == 1


def test_what_was_said_before_the_start_of_tls_is_forgotten(server: MailServer) -> None:
    context = ssl.create_default_context(cafile=server.certificate)
    pop = poplib.POP3("localhost", server.port("pop3"), timeout=PATIENCE)
    pop.user("alice@example.com")
    pop.stls(context)
    with pytest.raises(poplib.error_proto, match="USER comes first"):
        pop.pass_("open sesame")
    pop.close()
    with smtplib.SMTP("localhost", server.port("smtp"), timeout=PATIENCE) as smtp:
        smtp.login("alice@example.com", "open sesame")
        smtp.mail("alice@example.com")
        smtp.starttls(context=context)
        assert smtp.rcpt("a@elsewhere.example")[0] == 503
        smtp.mail("alice@example.com")
        assert smtp.rcpt("a@elsewhere.example")[0] == 550


def test_a_login_that_is_under_way_when_tls_starts_comes_to_nothing(server: MailServer) -> None:
    seen = len(server.log)
    with Dialogue(server.port("imap")) as imap:
        imap.read()
        imap.say(b"a AUTHENTICATE CRAM-MD5")
        imap.read()
        imap.say(base64.b64encode(b"alice@example.com x") + b"\r\nb STARTTLS")
        server.wait_for("refused: alice@example.com, CRAM-MD5, no TLS: TLS has begun meanwhile", since=seen)


def test_tls_does_not_start_after_a_login_by_pop(server: MailServer) -> None:
    with pytest.raises(poplib.error_proto, match="STLS comes before a login"):
        _log_in_by_pop(server).stls()


def _log_in_by_pop(server: MailServer) -> poplib.POP3:
    pop = poplib.POP3("localhost", server.port("pop3"), timeout=PATIENCE)
    pop.apop("alice@example.com", "open sesame")
    return pop
