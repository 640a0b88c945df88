"""How connections to a server use TLS: which certificates extauth trusts, which ciphers and versions it offers.

The backends that ask a server over the network share it.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from pathlib import Path
from typing import Literal, Protocol

from extauth.backends.watched_files import WatchedFiles
from extauth.errors import ConfigError

TlsVersion = Literal["1.0", "1.1", "1.2", "1.3"]

_VERSIONS = {
    "1.0": ssl.TLSVersion.TLSv1,
    "1.1": ssl.TLSVersion.TLSv1_1,
    "1.2": ssl.TLSVersion.TLSv1_2,
    "1.3": ssl.TLSVersion.TLSv1_3,
}
_DAY = 86_400  # seconds
_CERTIFICATE_DAYS = 30  # days before its end from which on a self-test warns


class TlsSettings(Protocol):
    """The keys for TLS of a backend. `ca_file`: the certificates to trust, as PEM; None: the system's."""

    @property
    def ca_file(self) -> Path | None: ...  # noqa: D102
    @property
    def verify_certificate(self) -> bool: ...  # noqa: D102
    @property
    def tls_ciphers(self) -> str | None: ...  # noqa: D102
    @property
    def tls_minimum_version(self) -> TlsVersion | None: ...  # noqa: D102


def check_tls_settings(settings: TlsSettings, *, uses_tls: bool, how: str) -> None:
    """Raise ConfigError if the keys do not fit together. `how` says what switches TLS on."""
    if settings.ca_file is not None and not settings.verify_certificate:
        raise ConfigError("ca_file: is not used with verify_certificate = false")
    for key in ("tls_ciphers", "tls_minimum_version"):
        if getattr(settings, key) is not None and not uses_tls:
            raise ConfigError(f"{key} = {getattr(settings, key)!r}: is used only with {how}")


def load_tls_context(backend: WatchedFiles, settings: TlsSettings, *, uses_tls: bool) -> ssl.SSLContext | None:
    """Read `ca_file` and return the TLS context; None if there is no use for it. Raises ConfigError.

    The backend reloads if the file changes.
    """
    if not settings.verify_certificate:
        backend.log.warning("verify_certificate = false: an attacker in the network can read every password")
    if not uses_tls and settings.ca_file is None:
        return None
    context = load_verifying_context(backend, settings.ca_file)
    _apply(settings, context)
    return context


def load_verifying_context(backend: WatchedFiles, ca_file: Path | None) -> ssl.SSLContext:
    """Read `ca_file` and return a TLS context that checks certificates. None: the system's certificates.

    The context accepts CA certificates without the key usage extension. Many in-house CAs have none, and Python 3.13
    refuses them by default. Raises ConfigError. The backend reloads if the file changes.
    """
    certificates = None
    if ca_file is not None:
        try:
            certificates = backend.read_file(ca_file, private=False).decode(errors="replace")
        except ConfigError as error:
            raise ConfigError(f"ca_file = {error}") from None
        certificates = certificates or " "  # an empty text would mean the system's certificates
    try:
        context = ssl.create_default_context(cadata=certificates)
    except ssl.SSLError:
        raise ConfigError(f"ca_file = {ca_file}: contains no PEM certificates") from None
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def _apply(settings: TlsSettings, context: ssl.SSLContext) -> None:
    """Apply the keys to a context. Raises ConfigError."""
    if not settings.verify_certificate:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if settings.tls_ciphers is not None:
        try:
            context.set_ciphers(settings.tls_ciphers)
        except ssl.SSLError:
            raise ConfigError(f"tls_ciphers = {settings.tls_ciphers!r}: OpenSSL knows no such cipher") from None
    if settings.tls_minimum_version is not None:
        context.minimum_version = _VERSIONS[settings.tls_minimum_version]


def warn_of_certificate(log: logging.Logger, url: str, transport: asyncio.BaseTransport) -> None:
    """Warn if the server's certificate ends soon. Without TLS, or if certificates are not verified, do nothing."""
    certificate = transport.get_extra_info("peercert")
    if not certificate:
        return
    days = (ssl.cert_time_to_seconds(certificate["notAfter"]) - time.time()) / _DAY
    if days < _CERTIFICATE_DAYS:
        log.warning("%s: the certificate of the server ends in %d days", url, days)
