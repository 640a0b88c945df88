"""What the pages of *Domain Security* show about a key and a certificate, as lines of text. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from cryptography import x509
from cryptography.x509.oid import NameOID

from extauth.harness.mail.tls.certificates import chain_of, names_of
from extauth.harness.mail.tls.domain_security import CertificateType, DomainSecurity
from extauth.harness.mail.tls.keys import description, run_key_test

_USES = {
    CertificateType.OFF: "Off (no secure connections)",
    CertificateType.SERVER: "Server-wide",
    CertificateType.CUSTOM: "Custom",
}
_PARTS = {
    "Common Name": NameOID.COMMON_NAME,
    "Organization": NameOID.ORGANIZATION_NAME,
    "Unit": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "Contact E-mail": NameOID.EMAIL_ADDRESS,
}
_NONE = "none"


def security_lines(security: DomainSecurity, now: datetime) -> Iterator[str]:
    """Yield what the page *Domain Security* shows: the certificate to use, the key, the certificate, the chain."""
    unused = ", so the certificate below is not used (`use DOMAIN custom` changes that)"
    is_unused = security.certificate is not None and security.type is not CertificateType.CUSTOM
    yield f"Secure Certificate To Use: {_USES[security.type]}{unused if is_unused else ''}"
    if security.key is None:
        yield f"Private Key: {_NONE}"
    else:
        yield f"Private Key: {description(security.key)}"
        yield f"Key Test: {run_key_test(security.key)}"
    if security.certificate is None:
        yield f"Certificate: {_NONE}"
    else:
        yield from certificate_lines(security.certificate, now)
        used = chain_of(security.certificate, security.chain)
        for authority in used:
            yield f"CA Chain: {_common_name(authority.subject)}"
        for authority in security.chain:
            if authority not in used:
                yield f"CA Chain: {_common_name(authority.subject)} (not sent: it does not lead to the certificate)"


def certificate_lines(certificate: x509.Certificate, now: datetime) -> Iterator[str]:
    """Yield who the certificate was issued to and by, its names, and when it is valid."""
    yield "Issued to:"
    yield from _name_lines(certificate.subject)
    yield f"  Names: {', '.join(names_of(certificate))}"
    self_signed = certificate.issuer == certificate.subject
    yield "Issued by:" + (" itself (self-signed)" if self_signed else "")
    if not self_signed:
        yield from _name_lines(certificate.issuer)
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    state = ", expired" if now > end else ", not valid yet" if now < begin else ""
    yield f"Valid: {begin:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC{state}"


def _name_lines(name: x509.Name) -> Iterator[str]:
    for title, oid in _PARTS.items():
        for attribute in name.get_attributes_for_oid(oid):
            yield f"  {title}: {_printable(attribute.value)}"


def _common_name(name: x509.Name) -> str:
    found = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return _printable(found[0].value) if found else _printable(name.rfc4514_string())


def _printable(value: str | bytes) -> str:
    """Return the value without control characters, which a certificate may hold."""
    text = value if isinstance(value, str) else value.hex()
    return "".join(character if character.isprintable() else "?" for character in text)
