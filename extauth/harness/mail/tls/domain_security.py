"""*Domain Security*: the certificate that a domain uses, its key, its certificate and its chain, as domain settings.

    CertificateType   NO: off; Test: the server-wide certificate; YES: custom
    PrivateSecureKey  a data block: DER, PKCS#1 for RSA
    SecureCertificate a data block: DER
    CAChain           a data block: DER, one certificate after the other

Pure: no files, no connections. The settings are values of the data format.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TypeVar

import msgspec
from cryptography import x509

from extauth.harness.mail.account import Domain
from extauth.harness.mail.server_settings import check_domain_settings
from extauth.harness.mail.tls.certificates import check_certificate, read_der_certificates
from extauth.harness.mail.tls.keys import DomainSecurityError, PrivateKey, fits, read_der_key
from extauth.protocol.data_format import Value

_Result = TypeVar("_Result")

TYPE = "CertificateType"
KEY = "PrivateSecureKey"
CERTIFICATE = "SecureCertificate"
CHAIN = "CAChain"

SETTINGS = frozenset((TYPE, KEY, CERTIFICATE, CHAIN))
"""The domain settings that this module knows."""

DEFAULT = "default"
"""The value that removes a setting."""


class CertificateType(enum.Enum):
    """*Secure Certificate To Use*, with the values of the setting."""

    OFF = "NO"
    SERVER = "Test"
    CUSTOM = "YES"


class DomainSecurity(msgspec.Struct, frozen=True):
    """The security settings of a domain, read and checked. The key has a repr without its numbers."""

    type: CertificateType = CertificateType.SERVER
    key: PrivateKey | None = None
    certificate: x509.Certificate | None = None
    chain: tuple[x509.Certificate, ...] = ()


def read_settings(settings: Mapping[str, Value]) -> DomainSecurity:
    """Return what the settings of a domain say. Raises DomainSecurityError; the text names the setting."""
    kind = settings.get(TYPE, CertificateType.SERVER.value)
    types = {each.value: each for each in CertificateType}
    if not isinstance(kind, str) or kind not in types:
        raise DomainSecurityError(f"{TYPE} must be {', '.join(types)} or {DEFAULT}")
    certificates = _certificates(settings, CERTIFICATE)
    if len(certificates) > 1:
        raise DomainSecurityError(f"{CERTIFICATE}: must be one certificate; put the others into {CHAIN}")
    key = _block(settings, KEY)
    return DomainSecurity(
        types[kind],
        None if key is None else _named(KEY, read_der_key, key),
        certificates[0] if certificates else None,
        tuple(_certificates(settings, CHAIN)),
    )


def with_defaults(own: Mapping[str, Value], defaults: Mapping[str, Value]) -> dict[str, Value]:
    """Return the settings that count: those of the domain itself, and the defaults from the accounts file.

    A key of its own makes the other key useless, and so its certificate and its chain.
    """
    useless = {KEY, CERTIFICATE, CHAIN} if KEY in own else set()
    return {name: value for name, value in defaults.items() if name not in useless} | dict(own)


def changed_settings(
    own: Mapping[str, Value],
    changes: Mapping[str, Value],
    defaults: Mapping[str, Value],
    names: Sequence[str],
    now: datetime,
) -> dict[str, Value]:
    """Return the domain's own settings with `changes`. Names that are not in SETTINGS change without a check.

    defaults: the settings from the accounts file
    names: the host names and addresses of the domain; a new certificate must be for one of them

    Without its key a certificate is useless. So a certificate for another key goes when the key changes or goes,
    unless the same changes set it. Raises DomainSecurityError if a change is not accepted; then nothing changes.
    """
    changed = {name: value for name, value in {**own, **changes}.items() if value != DEFAULT}
    if not SETTINGS & changes.keys():
        return changed
    security = read_settings(with_defaults(changed, defaults))
    if security.certificate is None:
        return changed
    if CERTIFICATE not in changes:
        if security.key is None or not fits(security.key, security.certificate.public_key()):
            changed.pop(CERTIFICATE, None)
    elif security.key is None:
        raise DomainSecurityError(f"{CERTIFICATE}: the domain has no private key; set the key first")
    elif changes[CERTIFICATE] != DEFAULT:
        try:
            check_certificate(security.certificate, security.key, names, now)
        except DomainSecurityError as error:
            raise DomainSecurityError(f"{CERTIFICATE}: {error}") from None
    return changed


def update_domain(domain: Domain, changes: Mapping[str, Value], now: datetime) -> None:
    """Change the settings of a domain, as `changed_settings` does, and check the other settings too.

    Raises ValueError if a change is not accepted; then nothing changes.
    """
    changed = changed_settings(domain.settings, changes, domain.security_defaults, domain.names, now)
    check_domain_settings(changed)
    domain.settings.clear()
    domain.settings.update(changed)


def _certificates(settings: Mapping[str, Value], name: str) -> list[x509.Certificate]:
    data = _block(settings, name)
    return [] if data is None else _named(name, read_der_certificates, data)


def _block(settings: Mapping[str, Value], name: str) -> bytes | None:
    value = settings.get(name)
    if value is not None and not isinstance(value, bytes):
        raise DomainSecurityError(f"{name} must be a data block [base64 of DER] or {DEFAULT}")
    return value


def _named(name: str, read: Callable[[bytes], _Result], data: bytes) -> _Result:
    """Return `read(data)`. An error names the setting."""
    try:
        return read(data)
    except DomainSecurityError as error:
        raise DomainSecurityError(f"{name}: {error}") from None
