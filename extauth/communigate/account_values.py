"""Turns the attributes of an account in a backend into its settings and aliases in the mail server. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from extauth.config import ProvisionSettings
from extauth.errors import MalformedRequest
from extauth.model import Account
from extauth.protocol.accounts import AccountParser
from extauth.protocol.data_format import Value

Attributes = Mapping[str, tuple[str, ...]]

_MAIL = "smtp"  # the type of an address in Active Directory's proxyAddresses


def account_settings(settings: ProvisionSettings, attributes: Attributes) -> dict[str, Value]:
    """Return the settings of a new account. A setting whose attribute is missing or empty is left out."""
    found: dict[str, Value] = dict(settings.settings)
    for name, attribute in settings.attributes.items():
        if value := next(filter(None, attributes.get(attribute, ())), ""):
            found[name] = value
    return found


def account_aliases(
    settings: ProvisionSettings, attributes: Attributes, account: Account, parser: AccountParser
) -> list[str]:
    """Return the aliases of a new account: the names of its other addresses in its own domain."""
    values = (value for attribute in settings.aliases for value in attributes.get(attribute, ()))
    return list(dict.fromkeys(_names(values, account, parser)))


def _names(values: Iterable[str], account: Account, parser: AccountParser) -> Iterable[str]:
    for value in values:
        kind, colon, address = value.strip().rpartition(":")
        if colon and kind.lower() != _MAIL:
            continue
        try:
            found = parser.parse(address if "@" in address else f"{address}@{account.domain}")
        except MalformedRequest:
            continue
        if found is None or "@" in found.name:  # which no alias can have
            continue
        if found.domain == account.domain and found.name != account.name:
            yield found.name
