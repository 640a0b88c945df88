"""One domain in the files of a base directory, for the commands of `extauth harness domain-security`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import click

from extauth.cli.harness.options import listen_extra

if TYPE_CHECKING:  # the help of the commands needs none of these
    from extauth.harness.mail.account import Domain
    from extauth.harness.mail.accounts import Accounts
    from extauth.harness.mail.state_files import StateFiles
    from extauth.harness.mail.tls.certificates import CertificateAttributes
    from extauth.harness.mail.tls.domain_security import DomainSecurity
    from extauth.harness.mail.tls.keys import PrivateKey
    from extauth.protocol.data_format import Value


@dataclass(frozen=True)
class SiteOptions:
    """Where the domains are, and which one is meant."""

    accounts: Annotated[
        Path,
        click.option(
            "--accounts", type=click.Path(path_type=Path), required=True, metavar="FILE", help="The accounts file."
        ),
    ]
    base_directory: Annotated[
        Path,
        click.option(
            "--base-directory",
            type=click.Path(exists=True, file_okay=False, path_type=Path),
            required=True,
            metavar="DIR",
            help="The base directory of the mail server. It keeps the settings.",
        ),
    ]
    domain: Annotated[str, click.argument("domain")]

    @contextmanager
    def opened(self) -> Iterator[OpenDomain]:
        """Give the domain, while no harness uses the files. Errors become one sentence and status 1."""
        from extauth.errors import ExtauthError

        try:
            with listen_extra():
                from extauth.harness.mail.accounts_file import read_accounts
                from extauth.harness.mail.state import State

            accounts = read_accounts(self.accounts)
            domain = accounts.find_domain(self.domain)
            if domain is None:
                names = ", ".join(each.name for each in accounts.domains)
                raise click.ClickException(f"{self.accounts} has no domain {self.domain}; it has {names}")
            with closing(self._files()) as files:
                State(files, accounts)
                yield OpenDomain(accounts, domain)
        except (ExtauthError, ValueError) as error:
            raise click.ClickException(str(error)) from None

    def _files(self) -> StateFiles:
        from extauth.harness.mail.state_files import FolderInUse, StateFiles

        try:
            return StateFiles(self.base_directory)
        except FolderInUse:
            raise click.ClickException(
                f"{self.base_directory}: a harness uses this folder; end it first, or send UPDATEDOMAINSETTINGS to its "
                "PWD port"
            ) from None


@dataclass(frozen=True)
class AttributeOptions:
    """The *Certificate Attributes*."""

    common_name: Annotated[
        str | None,
        click.option("--common-name", metavar="NAME", help="A name of the domain.  [default: DOMAIN]"),
    ]
    organization: Annotated[str, click.option("--organization", default="", metavar="TEXT", help="The organization.")]
    unit: Annotated[str, click.option("--unit", default="", metavar="TEXT", help="The unit of the organization.")]
    email: Annotated[
        str | None,
        click.option("--email", metavar="ADDRESS", help="The contact.  [default: postmaster@DOMAIN]"),
    ]

    def of(self, domain: str) -> CertificateAttributes:
        """Return the attributes for the domain with this name or alias."""
        from extauth.harness.mail.tls.certificates import CertificateAttributes

        name = (self.common_name or domain).lower()
        return CertificateAttributes(name, self.organization, self.unit, self.email or f"postmaster@{domain.lower()}")


class OpenDomain:
    """A domain that can be shown and changed. Each change is saved at once."""

    def __init__(self, accounts: Accounts, domain: Domain) -> None:
        self._accounts = accounts
        self.domain = domain

    @property
    def security(self) -> DomainSecurity:
        """The settings that count."""
        from extauth.harness.mail.tls.domain_security import read_settings, with_defaults

        return read_settings(with_defaults(self.domain.settings, self.domain.security_defaults))

    @property
    def key(self) -> PrivateKey:
        """The private key. Raises ClickException if there is none."""
        key = self.security.key
        if key is None:
            raise click.ClickException(f"{self.domain.name} has no private key; set one first, with set-key")
        return key

    def change(self, changes: Mapping[str, Value]) -> None:
        """Change and save settings. Then show all of them."""
        from extauth.harness.mail.tls.certificates import now_utc
        from extauth.harness.mail.tls.domain_security import update_domain

        had_certificate = self.security.certificate is not None
        try:
            with self._accounts.change(self.domain.name):
                update_domain(self.domain, changes, now_utc())
        except OSError as error:
            raise click.ClickException(f"{error.filename}: {error.strerror}; nothing has changed") from None
        if had_certificate and self.security.certificate is None:
            click.echo("The certificate is removed.")
        self.show()

    def show(self) -> None:
        """Show the settings."""
        from extauth.harness.mail.tls.certificate_text import security_lines
        from extauth.harness.mail.tls.certificates import now_utc

        for line in security_lines(self.security, now_utc()):
            click.echo(line)
