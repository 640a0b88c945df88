"""TLS of a domain through the front door: CLI, commands, and the certificates that clients see."""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from extauth.harness.mail.tls.certificates import CertificateAttributes, signing_request
from extauth.harness.mail.tls.keys import read_pem_key
from tests.harness.mail.pwd.admin import ACCOUNTS, Admin
from tests.harness.mail.server import LineClient, MailServer
from tests.harness.mail.tls.pem import Authority, ec_key, openssl, rsa_key, s_client
from tests.helper import EXTAUTH

NAMES = ["second.org", "second.net", "127.0.0.5"]
NOT_OFFERED = {
    "pop3": [(b"CAPA", False, b"."), (b"STLS", True, b"-ERR ")],
    "imap": [(b"a CAPABILITY", False, b"a OK"), (b"b STARTTLS", True, b"b BAD ")],
    "smtp": [(b"EHLO a.example", False, b"250 "), (b"STARTTLS", True, b"502 ")],
    "pwd": [(b"STLS", True, b"500 ")],
}
"""By service: a command, whether it must be refused, and how the last line of its reply begins."""


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def tls_server(tmp_path: Path) -> Iterator[MailServer]:
    """A mail server that keeps its settings in `base`."""
    (tmp_path / "base").mkdir(exist_ok=True)
    with MailServer(tmp_path, ACCOUNTS, ["cat"], "--base-directory", str(tmp_path / "base")) as server:
        yield server


def block(pem: bytes) -> str:
    """Return the data block of the DER in a PEM text."""
    return f"[{''.join(line for line in pem.decode().splitlines() if '-----' not in line)}]"


def pkcs1(pem: bytes) -> str:
    return f"[{base64.b64encode(openssl('rsa', '-traditional', '-outform', 'DER', given=pem)).decode()}]"


def test_the_cli_sets_and_removes_key_certificate_and_chain(tls_server: MailServer, authority: Authority) -> None:
    request = signing_request(read_pem_key(rsa_key()), CertificateAttributes("second.org"), NAMES)
    key, certificate, chain = (
        pkcs1(rsa_key()),
        block(authority.sign(request)),
        block(authority.intermediate.read_bytes()),
    )
    trusted = ["-CAfile", str(authority.root), "-verify_return_error"]
    with Admin(tls_server) as admin:
        assert admin.run(
            f"UPDATEDOMAINSETTINGS second.org {{SecureCertificate={certificate};}}",
            f"UPDATEDOMAINSETTINGS second.org {{PrivateSecureKey={key};}}",
            f"UPDATEDOMAINSETTINGS second.net {{SecureCertificate={certificate};}}",
            f"UPDATEDOMAINSETTINGS second.net {{CAChain={chain};}}",
            "UPDATEDOMAINSETTINGS second.net {CertificateType=YES;}",
            "GETDOMAINSETTINGS second.org",
        ) == [
            "501 SecureCertificate: the domain has no private key; set the key first",
            *["200 OK"] * 4,
            f"201 {{ PrivateSecureKey = {key}; SecureCertificate = {certificate}; CAChain = {chain}; "
            "CertificateType = YES; }",
        ]
        for host, name in [("127.0.0.1", "second.org"), ("127.0.0.1", "SECOND.net"), ("127.0.0.5", "localhost")]:
            words = [*trusted, "-servername", name, "-verify_hostname", "second.org"]
            assert "Verify return code: 0 (ok)" in s_client(tls_server.port("pop3s", host), *words, host=host)
        untrusted = s_client(tls_server.port("imaps"), *trusted, "-servername", "mymac.ru")
        assert "unable to get local issuer" in untrusted or "self-signed certificate" in untrusted
        other = block(
            authority.sign(signing_request(read_pem_key(ec_key(2)), CertificateAttributes("second.org"), NAMES))
        )
        expired = block(authority.sign(request, "-days", "-1"))
        errors = admin.run(
            f"UPDATEDOMAINSETTINGS second.org {{SecureCertificate={other};}}",
            f"UPDATEDOMAINSETTINGS second.org {{PrivateSecureKey={pkcs1(rsa_key(512))};}}",
            f"UPDATEDOMAINSETTINGS second.org {{SecureCertificate={expired};}}",
        )
        assert errors[:2] == [
            "501 SecureCertificate: the certificate is for another key; set the key that it was requested with",
            "501 PrivateSecureKey: the RSA key has 512 bits; it must have at least 2048, since programs refuse less",
        ]
        assert errors[2].startswith("501 SecureCertificate: the certificate expired at ")
        assert admin.run(
            "UPDATEDOMAINSETTINGS second.org {PrivateSecureKey=default;CAChain=default;}",
            "GETDOMAINSETTINGS second.org",
        ) == ["200 OK", "201 { CertificateType = YES; }"]
    since = len(tls_server.log)
    assert "alert handshake failure" in s_client(tls_server.port("pop3s"), "-servername", "second.org")
    tls_server.wait_for(r"3 TLS .*TLS is off for second.org: .* YES, but it has no private key, server name", since)
    assert not any(key[100:140] in record for record in tls_server.log)


def test_tls_is_refused_where_the_domain_has_it_off(tls_server: MailServer, tmp_path: Path) -> None:
    with Admin(tls_server) as admin:
        assert admin.run("UPDATEDOMAINSETTINGS second.org {CertificateType=NO;}") == ["200 OK"]
    off = "TLS is off for second.org: its CertificateType is NO"
    for host, *name in [("127.0.0.1", "-servername", "second.net"), ("127.0.0.5", "-noservername")]:
        since = len(tls_server.log)
        assert "alert handshake failure" in s_client(tls_server.port("smtps", host), *name, host=host)
        tls_server.wait_for(rf"3 TLS \[\d+\] handshake failed: {off}", since)
    session = str(tmp_path / "session")
    assert "220 " in s_client(tls_server.port("smtps"), "-servername", "mymac.ru", "-sess_out", session)
    since = len(tls_server.log)
    assert "220 " not in s_client(tls_server.port("smtps"), "-servername", "second.org", "-sess_in", session)
    tls_server.wait_for(rf"3 TLS \[\d+\] handshake failed: {off}", since)
    for service, commands in NOT_OFFERED.items():
        with LineClient(tls_server.port(service, "127.0.0.5"), host="127.0.0.5") as client:
            client.read()
            for command, refused, last in commands:
                client.send(command)
                replies = [client.read()]
                while not replies[-1].startswith(last):
                    replies.append(client.read())
                assert not any(b"STARTTLS" in reply or reply == b"STLS" for reply in replies)
                assert not refused or replies[-1].endswith((b"this domain has no TLS", b"STLS is not possible now"))


def test_a_new_key_ends_the_sessions_of_its_domain(tls_server: MailServer, tmp_path: Path) -> None:
    connect = partial(s_client, tls_server.port("pop3s"), "-servername", "second.org")
    session = str(tmp_path / "session")
    connect("-sess_out", session)
    assert "\nReused, TLS" in connect("-sess_in", session)
    with Admin(tls_server) as admin:
        assert admin.run(f"UPDATEDOMAINSETTINGS second.org {{PrivateSecureKey={pkcs1(rsa_key())};}}") == ["200 OK"]
    assert "\nNew, TLS" in connect("-sess_in", session)


def test_the_commands_lead_to_a_certificate_that_clients_trust(tmp_path: Path, authority: Authority) -> None:
    (tmp_path / "base").mkdir()
    (tmp_path / "accounts.toml").write_text(ACCOUNTS)

    def run(name: str, *words: str, given: bytes = b"", status: int = 0) -> bytes:
        command = [*EXTAUTH, "harness", "domain-security", name, "second.net", *words]
        command += ["--accounts", str(tmp_path / "accounts.toml"), "--base-directory", str(tmp_path / "base")]
        done = subprocess.run(command, input=given, capture_output=True, check=False)
        assert done.returncode == status, done.stderr
        return done.stderr if status else done.stdout

    assert run("use", "custom", status=1) == b"Error: second.org has no private key; set one first, with set-key\n"
    assert b"Key Test: Verification String is OK\n" in run("set-key", given=rsa_key())
    assert b"\nIssued by: itself (self-signed)\n" in run("generate-self-signed", "--common-name", "second.org")
    request = run("signing-request", "--organization", "ACME", "--email", "hostmaster@second.org")
    chain = authority.sign(request) + authority.intermediate.read_bytes()
    shown = run("set-certificate", given=chain)
    assert b"\nCA Chain: Test CA\n" in shown
    assert b"Issued to:\n  Common Name: second.net\n  Organization: ACME\n" in shown
    assert run("use", "custom").startswith(b"Secure Certificate To Use: Custom\n")
    with MailServer(tmp_path, ACCOUNTS, ["cat"], "--base-directory", str(tmp_path / "base")) as server:
        words = ["-CAfile", str(authority.root), "-servername", "second.org", "-verify_hostname", "second.org"]
        assert "Verify return code: 0 (ok)" in s_client(server.port("pop3s"), *words)
        assert b"a harness uses this folder; end it first, or send UPDATEDOMAINSETTINGS" in run("show", status=1)
    assert run("remove-key").splitlines()[0] == b"The certificate is removed."
