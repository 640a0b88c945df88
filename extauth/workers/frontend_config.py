"""The part of a configuration that the frontend needs. The supervisor, which reads the file, sends it."""

# Without "from __future__ import annotations": msgspec would compile each annotation, which delays the first reply.

import msgspec

from extauth.config import (
    CacheSettings,
    CliSettings,
    Config,
    HandoverSettings,
    HelperSettings,
    LogSettings,
    MetricsSettings,
    NewSettings,
    SaslSettings,
    ThrottleSettings,
)
from extauth.protocol.accounts import AccountParser


class BackendDomains(msgspec.Struct, frozen=True):
    """The name of a backend, and the domains that it serves (None: every domain)."""

    name: str
    domains: frozenset[str] | None

    def serves(self, domain: str) -> bool:
        """Return whether this backend serves the accounts of `domain`."""
        return self.domains is None or domain in self.domains


class FrontendConfig(msgspec.Struct, frozen=True):
    """What the frontend needs to know: plain values, which can be sent.

    `creates_accounts`: an account that a backend knows is in the mail server when its result comes.
    """

    helper: HelperSettings = HelperSettings()
    sasl: SaslSettings = SaslSettings()
    new: NewSettings = NewSettings()
    creates_accounts: bool = False
    cache: CacheSettings | None = None
    throttle: ThrottleSettings | None = None
    log: LogSettings = LogSettings()
    metrics: MetricsSettings = MetricsSettings()
    mail_server: CliSettings | None = None
    handover: HandoverSettings | None = None
    default_domain: str | None = None
    lower_names: bool = True
    backends: tuple[BackendDomains, ...] = ()

    @classmethod
    def of(cls, config: Config) -> "FrontendConfig":
        """Return this part of a configuration."""
        backends = tuple(
            BackendDomains(backend.name, None if backend.domains is None else frozenset(backend.domains))
            for backend in config.backends
        )
        return cls(
            config.helper,
            config.sasl,
            config.new,
            config.provision is not None and not config.provision.dry_run,
            config.cache,
            config.throttle,
            config.log,
            config.metrics,
            config.mail_server,
            config.handover,
            config.accounts.default_domain,
            config.accounts.lower_names,
            backends,
        )

    @property
    def names(self) -> list[str]:
        """What the status shows: the backends, and the provisioner if it creates accounts."""
        return [*(backend.name for backend in self.backends), *(["provision"] if self.creates_accounts else [])]

    def account_parser(self) -> AccountParser:
        """Return a new parser for the addresses in requests."""
        return AccountParser(self.default_domain, lower_names=self.lower_names)
