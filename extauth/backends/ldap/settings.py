"""The keys of an `ldap` backend, and what must hold between them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec

from extauth.backends.ldap.engine import Scope
from extauth.backends.ldap.filter import Filter, NoFilter, parsed_filter
from extauth.backends.ldap.names import escaped_for_filter, escaped_for_name, parsed_name
from extauth.backends.ldap.servers import Server, parsed_server
from extauth.backends.ldap.template import Template
from extauth.errors import ConfigError
from extauth.passwords import is_scheme_name, schemes
from extauth.settings import Settings

Seconds = Annotated[float, msgspec.Meta(gt=0, le=3600)]

_AT_ONCE = {("ldap3", "bind"): 3, ("ldap3", "hash"): 3, ("python-ldap", "bind"): 12, ("python-ldap", "hash"): 4}
"""How many requests a worker has under way at once, unless `connections` says it."""

CONNECT_TIMEOUT, READ_TIMEOUT = 3.0, 5.0
"""Seconds, unless the settings say it; never more than `overall_timeout`."""


_OF_A_NAME = frozenset({"name", "account"})
_OF_A_DOMAIN = frozenset({"domain", "account"})


class LdapSettings(Settings, frozen=True):
    """Either `base` and `filter` find an account's entry, or `dn` names it; times in seconds."""

    servers: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    engine: Literal["ldap3", "python-ldap"] = "ldap3"
    connections: Annotated[int, msgspec.Meta(ge=1, le=64)] | None = None

    starttls: bool = False
    ca_file: Path | None = None
    verify_certificate: bool = True
    allow_plaintext: bool = False

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
    overall_timeout: Seconds = 10


class Search(msgspec.Struct, frozen=True):
    """Where an account's entry is looked for: under `base`, by `filter`; at `base` itself where its name is known."""

    base: Template
    scope: Scope
    filter: Template
    is_needed: bool
    tells_domains_apart: bool


def servers_of(settings: LdapSettings) -> tuple[Server, ...]:
    """The servers; raises ConfigError, also where passwords would travel in the clear and nobody has said so."""
    servers = tuple(map(parsed_server, settings.servers))
    for server in servers:
        if servers.count(server) > 1:
            raise ConfigError(f"servers: {server.url!r} is there twice")
        if not (server.tls or settings.starttls or server.is_local or settings.allow_plaintext):
            raise ConfigError(
                f"servers: {server.url!r} would get passwords in the clear; use ldaps://, starttls = true, "
                "or say allow_plaintext = true"
            )
    return servers


def at_once(settings: LdapSettings) -> tuple[int, int]:
    """How many threads a worker has, and how many requests each of them has under way at once.

    Of threads that leave it to somebody else to wait there are as few as can be, but two, as some steps take long.
    """
    requests = settings.connections or _AT_ONCE[settings.engine, settings.check]
    if requests == 1 or settings.engine == "ldap3" or settings.check == "hash":
        return requests, 1
    threads = next(count for count in range(2, requests + 1) if requests % count == 0)
    return threads, requests // threads


def search_of(settings: LdapSettings) -> Search:
    """How an account's entry is found; raises ConfigError."""
    if (settings.dn is None) == (settings.filter is None):
        raise ConfigError("dn, filter: exactly one of them must be there: dn names an account's entry, filter finds it")
    if settings.dn is not None:
        if settings.base is not None:
            raise ConfigError(f"base = {settings.base!r}: goes with filter; dn names the whole entry")
        if parsed_name(settings.dn) is None:
            raise ConfigError(
                f"dn = {settings.dn!r}: must be a distinguished name, as in uid={{name}},ou=people,dc=example"
            )
        dn = Template(settings.dn, escaped_for_name, key="dn")
        if dn.placeholders.isdisjoint(_OF_A_NAME):
            raise ConfigError(
                f"dn = {settings.dn!r}: must hold {{name}} or {{account}}, or everybody would be one user"
            )
        everything = Template("(objectClass=*)", escaped_for_filter, key="filter")
        return Search(
            dn,
            "base",
            everything,
            is_needed=False,
            tells_domains_apart=not dn.placeholders.isdisjoint(_OF_A_DOMAIN),
        )
    if settings.base is None:
        raise ConfigError("base: is missing")
    if settings.base and parsed_name(settings.base) is None:
        raise ConfigError(f"base = {settings.base!r}: must be a distinguished name, as in ou=people,dc=example")
    base = Template(settings.base, escaped_for_name, key="base")
    template, filter = _filter(settings.filter or "", "filter")
    if not filter.needs(_OF_A_NAME):
        raise ConfigError(
            f"filter = {settings.filter!r}: must hold {{name}} or {{account}}, in each of its alternatives, "
            "or everybody would be one user"
        )
    return Search(
        base,
        settings.scope,
        template,
        is_needed=True,
        tells_domains_apart=filter.needs(_OF_A_DOMAIN) or not base.placeholders.isdisjoint(_OF_A_DOMAIN),
    )


def member_of(settings: LdapSettings) -> Template | None:
    """What a group's entry must match, where it is that which says who is in; raises ConfigError."""
    if settings.group_filter is None:
        return None
    if not settings.required_groups:
        raise ConfigError(f"group_filter = {settings.group_filter!r}: goes with required_groups")
    template, _ = _filter(settings.group_filter, "group_filter", more=("dn",))
    if template.placeholders.isdisjoint(_OF_A_NAME | {"dn"}):
        raise ConfigError(
            f"group_filter = {settings.group_filter!r}: must hold {{dn}}, {{name}} or {{account}}, "
            "or it would say the same of everybody"
        )
    return template


def _filter(text: str, key: str, *, more: tuple[str, ...] = ()) -> tuple[Template, Filter]:
    text = text.strip()
    template = Template(text, escaped_for_filter, key=key, more=more)
    try:
        return template, parsed_filter(text)
    except NoFilter as problem:
        where = f"it is none from {problem.rest[:20]!r} on" if problem.rest else "it ends too early"
        raise ConfigError(f"{key} = {text!r}: must be a search filter, as in (uid={{name}}); {where}") from None


def check_times(settings: LdapSettings, deadline: float) -> None:
    """Raise ConfigError where a time could never be over, since another one is before it."""
    overall = settings.overall_timeout
    if overall >= deadline:
        raise ConfigError(f"overall_timeout = {overall:g}: must be less than helper.deadline, which is {deadline:g}")
    for key, seconds in (("connect_timeout", settings.connect_timeout), ("read_timeout", settings.read_timeout)):
        if seconds is not None and seconds > overall:
            raise ConfigError(f"{key} = {seconds:g}: must not be more than overall_timeout, which is {overall:g}")


def check_together(settings: LdapSettings) -> None:
    """Raise ConfigError where keys do not go together."""
    if (settings.bind_dn is None) != (settings.bind_password_file is None):
        raise ConfigError("bind_dn, bind_password_file: both must be there, or neither")
    if settings.bind_dn is not None and parsed_name(settings.bind_dn) is None and "@" not in settings.bind_dn:
        raise ConfigError(f"bind_dn = {settings.bind_dn!r}: must be a distinguished name")
    for group in settings.required_groups:
        if parsed_name(group) is None:
            raise ConfigError(f"required_groups: {group!r}: must be a distinguished name")
    if settings.default_scheme and settings.check == "bind":
        raise ConfigError(f'default_scheme = {settings.default_scheme!r}: goes with check = "hash"')
    if settings.default_scheme and not is_scheme_name(settings.default_scheme):
        raise ConfigError(f"default_scheme = {settings.default_scheme!r}: known are {', '.join(schemes())}")
    if settings.ca_file is not None and not settings.verify_certificate:
        raise ConfigError("ca_file: is of no use with verify_certificate = false")
