"""Reads a certificate with its chain, and its key, from PEM files, as domain settings."""

from __future__ import annotations

from pathlib import Path

from extauth.errors import ConfigError
from extauth.harness.mail.tls.certificates import der_of, read_pem_certificates
from extauth.harness.mail.tls.domain_security import CERTIFICATE, CHAIN, KEY, TYPE, CertificateType
from extauth.harness.mail.tls.keys import DomainSecurityError, der_of_key, fits, read_pem_key
from extauth.protocol.data_format import Value


def read_pair(certificate: Path, key: Path) -> dict[str, Value]:
    """Return the settings of a domain that uses this certificate and this key. Raises ConfigError; it names the file.

    An expired certificate, or one for other names, is used as it is: so clients can be tested with it.
    """
    try:
        first, *chain = read_pem_certificates(_read(certificate))
    except DomainSecurityError as error:
        raise ConfigError(f"{certificate}: {error}") from None
    try:
        private = read_pem_key(_read(key))
    except DomainSecurityError as error:
        raise ConfigError(f"{key}: {error}") from None
    if not fits(private, first.public_key()):
        raise ConfigError(f"{certificate} and {key}: the certificate is for another key")
    settings: dict[str, Value] = {
        TYPE: CertificateType.CUSTOM.value,
        KEY: der_of_key(private),
        CERTIFICATE: der_of([first]),
    }
    return settings | ({CHAIN: der_of(chain)} if chain else {})


def read_optional_pair(certificate: Path | None, key: Path | None) -> dict[str, Value]:
    """Do as `read_pair`, or return no settings if there are no files. Raises ConfigError if there is only one."""
    if certificate is None and key is None:
        return {}
    if certificate is None or key is None:
        raise ConfigError("set both or neither")
    return read_pair(certificate, key)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
