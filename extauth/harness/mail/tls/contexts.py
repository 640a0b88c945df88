"""The TLS contexts of the mail server and its domains. A context holds a certificate, its key, and the sessions."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from OpenSSL import SSL

from extauth.errors import ConfigError
from extauth.harness.mail.accounts import Accounts, Domain
from extauth.harness.mail.server_settings import read_tls_settings
from extauth.harness.mail.tls.certificates import CertificateAttributes, chain_of, now_utc, self_signed
from extauth.harness.mail.tls.domain_security import (
    SETTINGS,
    TYPE,
    CertificateType,
    DomainSecurity,
    read_settings,
    with_defaults,
)
from extauth.harness.mail.tls.pem_files import read_pair
from extauth.protocol.data_format import Value

_SUITES = b"ECDHE+AESGCM:ECDHE+CHACHA20"  # of TLS 1.2: forward secrecy and AEAD; those of TLS 1.3 are all modern
_MADE_DAYS = 30

OnStep = Callable[[SSL.Connection, int, int], None]
"""What OpenSSL calls at each step of a handshake."""


class TlsOff(Exception):
    """A domain has no TLS. The text says why."""


class Contexts:
    """The server-wide context, and those of the domains with a certificate of their own.

    `pair` is the certificate of the mail server with its chain, and its key, both PEM files. If it is None, a
    self-signed certificate is made. Then `made` is this certificate in PEM, for the clients; the key stays in memory.
    Raises ConfigError.

    The settings may change while the mail server runs: each handshake gets the context that they ask for now. After a
    change, all contexts are new, and they know none of the old sessions.

    without_certificate: the context of a domain without TLS; each handshake fails
    """

    def __init__(self, accounts: Accounts, pair: tuple[Path, Path] | None, on_step: OnStep) -> None:
        self._accounts = accounts
        self._on_step = on_step
        self.made: bytes | None = None
        if pair is None:
            self._server_wide = _make(accounts)
            assert self._server_wide.certificate is not None
            self.made = self._server_wide.certificate.public_bytes(serialization.Encoding.PEM)
        else:
            self._server_wide = read_settings(read_pair(*pair))
        self.without_certificate = self._new_context("", DomainSecurity(), 1)
        self._known: dict[tuple[str, str], SSL.Context | TlsOff] = {}
        self._known_settings: object = None
        for domain in accounts.domains:
            with contextlib.suppress(TlsOff):
                self.of_domain(domain)  # an error shows at the start

    def of_domain(self, domain: Domain, server_name: str = "") -> SSL.Context:
        """Return the context of a domain. Raises TlsOff if it has none.

        `server_name` is the name or alias of the domain that the client sent. Each name has sessions of its own.
        """
        time_to_live = read_tls_settings(self._accounts.module_settings).time_to_live
        all_settings = {each.name: _settings(each) for each in self._accounts.domains}
        if self._known_settings != (all_settings, time_to_live):
            self._known_settings = all_settings, time_to_live
            self._known.clear()
        settings = all_settings[domain.name]
        is_server_wide = settings.get(TYPE, CertificateType.SERVER.value) == CertificateType.SERVER.value
        key = domain.name, server_name
        if key not in self._known:
            security = self._server_wide if is_server_wide else read_settings(settings)
            self._known[key] = self._make_context(domain.name, server_name, security, time_to_live)
        context = self._known[key]
        if isinstance(context, TlsOff):
            raise context
        return context

    def _make_context(
        self, domain: str, server_name: str, security: DomainSecurity, time_to_live: int
    ) -> SSL.Context | TlsOff:
        if security.type is CertificateType.OFF:
            return TlsOff(f"TLS is off for {domain}: its CertificateType is NO")
        if security.key is None or security.certificate is None:
            missing = "private key" if security.key is None else "certificate"
            return TlsOff(f"TLS is off for {domain}: its CertificateType is YES, but it has no {missing}")
        return self._new_context(f"{domain} {server_name}", security, time_to_live)

    def _new_context(self, name: str, security: DomainSecurity, time_to_live: int) -> SSL.Context:
        """Return a context with the certificate, its chain and its key, if there are any. Raises ConfigError.

        OpenSSL resumes only sessions of contexts with the same `name`.
        """
        context = SSL.Context(SSL.TLS_SERVER_METHOD)
        context.set_min_proto_version(SSL.TLS1_2_VERSION)
        context.set_cipher_list(_SUITES)
        context.set_timeout(time_to_live)
        context.set_session_id(hashlib.sha256(name.encode()).digest())
        context.set_tlsext_servername_callback(lambda connection: None)  # tells the client that its name counts
        context.set_info_callback(self._on_step)  # old versions of pyOpenSSL have none of the connection
        if security.certificate is not None and security.key is not None:
            try:
                context.use_certificate(security.certificate)
                context.use_privatekey(security.key)
                for authority in chain_of(security.certificate, security.chain):
                    context.add_extra_chain_cert(authority)
            except SSL.Error as error:
                raise ConfigError(f"OpenSSL does not accept the certificate: {openssl_reasons(error)}") from None
        return context


def _settings(domain: Domain) -> dict[str, Value]:
    """Return the settings of the certificate and the key of a domain."""
    settings = with_defaults(domain.settings, domain.security_defaults)
    return {name: value for name, value in settings.items() if name in SETTINGS}


def openssl_reasons(error: SSL.Error) -> str:
    """Return the reasons that OpenSSL gives."""
    found = error.args[0] if error.args else ()
    return "; ".join(reason for *_, reason in found if reason) if isinstance(found, list) else ""


def _make(accounts: Accounts) -> DomainSecurity:
    """Return a new key and a self-signed certificate for all names and addresses of the mail server."""
    names = ["localhost", "127.0.0.1", "::1", *(name for domain in accounts.domains for name in domain.names)]
    key = ec.generate_private_key(ec.SECP256R1())
    made = self_signed(key, CertificateAttributes("localhost"), names, now_utc(), _MADE_DAYS)
    return DomainSecurity(CertificateType.CUSTOM, key, made)
