"""How connections use TLS: which certificates extauth trusts, which ciphers and versions it offers."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Literal

from extauth.errors import ConfigError

TlsVersion = Literal["1.0", "1.1", "1.2", "1.3"]

_VERSIONS = {
    "1.0": ssl.TLSVersion.TLSv1,
    "1.1": ssl.TLSVersion.TLSv1_1,
    "1.2": ssl.TLSVersion.TLSv1_2,
    "1.3": ssl.TLSVersion.TLSv1_3,
}


def tls_context(
    certificates: str | None,
    file: Path | None,
    *,
    verify_certificate: bool,
    ciphers: str | None,
    minimum_version: TlsVersion | None,
) -> ssl.SSLContext:
    """Return the TLS context. `certificates`: those to trust, as PEM from `file`; None: the system's.

    The context accepts CA certificates without the key usage extension. Many in-house CAs have none, and Python 3.13
    refuses them by default. Raises ConfigError. Raises ConfigError.
    """
    try:
        context = ssl.create_default_context(cadata=certificates)
    except ssl.SSLError:
        raise ConfigError(f"ca_file = {file}: contains no PEM certificates") from None
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if not verify_certificate:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if ciphers is not None:
        try:
            context.set_ciphers(ciphers)
        except ssl.SSLError:
            raise ConfigError(f"tls_ciphers = {ciphers!r}: OpenSSL knows no such cipher") from None
    if minimum_version is not None:
        context.minimum_version = _VERSIONS[minimum_version]
    return context
