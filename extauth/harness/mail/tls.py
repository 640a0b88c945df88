"""TLS: the certificates, chosen by server name or address, and STLS and STARTTLS."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from zope.interface import implementer

from extauth.errors import ConfigError
from extauth.harness.mail.accounts import Accounts

_VALID = timedelta(days=30)


class Certificates:
    """The certificate of the mail server, and those of the domains that have their own.

    `pair` is the certificate and the key of the mail server, both PEM files. If it is None, a self-signed certificate
    is made. Then `made` is this certificate in PEM for the clients, and the key stays in memory. Raises ConfigError.
    """

    def __init__(self, accounts: Accounts, pair: tuple[Path, Path] | None) -> None:
        self.made: bytes | None = None
        if pair is None:
            self._default, self.made = _self_signed_context(_names(accounts))
        else:
            self._default = _context(*pair)
        self._by_name: dict[bytes, SSL.Context] = {}
        self._by_address: dict[str, SSL.Context] = {}
        for domain in accounts.domains:
            if domain.certificate is not None:
                context = _context(*domain.certificate)
                self._by_name |= {name.encode(): context for name in (domain.name, *domain.aliases)}
                self._by_address |= dict.fromkeys(domain.addresses, context)
        for context in (self._default, *self._by_name.values()):
            context.set_tlsext_servername_callback(self._choose_by_name)

    def at(self, local_address: str) -> TlsConnectionFactory:
        """Return the factory of TLS connections to this address."""
        return TlsConnectionFactory(self._by_address.get(local_address, self._default))

    def _choose_by_name(self, connection: SSL.Connection) -> None:
        """Choose the certificate by the server name that the client sent (SNI; RFC 6066, section 3)."""
        context = self._by_name.get(connection.get_servername() or b"")
        if context is not None:
            connection.set_context(context)


@implementer(IOpenSSLServerConnectionCreator)
class TlsConnectionFactory:
    """Makes TLS connections for twisted."""

    def __init__(self, context: SSL.Context) -> None:
        self._context = context

    def serverConnectionForTLS(self, protocol: Any) -> SSL.Connection:
        """Return a connection for `protocol`."""
        return SSL.Connection(self._context, None)


def _context(certificate: Path, key: Path) -> SSL.Context:
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    try:
        context.use_certificate_chain_file(str(certificate))
        context.use_privatekey_file(str(key))
        context.check_privatekey()
    except SSL.Error as error:
        reasons = "; ".join(reason for *_, reason in error.args[0]) if error.args else ""
        raise ConfigError(
            f"{certificate} and {key}: must be a certificate with its chain, and its key, both PEM: {reasons}"
        ) from None
    return context


def _names(accounts: Accounts) -> Iterable[x509.GeneralName]:
    yield x509.DNSName("localhost")
    for domain in accounts.domains:
        for name in (domain.name, *domain.aliases):
            yield x509.DNSName(name)
    for address in ("127.0.0.1", "::1", *(address for domain in accounts.domains for address in domain.addresses)):
        yield x509.IPAddress(ip_address(address))


def _self_signed_context(names: Iterable[x509.GeneralName]) -> tuple[SSL.Context, bytes]:
    """Return a context with a self-signed certificate for these names, and the certificate in PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "extauth harness")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + _VALID)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.use_certificate(certificate)
    context.use_privatekey(key)
    return context, certificate.public_bytes(serialization.Encoding.PEM)
