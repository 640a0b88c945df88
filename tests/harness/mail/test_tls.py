"""TLS: trusted certificates, domains with their own certificate, STLS and STARTTLS."""

from __future__ import annotations

import contextlib
import poplib
import re
import smtplib
import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.backends.ldap.slapd import Certificates
from tests.harness.mail.clients import MECHANISMS, Attempt
from tests.harness.mail.server import LineClient, MailServer
from tests.harness.programs import program
from tests.helper import PATIENCE

SERVICE = {"POP": "pop3", "IMAP": "imap", "SMTP": "smtp"}
CLEAR = {"USER", "LOGIN command", "PLAIN"}
CASES = [
    pytest.param(program, protocol, tls, id=f"{program}-{protocol}-{tls}")
    for program, (_, protocols) in MECHANISMS.items()
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
def mail_server(tmp_path_factory: pytest.TempPathFactory, authority: Certificates) -> Iterator[MailServer]:
    """A mail server whose helper accepts every password."""
    folder = tmp_path_factory.mktemp("server")
    for file in authority.issue("own", "DNS:example.org,DNS:mail.example.org,IP:127.0.0.5"):
        (folder / file.name).write_bytes(file.read_bytes())
    with MailServer(folder, ACCOUNTS, program("answers_ok.sh")) as mail_server:
        yield mail_server


@pytest.mark.parametrize(("name", "protocol", "tls"), CASES)
def test_each_program_trusts_only_the_right_certificate(
    mail_server: MailServer, authority: Certificates, name: str, protocol: str, tls: str, tmp_path: Path
) -> None:
    client, mechanisms = MECHANISMS[name]
    mechanism = next(mechanism for mechanism in mechanisms[protocol] if mechanism in CLEAR)
    port = mail_server.port(SERVICE[protocol] + ("s" if tls == "tls" else ""))
    user, seen = "alice@example.com", len(mail_server.log)
    wrong = Attempt(protocol, mechanism, port, user, "open sesame", tmp_path, tls, authority.authority, "localhost")
    right = Attempt(protocol, mechanism, port, user, "open sesame", tmp_path, tls, mail_server.certificate, "localhost")
    assert not client(wrong)
    assert client(right)
    records = mail_server.wait_for(f"logged in: {user}, {mechanism}, TLS: External OK", since=seen)
    assert [record for record in records if "refused" in record] == []
    assert sum("EXTAUTH I: " in record for record in records) == 1


def test_a_domain_certificate_is_chosen_by_name_and_address(mail_server: MailServer, authority: Certificates) -> None:
    own, made = authority.authority, mail_server.certificate
    assert _trusts(mail_server, "127.0.0.1", "example.org", own)
    assert _trusts(mail_server, "127.0.0.1", "mail.example.org", own)
    assert _trusts(mail_server, "127.0.0.5", "127.0.0.5", own)
    assert _trusts(mail_server, "127.0.0.1", "localhost", made)
    assert _trusts(mail_server, "127.0.0.1", "example.com", made)
    assert not _trusts(mail_server, "127.0.0.5", "example.com", own)
    assert not _trusts(mail_server, "127.0.0.1", "localhost", own)
    assert not _trusts(mail_server, "127.0.0.1", "example.org", made)


def _trusts(mail_server: MailServer, host: str, name: str, trusted: Path) -> bool:
    """Connect to `name` at `host`. Return True if the certificate is trusted and fits the name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # accepts the test authority, which lacks some extensions
    context.load_verify_locations(trusted)
    with socket.create_connection((host, mail_server.port("pop3s", host)), PATIENCE) as plain:
        try:
            context.wrap_socket(plain, server_hostname=name).close()
        except ssl.SSLCertVerificationError:
            return False
    return True


def test_clear_text_is_not_offered_if_no_account_accepts_it(mail_server: MailServer) -> None:
    seen = len(mail_server.log)
    with LineClient(mail_server.port("pop3")) as pop:
        pop.read()
        pop.send(b"CAPA")
        assert pop.read().startswith(b"+OK")
        capabilities = []
        while (line := pop.read()) != b".":
            capabilities.append(line)
        assert capabilities[-2:] == [b"SASL CRAM-MD5", b"STLS"]
        assert b"USER" not in capabilities
        pop.ask(b"USER alice@example.com")
        assert pop.ask(b"PASS open sesame") == b"-ERR [AUTH] send STLS first, or use APOP or CRAM-MD5"
    with LineClient(mail_server.port("imap")) as imap:
        assert re.findall(rb"[A-Z0-9=-]*(?:LOGIN|AUTH|TLS)[A-Z0-9=-]*", imap.read()) == [
            b"AUTH=CRAM-MD5",
            b"STARTTLS",
            b"LOGINDISABLED",
        ]
        refused = b"a NO [PRIVACYREQUIRED] send STARTTLS first, or use CRAM-MD5"  # RFC 5530, section 3
        assert imap.ask(b"a LOGIN alice@example.com sesame") == refused
    with LineClient(mail_server.port("smtp")) as smtp:
        smtp.read()
        smtp.send(b"EHLO a.example")
        extensions = [smtp.read()]
        while not extensions[-1].startswith(b"250 "):
            extensions.append(smtp.read())
        assert extensions[-2:] == [b"250-AUTH CRAM-MD5", b"250 STARTTLS"]
        assert smtp.ask(b"AUTH PLAIN AGFsaWNlAHg=") == b"538 5.7.11 send STARTTLS first, or use CRAM-MD5"
    with LineClient(mail_server.port("pwd")) as pwd:
        pwd.read()
        pwd.ask(b"USER alice@example.com")
        assert pwd.ask(b"PASS open sesame") == b"515 send STLS first, or use APOP"
    assert not any(" EXTAUTH I: " in record for record in mail_server.log[seen:])


@pytest.mark.parametrize(
    ("service", "sent"),
    [
        ("pop3", b"STLS\r\nUSER alice@example.com\r\nPASS open sesame"),
        ("imap", b"a STARTTLS\r\nb LOGIN alice@example.com sesame"),
        ("smtp", b"EHLO a.example\r\nSTARTTLS\r\nEHLO b.example\r\nAUTH PLAIN AGFsaWNlAHg="),
    ],
)
def test_plain_text_after_the_start_of_tls_is_ignored(mail_server: MailServer, service: str, sent: bytes) -> None:
    seen = len(mail_server.log)
    with LineClient(mail_server.port(service)) as client:
        client.read()
        client.send(sent)
        mail_server.wait_for("after the start of TLS: connection closed", since=seen)
        _log_in_by_pop(mail_server).quit()
    records = mail_server.wait_for("logged in", since=seen)
    assert sum("EXTAUTH I: " in record for record in records) == 1


def test_the_start_of_tls_resets_the_connection_state(mail_server: MailServer) -> None:
    context = ssl.create_default_context(cafile=mail_server.certificate)
    pop = poplib.POP3("localhost", mail_server.port("pop3"), timeout=PATIENCE)
    pop.user("alice@example.com")
    pop.stls(context)
    with pytest.raises(poplib.error_proto, match="send USER first"):
        pop.pass_("open sesame")
    pop.close()
    with smtplib.SMTP("localhost", mail_server.port("smtp"), timeout=PATIENCE) as smtp:
        smtp.login("alice@example.com", "open sesame")
        smtp.mail("alice@example.com")
        smtp.starttls(context=context)
        assert smtp.rcpt("a@elsewhere.example")[0] == 503
        assert smtp.mail("alice@example.com")[0] == 503
        smtp.ehlo()
        smtp.mail("alice@example.com")
        assert smtp.rcpt("a@elsewhere.example")[0] == 550


def test_tls_does_not_start_after_a_login_by_pop(mail_server: MailServer) -> None:
    with pytest.raises(poplib.error_proto, match="STLS not supported by server"):
        _log_in_by_pop(mail_server).stls()


def _log_in_by_pop(mail_server: MailServer) -> poplib.POP3:
    pop = poplib.POP3("localhost", mail_server.port("pop3"), timeout=PATIENCE)
    pop.apop("alice@example.com", "open sesame")
    return pop


@pytest.mark.parametrize("close_notify", [True, False], ids=["close_notify", "only FIN"])
def test_client_that_closes_its_half_of_tls_gets_replies(mail_server: MailServer, close_notify: bool) -> None:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context(cafile=str(mail_server.certificate))
    tls = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    with socket.create_connection(("127.0.0.1", mail_server.port("pop3s")), PATIENCE) as client:

        def until_done(step: Callable[[], object]) -> None:
            while True:
                with contextlib.suppress(ssl.SSLWantReadError):
                    step()
                    return
                client.sendall(outgoing.read())
                incoming.write(client.recv(10_000))

        until_done(tls.do_handshake)
        tls.write(b"USER alice\r\nPASS own one\r\nSTAT\r\n")
        if close_notify:
            with contextlib.suppress(ssl.SSLWantReadError):
                tls.unwrap()
        client.sendall(outgoing.read())
        client.shutdown(socket.SHUT_WR)
        replies = b""
        while b"+OK 1 " not in replies.partition(b"messages")[2]:
            with contextlib.suppress(ssl.SSLWantReadError):
                replies += tls.read(10_000)
                continue
            received = client.recv(10_000)
            assert received, replies
            incoming.write(received)
        while client.recv(10_000):
            pass
