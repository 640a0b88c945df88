"""Certificates: read and check them, make self-signed ones and signing requests, find the chain. Pure: no files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from extauth.harness.mail.tls.keys import DomainSecurityError, PrivateKey, fits

_SELF_SIGNED_DAYS = 365
_MAX_ATTRIBUTE = 64  # characters (RFC 5280, appendix A.1)
_PEM_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----")
_EMAIL = re.compile(r"[!-?A-~]+@[!-?A-~]+")


class CertificateAttributes(msgspec.Struct, frozen=True):
    """What a person writes into the *Certificate Attributes*. Empty ones are left out of the certificate."""

    common_name: str
    organization: str = ""
    unit: str = ""
    email: str = ""


def read_pem_certificates(pem: bytes) -> list[x509.Certificate]:
    """Return the certificates in a PEM text, at least one. Raises DomainSecurityError."""
    kinds = {kind.decode() for kind in _PEM_BLOCK.findall(pem)}
    if "CERTIFICATE" not in kinds:
        found = f"; it has {', '.join(sorted(kinds))}" if kinds else ""
        raise DomainSecurityError(
            f"no certificate in PEM: the text must have a line -----BEGIN CERTIFICATE-----{found}"
        )
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError:
        raise DomainSecurityError("the certificate is damaged; check it: openssl x509 -noout -text") from None


def read_der_certificates(data: bytes) -> list[x509.Certificate]:
    """Return the certificates in DER, one after the other, at least one. Raises DomainSecurityError."""
    certificates: list[x509.Certificate] = []
    while data or not certificates:
        size = _der_size(data)
        try:
            certificates.append(x509.load_der_x509_certificate(data[:size]))
        except ValueError:
            raise DomainSecurityError("not a certificate in DER") from None
        data = data[size:]
    return certificates


def der_of(certificates: Iterable[x509.Certificate]) -> bytes:
    """Return certificates in DER, one after the other."""
    return b"".join(certificate.public_bytes(serialization.Encoding.DER) for certificate in certificates)


def check_certificate(certificate: x509.Certificate, key: PrivateKey, names: Sequence[str], now: datetime) -> None:
    """Raise DomainSecurityError unless the certificate is for this key and one of these names, and is valid now."""
    if not fits(key, certificate.public_key()):
        raise DomainSecurityError("the certificate is for another key; set the key that it was requested with")
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if now > end:
        raise DomainSecurityError(f"the certificate expired at {end:%Y-%m-%d %H:%M} UTC; get a new one")
    if now < begin:
        raise DomainSecurityError(f"the certificate is not valid before {begin:%Y-%m-%d %H:%M} UTC; check the clock")
    issued_to = names_of(certificate)
    if not any(_matches(pattern, name) for pattern in issued_to for name in names):
        raise DomainSecurityError(
            f"the certificate is for {', '.join(issued_to) or 'no name'}; it must be for {' or '.join(names)}"
        )


def names_of(certificate: x509.Certificate) -> list[str]:
    """Return the host names and addresses that a certificate is for. The Common Name counts if there are no others."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        found = [*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress))]
    except x509.ExtensionNotFound:
        found = []
    return found or [str(name.value) for name in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]


def chain_of(certificate: x509.Certificate, others: Sequence[x509.Certificate]) -> list[x509.Certificate]:
    """Return those of `others` that lead from the certificate to its authority, in order."""
    chain: list[x509.Certificate] = []
    last = certificate
    while (issuer := next((each for each in others if _issued(each, last)), None)) and issuer not in (last, *chain):
        chain.append(issuer)
        last = issuer
    return chain


def self_signed(
    key: PrivateKey,
    attributes: CertificateAttributes,
    names: Sequence[str],
    now: datetime,
    days: int = _SELF_SIGNED_DAYS,
) -> x509.Certificate:
    """Return a certificate for all these names, signed with its own key. Raises DomainSecurityError."""
    subject = _subject(attributes, names)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))  # clocks of clients differ
        .not_valid_after(now + timedelta(days=days))
        .add_extension(_alternative_names(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )


def signing_request(key: PrivateKey, attributes: CertificateAttributes, names: Sequence[str]) -> bytes:
    """Return a Certificate Signing Request (RFC 2986) for all these names, in PEM. Raises DomainSecurityError."""
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(_subject(attributes, names))
        .add_extension(_alternative_names(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    return request.public_bytes(serialization.Encoding.PEM)


def now_utc() -> datetime:
    """Return the time now, for the other functions."""
    return datetime.now(UTC)


def _subject(attributes: CertificateAttributes, names: Sequence[str]) -> x509.Name:
    if attributes.common_name not in names:
        raise DomainSecurityError(
            f"the Common Name {attributes.common_name!r} is not a name of the domain; it must be {' or '.join(names)}"
        )
    if attributes.email and not _EMAIL.fullmatch(attributes.email):
        raise DomainSecurityError(f"the Contact E-mail {attributes.email!r} must be like postmaster@example.com")
    for value in (attributes.common_name, attributes.organization, attributes.unit):
        if len(value) > _MAX_ATTRIBUTE:
            raise DomainSecurityError(f"{value!r} is too long: it must have at most {_MAX_ATTRIBUTE} characters")
    parts = [
        (NameOID.ORGANIZATION_NAME, attributes.organization),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, attributes.unit),
        (NameOID.COMMON_NAME, attributes.common_name),
        (NameOID.EMAIL_ADDRESS, attributes.email),
    ]
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in parts if value])


def _alternative_names(names: Sequence[str]) -> x509.SubjectAlternativeName:
    return x509.SubjectAlternativeName([_general_name(name) for name in names])


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _matches(pattern: str, name: str) -> bool:
    """Return True if a name in a certificate stands for a host name. A `*` is one label (RFC 6125, section 6.4.3)."""
    pattern, name = pattern.lower(), name.lower()
    return pattern == name or (pattern.startswith("*.") and "." in name and name.split(".", 1)[1] == pattern[2:])


def _issued(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _der_size(data: bytes) -> int:
    """Return the number of bytes of the first DER element, at most all of them."""
    if len(data) < 2:
        return len(data)
    count = data[1] & 0x7F if data[1] & 0x80 else 0
    return 2 + count + (int.from_bytes(data[2 : 2 + count]) if count else data[1])
