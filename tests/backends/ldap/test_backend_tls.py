"""The LDAP backend with TLS: which certificates it accepts, and that others get no password."""

from __future__ import annotations

import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backends.ldap.ldap_servers import Proxy, Responder, TlsResponder, result
from tests.backends.ldap.ldap_site import ENTRIES, LOG, PEOPLE, ldap_site, section
from tests.backends.ldap.slapd import RSA_KEY, Certificates, Slapd
from tests.helper import Site

TEMPORARY = b"ERROR temporary failure"
ALICE = b"1 VRFY alice@x.example open sesame"
AS_NAMED = 'dn = "uid={name},ou=people,dc=example"'
EXTENDED_RESPONSE = 0x78


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module", params=["good", "expired", "wrong-host", "self-signed"])
def slapd(
    request: pytest.FixtureRequest, certificates: Certificates, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Slapd]]:
    """A directory, and the kind of its certificate."""
    kind = request.param
    if kind == "self-signed":
        pair = certificates.self_signed(kind)
    else:
        pair = certificates.issue(
            kind, "DNS:other.example" if kind == "wrong-host" else "IP:127.0.0.1", expired=kind == "expired"
        )
    slapd = Slapd(tmp_path_factory.mktemp(kind), ENTRIES + PEOPLE, (certificates.authority, *pair))
    yield kind, slapd
    slapd.kill()


@pytest.fixture
def tls_site(site: Site, certificates: Certificates) -> Site:
    ldap_site(site.folder)
    site.write("ca.pem", certificates.authority.read_bytes())
    return site


@pytest.mark.parametrize("how", ["ldaps", "starttls"])
def test_only_a_valid_certificate_gets_a_password(tls_site: Site, slapd: tuple[str, Slapd], how: str) -> None:
    kind, directory = slapd
    proxy = Proxy(directory.tls_port if how == "ldaps" else directory.port)
    url = f"{'ldaps' if how == 'ldaps' else 'ldap'}://127.0.0.1:{proxy.port}"
    keys = [AS_NAMED, 'ca_file = "ca.pem"', "starttls = true" if how == "starttls" else ""]
    tls_site.configure(LOG + section("x", *keys, servers=repr(url)))
    helper = tls_site.serve()
    assert helper.ask(ALICE) == (b"OK" if kind == "good" else TEMPORARY), helper.information
    assert helper.ask(b"2 VRFY alice@x.example wrong") == (b"ERROR incorrect password" if kind == "good" else TEMPORARY)
    assert proxy.connections
    proxy.close()


def test_check_warns_when_the_certificate_ends_soon(tls_site: Site, slapd: tuple[str, Slapd]) -> None:
    kind, directory = slapd
    url = f"ldaps://127.0.0.1:{directory.tls_port}"
    tls_site.configure(section("x", AS_NAMED, 'ca_file = "ca.pem"', servers=repr(url)))
    done = tls_site.run("check", "-c", str(tls_site.config))
    assert (b"the certificate of the server ends in 1 days" in done.stdout) is (kind == "good")
    assert done.returncode == (0 if kind == "good" else 3)


def test_an_authority_without_key_usage_is_trusted(tls_site: Site, certificates: Certificates, tmp_path: Path) -> None:
    """Many in-house authorities have such a certificate. Python 3.13 refuses it unless it is told otherwise."""
    show: list[str | Path] = ["openssl", "x509", "-in", certificates.authority, "-noout", "-text"]
    shown = subprocess.run(show, check=True, capture_output=True, text=True).stdout
    assert "CA:TRUE" in shown
    assert "Key Usage" not in shown
    slapd = Slapd(tmp_path / "slapd", ENTRIES + PEOPLE, (certificates.authority, *certificates.issue("usual")))
    url = f"ldaps://127.0.0.1:{slapd.tls_port}"
    tls_site.configure(LOG + section("x", AS_NAMED, 'ca_file = "ca.pem"', servers=repr(url)))
    helper = tls_site.serve()
    assert helper.ask(ALICE) == b"OK", helper.information
    slapd.kill()


def test_disabled_verification_works_and_is_warned_about(tls_site: Site, slapd: tuple[str, Slapd]) -> None:
    url = f"ldaps://127.0.0.1:{slapd[1].tls_port}"
    tls_site.configure(LOG + section("x", AS_NAMED, "verify_certificate = false", servers=repr(url)))
    helper = tls_site.serve()
    assert helper.ask(ALICE) == b"OK", helper.information
    helper.wait_for_information("an attacker in the network")


@pytest.mark.parametrize(
    ("version", "keys", "reply"),
    [
        (ssl.TLSVersion.TLSv1_2, "", TEMPORARY),
        (ssl.TLSVersion.TLSv1_2, 'tls_ciphers = "DEFAULT"', b"OK"),
        (ssl.TLSVersion.TLSv1_1, 'tls_ciphers = "DEFAULT:@SECLEVEL=0"', TEMPORARY),
        (ssl.TLSVersion.TLSv1_1, 'tls_ciphers = "DEFAULT:@SECLEVEL=0"\ntls_minimum_version = "1.0"', b"OK"),
    ],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_old_server_needs_old_ciphers_and_versions(
    tls_site: Site, certificates: Certificates, version: ssl.TLSVersion, keys: str, reply: bytes
) -> None:
    """Old domain controllers have only RSA key exchange, which Python does not offer."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificates.issue("old", key=RSA_KEY))
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = version
    context.set_ciphers("kRSA:@SECLEVEL=0")
    server = TlsResponder(lambda tag, _: [result(0x61, 0)] if tag == 0x60 else [], context)
    tls_site.configure(LOG + section("x", AS_NAMED, 'ca_file = "ca.pem"', keys, servers=repr(server.url)))
    helper = tls_site.serve()
    assert helper.ask(ALICE) == reply, helper.information
    if reply != b"OK":
        helper.wait_for_information("account=alice.*: TLS: ")
    server.close()


def test_refused_starttls_sends_no_password(tls_site: Site) -> None:
    def refuse(tag: int, _: bytes) -> list[bytes]:
        return [result(EXTENDED_RESPONSE, 2)] if tag == 0x77 else [result(0x61, 0)]

    server = Responder(refuse)
    url = f"ldap://127.0.0.1:{server.port}"
    tls_site.configure(LOG + section("x", AS_NAMED, "starttls = true", servers=repr(url)))
    helper = tls_site.serve()
    assert helper.ask(ALICE) == TEMPORARY
    assert b"open sesame" not in server.received
    assert b"uid=alice" not in server.received
    server.close()


@pytest.mark.parametrize("more", [result(0x61, 0), b"\x30\x20\x02", b"\x30\x0c\x02\x01\x05" + result(0x61, 0)])
def test_data_before_tls_is_never_taken_for_a_response(tls_site: Site, more: bytes) -> None:
    server = Responder(lambda tag, _: [result(EXTENDED_RESPONSE, 0), more] if tag == 0x77 else [])
    url = f"ldap://127.0.0.1:{server.port}"
    tls_site.configure(LOG + section("x", AS_NAMED, "starttls = true", servers=repr(url)))
    helper = tls_site.serve()
    assert helper.ask(ALICE) == TEMPORARY
    helper.wait_for_information("account=alice.*invalid LDAP response")
    assert b"open sesame" not in server.received
    server.close()


def test_stalled_tls_handshake_times_out(tls_site: Site) -> None:
    def agree(tag: int, _: bytes) -> list[bytes]:
        return [result(EXTENDED_RESPONSE, 0)] if tag == 0x77 else [result(0x61, 0)] if tag == 0x60 else []

    server = Responder(agree)
    url = f"ldap://127.0.0.1:{server.port}"
    times = "connect_timeout = 1\nread_timeout = 1\noverall_timeout = 2"
    tls_site.configure(LOG + section("x", AS_NAMED, "starttls = true", times, servers=repr(url)))
    helper = tls_site.serve()
    assert helper.ask(ALICE) == TEMPORARY
    helper.wait_for_information("no response in time")
    assert b"open sesame" not in server.received
    server.close()
