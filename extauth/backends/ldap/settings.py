"""The keys of an `ldap` backend, and the rules between them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import msgspec

from extauth.backends.ldap.filters import ANY_ENTRY, InvalidFilter, SearchFilter, parse_filter
from extauth.backends.ldap.messages import Scope, encode_base
from extauth.backends.ldap.names import NameTemplate, check_placeholders, parse_dn, placeholders_in
from extauth.backends.ldap.servers import parse_server
from extauth.backends.network import Seconds, ServerAddress
from extauth.backends.tls import TlsVersion, check_tls_settings
from extauth.errors import ConfigError
from extauth.passwords import is_scheme_name, schemes
from extauth.settings import Settings

_LEAST_CONCURRENCY = 8
_CONCURRENCY_OF_HASHES = 32

CONNECT_TIMEOUT, READ_TIMEOUT = 3.0, 5.0
"""Default seconds. `overall_timeout` limits them."""

_NAME_PLACEHOLDERS = frozenset({"name", "account"})
_DOMAIN_PLACEHOLDERS = frozenset({"domain", "account"})


class LdapSettings(Settings, frozen=True):
    """Either `base` and `filter` find an account's entry, or `dn` names it. Times are in seconds."""

    REMOVED: ClassVar[Mapping[str, str]] = {"engine": "extauth needs no LDAP library"}

    servers: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    connections: Annotated[int, msgspec.Meta(ge=1, le=256)] = 32

    starttls: bool = False
    ca_file: Path | None = None
    verify_certificate: bool = True
    allow_plaintext: bool = False
    tls_ciphers: str | None = None
    tls_minimum_version: TlsVersion | None = None

    bind_dn: str | None = None
    bind_password_file: Path | None = None

    base: str | None = None
    scope: Scope = "subtree"
    filter: str | None = None
    dn: str | None = None

    required_groups: tuple[str, ...] = ()
    group_attribute: str = "memberOf"
    group_filter: str | None = None

    check: Literal["bind", "hash"] = "bind"
    hash_attribute: str = "userPassword"
    default_scheme: str = ""

    connect_timeout: Seconds | None = None
    read_timeout: Seconds | None = None
    overall_timeout: Seconds | None = None


class AccountSearch(msgspec.Struct, frozen=True):
    """How to find an account's entry.

    `is_needed`: there is a `filter`; else `base` is the name of the entry. `tells_domains_apart`: the same name in two
    domains is not the same entry.
    """

    base: NameTemplate
    scope: Scope
    filter: SearchFilter
    is_needed: bool
    tells_domains_apart: bool
    constant_base: bytes | None
    """Where each search begins, encoded, if `base` has no placeholders."""

    def encode(self, values: Mapping[str, str], attributes: bytes) -> bytes:
        """Encode the search for an account. `values`: what stands for the placeholders. `attributes`: encoded."""
        base = self.constant_base or encode_base(self.base.fill(values), self.scope)
        return base + self.filter.encode(values) + attributes


def parse_servers(settings: LdapSettings) -> tuple[ServerAddress, ...]:
    """Return the servers. Raises ConfigError, also if one would receive passwords in the clear."""
    servers = tuple(map(parse_server, settings.servers))
    for server in servers:
        if servers.count(server) > 1:
            raise ConfigError(f"servers: {server.url!r} is listed twice")
        if not (server.tls or settings.starttls or server.is_local or settings.allow_plaintext):
            raise ConfigError(
                f"servers: {server.url!r} would receive passwords in the clear; use ldaps:// or starttls = true, "
                "or set allow_plaintext = true"
            )
    return servers


def binds_and_concurrency(settings: LdapSettings, workers: int) -> tuple[int, int]:
    """Return the most connections on which users bind, and the most requests under way, both for one worker."""
    binds = max(1, settings.connections // workers)
    return binds, _CONCURRENCY_OF_HASHES if settings.check == "hash" else max(_LEAST_CONCURRENCY, 2 * binds)


def parse_search(settings: LdapSettings) -> AccountSearch:
    """Return how to find an account's entry. Raises ConfigError."""
    if (settings.dn is None) == (settings.filter is None):
        raise ConfigError("dn, filter: set exactly one of them; dn names an account's entry, filter finds it")
    if settings.dn is not None:
        if settings.base is not None:
            raise ConfigError(f"base = {settings.base!r}: is used only with filter; dn is the entry's whole name")
        if parse_dn(settings.dn) is None:
            raise ConfigError(
                f"dn = {settings.dn!r}: must be a distinguished name, as in uid={{name}},ou=people,dc=example"
            )
        dn = NameTemplate(settings.dn, "dn")
        if dn.placeholders.isdisjoint(_NAME_PLACEHOLDERS):
            raise ConfigError(
                f"dn = {settings.dn!r}: must contain {{name}} or {{account}}, else all accounts have the same entry"
            )
        return AccountSearch(
            dn,
            "base",
            ANY_ENTRY,
            is_needed=False,
            tells_domains_apart=not dn.placeholders.isdisjoint(_DOMAIN_PLACEHOLDERS),
            constant_base=None,
        )
    if settings.base is None:
        raise ConfigError("base: is missing")
    if settings.base and parse_dn(settings.base) is None:
        raise ConfigError(f"base = {settings.base!r}: must be a distinguished name, as in ou=people,dc=example")
    base = NameTemplate(settings.base, "base")
    filter = _parse_filter(settings.filter or "", "filter")
    if not filter.needs(_NAME_PLACEHOLDERS):
        raise ConfigError(
            f"filter = {settings.filter!r}: must contain {{name}} or {{account}} in each alternative, "
            "else all accounts have the same entry"
        )
    return AccountSearch(
        base,
        settings.scope,
        filter,
        is_needed=True,
        tells_domains_apart=filter.needs(_DOMAIN_PLACEHOLDERS)
        or not base.placeholders.isdisjoint(_DOMAIN_PLACEHOLDERS),
        constant_base=None if base.placeholders else encode_base(base.text, settings.scope),
    )


def parse_group_filter(settings: LdapSettings) -> SearchFilter | None:
    """Return the filter that a group's entry must match, or None. Raises ConfigError."""
    if settings.group_filter is None:
        return None
    if not settings.required_groups:
        raise ConfigError(f"group_filter = {settings.group_filter!r}: is used only with required_groups")
    filter = _parse_filter(settings.group_filter, "group_filter", "dn")
    if placeholders_in(settings.group_filter).isdisjoint(_NAME_PLACEHOLDERS | {"dn"}):
        raise ConfigError(
            f"group_filter = {settings.group_filter!r}: must contain {{dn}}, {{name}} or {{account}}, "
            "else it would match for all accounts or for none"
        )
    return filter


def _parse_filter(text: str, key: str, *more: str) -> SearchFilter:
    text = text.strip()
    check_placeholders(text, key, *more)
    try:
        return parse_filter(text)
    except InvalidFilter as problem:
        where = f"it is invalid from {problem.rest[:20]!r} on" if problem.rest else "it ends too early"
        raise ConfigError(f"{key} = {text!r}: must be a search filter, as in (uid={{name}}); {where}") from None


def check_together(settings: LdapSettings) -> None:
    """Raise ConfigError if keys do not fit together."""
    if (settings.bind_dn is None) != (settings.bind_password_file is None):
        raise ConfigError("bind_dn, bind_password_file: set both or neither")
    if settings.bind_dn is not None and parse_dn(settings.bind_dn) is None and "=" in settings.bind_dn:
        raise ConfigError(
            f"bind_dn = {settings.bind_dn!r}: must be a distinguished name, reader@example.com or EXAMPLE\\reader"
        )
    for group in settings.required_groups:
        if parse_dn(group) is None:
            raise ConfigError(f"required_groups: {group!r}: must be a distinguished name")
    if settings.default_scheme and settings.check == "bind":
        raise ConfigError(f'default_scheme = {settings.default_scheme!r}: is used only with check = "hash"')
    if settings.default_scheme and not is_scheme_name(settings.default_scheme):
        raise ConfigError(f"default_scheme = {settings.default_scheme!r}: must be one of {', '.join(schemes())}")
    check_tls_settings(settings, uses_tls=uses_tls(settings), how="ldaps:// or starttls = true")


def uses_tls(settings: LdapSettings) -> bool:
    """Return whether a connection may use TLS."""
    return settings.starttls or any(server.lower().startswith("ldaps:") for server in settings.servers)
