"""The security settings of a domain: what is accepted, what goes with what, and what is shown."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509

from extauth.harness.mail.tls.certificate_text import security_lines
from extauth.harness.mail.tls.certificates import (
    CertificateAttributes,
    der_of,
    now_utc,
    read_der_certificates,
    read_pem_certificates,
    self_signed,
    signing_request,
)
from extauth.harness.mail.tls.domain_security import changed_settings, read_settings, with_defaults
from extauth.harness.mail.tls.keys import DomainSecurityError, der_of_key, read_pem_key
from extauth.protocol.data_format import Value
from tests.harness.mail.tls.pem import Authority, ec_key, rsa_key

NAMES = ["example.org", "mail.example.org", "127.0.0.5"]
ACME = CertificateAttributes("example.org", "ACME Yacht Rentals, Inc.", "On-line Services", "hostmaster@example.org")
KEY = read_pem_key(ec_key(1))
NOW = now_utc()


def change(own: dict[str, Value], **changes: Value) -> dict[str, Value]:
    return changed_settings(own, changes, {}, NAMES, NOW)


def der(certificate: x509.Certificate) -> bytes:
    return der_of([certificate])


@pytest.fixture(scope="module")
def own() -> dict[str, Value]:
    """A key with its certificate."""
    certificate = der(self_signed(KEY, ACME, NAMES, NOW))
    return change({}, PrivateSecureKey=der_of_key(KEY), SecureCertificate=certificate, CertificateType="YES")


def test_a_certificate_goes_with_its_key(own: dict[str, Value]) -> None:
    other = der_of_key(read_pem_key(ec_key(2)))
    assert change(own, PrivateSecureKey="default") == {"CertificateType": "YES"}
    assert change(own, PrivateSecureKey=other) == {"CertificateType": "YES", "PrivateSecureKey": other}
    assert change(own, PrivateSecureKey=own["PrivateSecureKey"]) == own
    assert change(own, SecureCertificate="default").keys() == {"CertificateType", "PrivateSecureKey"}
    assert change(own, RealName="x") == own | {"RealName": "x"}


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"CertificateType": "MAYBE"}, "CertificateType must be NO, Test, YES or default"),
        ({"CertificateType": 1}, "CertificateType must be NO, Test, YES or default"),
        ({"PrivateSecureKey": "x"}, r"PrivateSecureKey must be a data block \[base64 of DER\] or default"),
        ({"PrivateSecureKey": b"x"}, "PrivateSecureKey: the private key is not DER"),
        ({"CAChain": b"x"}, "CAChain: not a certificate in DER"),
        ({"SecureCertificate": b"\x30\x85"}, "SecureCertificate: not a certificate in DER"),
    ],
)
def test_a_wrong_value_is_refused(own: dict[str, Value], changes: dict[str, Value], problem: str) -> None:
    with pytest.raises(DomainSecurityError, match=problem):
        change(own, **changes)


def test_a_certificate_that_does_not_fit_is_refused(own: dict[str, Value]) -> None:
    certificate = der(self_signed(KEY, ACME, NAMES, NOW))
    other = der(self_signed(read_pem_key(ec_key(2)), ACME, NAMES, NOW))
    expired = der(self_signed(KEY, ACME, NAMES, NOW - timedelta(days=400)))
    early = der(self_signed(KEY, ACME, NAMES, NOW + timedelta(days=2)))
    names = ["example.com", "*.example.com"]
    foreign = der(self_signed(KEY, CertificateAttributes("example.com"), names, NOW))
    for data, problem in [
        (other, "SecureCertificate: the certificate is for another key"),
        (expired, "the certificate expired at "),
        (early, "the certificate is not valid before "),
        (foreign, r"is for example.com, \*.example.com; it must be for example.org or mail.example.org or 127.0.0.5"),
        (certificate * 2, "must be one certificate; put the others into CAChain"),
    ]:
        with pytest.raises(DomainSecurityError, match=problem):
            change(own, SecureCertificate=data)
    with pytest.raises(DomainSecurityError, match="has no private key; set the key first"):
        change({}, SecureCertificate=certificate)
    wildcard = der(self_signed(KEY, CertificateAttributes("*.example.org"), ["*.example.org"], NOW))
    assert change(own, SecureCertificate=wildcard)["SecureCertificate"] == wildcard


def test_a_key_of_its_own_replaces_the_accounts_file(own: dict[str, Value]) -> None:
    other = der_of_key(read_pem_key(ec_key(2)))
    assert with_defaults({}, own) == own
    assert with_defaults({"PrivateSecureKey": other}, own) == {"CertificateType": "YES", "PrivateSecureKey": other}
    assert with_defaults({"CertificateType": "NO"}, own) == own | {"CertificateType": "NO"}
    renewed = der(self_signed(KEY, ACME, NAMES, NOW))
    changes = {"SecureCertificate": renewed}
    assert changed_settings({}, changes, own, NAMES, NOW) == changes


@pytest.mark.parametrize(
    ("attributes", "problem"),
    [
        (CertificateAttributes("example.com"), "the Common Name 'example.com' is not a name of the domain"),
        (CertificateAttributes("example.org", email="nobody"), "the Contact E-mail 'nobody' must be like"),
        (CertificateAttributes("example.org", "x" * 65), "is too long: it must have at most 64 characters"),
    ],
)
def test_wrong_attributes_are_refused(attributes: CertificateAttributes, problem: str) -> None:
    with pytest.raises(DomainSecurityError, match=problem):
        signing_request(KEY, attributes, NAMES)


def test_a_certificate_is_shown_with_its_issuer_and_chain(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    key = read_pem_key(rsa_key())
    request = signing_request(key, ACME, NAMES)
    [certificate] = read_pem_certificates(authority.sign(request))
    others = read_pem_certificates(authority.root.read_bytes() + authority.intermediate.read_bytes())
    chain = der_of([*others, self_signed(KEY, ACME, NAMES, NOW)])
    assert len(read_der_certificates(chain)) == 3
    blocks = {"PrivateSecureKey": der_of_key(key), "SecureCertificate": der(certificate), "CAChain": chain}
    settings = changed_settings({}, blocks | {"CertificateType": "YES"}, {}, NAMES, now_utc())
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    assert list(security_lines(read_settings(settings), end + timedelta(days=1))) == [
        "Secure Certificate To Use: Custom",
        "Private Key: RSA, 2048 bits",
        "Key Test: Verification String is OK",
        "Issued to:",
        "  Common Name: example.org",
        "  Organization: ACME Yacht Rentals, Inc.",
        "  Unit: On-line Services",
        "  Contact E-mail: hostmaster@example.org",
        "  Names: example.org, mail.example.org, 127.0.0.5",
        "Issued by:",
        "  Common Name: Test CA",
        "  Organization: Thawte",
        f"Valid: {begin:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC, expired",
        "CA Chain: Test CA",
        "CA Chain: Test Root",
        "CA Chain: example.org (not sent: it does not lead to the certificate)",
    ]
    assert list(security_lines(read_settings({}), NOW)) == [
        "Secure Certificate To Use: Server-wide",
        "Private Key: none",
        "Certificate: none",
    ]
