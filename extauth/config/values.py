"""A configuration after it was read: what the rest of the program gets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from extauth.config.tables import (
    CacheSettings,
    CliSettings,
    HandoverSettings,
    HelperSettings,
    LogSettings,
    MetricsSettings,
    NewSettings,
    ProvisionSettings,
    SaslSettings,
    ThrottleSettings,
)
from extauth.errors import ConfigError
from extauth.protocol.accounts import AccountParser
from extauth.trust import read_trusted, reason_of


class BackendConfig(msgspec.Struct, frozen=True):
    """One `[[backend]]`: the common keys, and the table of its own settings, which its class reads.

    Domains are in canonical form: in the order of the file, and as a set. `section` names the section in error texts.
    """

    type: str
    name: str
    domains: tuple[str, ...] | None
    timeout: float | None
    stops_at_mismatch: bool
    emergency: bool
    readplain: bool
    options: dict[str, Any]
    section: str
    domain_set: frozenset[str]

    def serves(self, domain: str) -> bool:
        """Return whether this backend serves the accounts of `domain`."""
        return self.domains is None or domain in self.domain_set

    def shares_a_domain_with(self, other: BackendConfig) -> bool:
        """Return whether both serve the same domain, for any domain."""
        return self.domains is None or other.domains is None or not self.domain_set.isdisjoint(other.domain_set)


class ConfigSource(msgspec.Struct, frozen=True):
    """A configuration file, and its content in bytes if that has been read already."""

    file: Path
    content: bytes | None = None

    def read(self) -> ConfigSource:
        """Return the same with the content. Raises ConfigError."""
        if self.content is not None:
            return self
        file = self.file.absolute()
        try:
            return ConfigSource(file, read_trusted(file).data)
        except OSError as error:
            raise ConfigError(f"{file}: {reason_of(error, file)}") from None


class Config(msgspec.Struct, frozen=True):
    """A configuration that is valid, except for the backends' own settings, which are checked later."""

    file: Path
    helper: HelperSettings
    sasl: SaslSettings
    new: NewSettings
    provision: ProvisionSettings | None
    cache: CacheSettings | None
    throttle: ThrottleSettings | None
    log: LogSettings
    metrics: MetricsSettings
    mail_server: CliSettings | None
    handover: HandoverSettings | None
    accounts: AccountParser
    backends: tuple[BackendConfig, ...]
