"""`extauth harness domain-security`: the key and the certificate of a domain of the mail server (docs/tls.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

import click

from extauth.cli.harness.domain_files import AttributeOptions, SiteOptions
from extauth.cli.harness.options import options_from

if TYPE_CHECKING:
    from extauth.protocol.data_format import Value

_USES = {"off": "NO", "server": "Test", "custom": "YES"}
_file = click.argument("file", type=click.File("rb"), default="-")


@click.group("domain-security")
def domain_security() -> None:
    """Show and change the key and the certificate of a domain.

    \b
    Example:
      extauth harness domain-security show example.org \\
          --accounts accounts.toml --base-directory /var/tmp/harness

    The settings are in the base directory, and no harness may use it meanwhile.
    To change a running harness, send UPDATEDOMAINSETTINGS to its PWD port.
    """


@domain_security.command()
@options_from(SiteOptions)
def show(site: SiteOptions) -> None:
    """Show the key and the certificate of DOMAIN.

    \b
    Example:
      extauth harness domain-security show example.org \\
          --accounts accounts.toml --base-directory /var/tmp/harness
    """
    with site.opened() as domain:
        domain.show()


@domain_security.command()
@options_from(SiteOptions)
@click.argument("certificate", type=click.Choice(list(_USES)))
def use(site: SiteOptions, certificate: str) -> None:
    """Choose off, server or custom for DOMAIN.

    \b
    Example:
      extauth harness domain-security use example.org custom \\
          --accounts accounts.toml --base-directory /var/tmp/harness

    With `off`, the mail server refuses TLS for the domain. With `server`, it
    uses its own certificate. With `custom`, it uses that of the domain.
    """
    from extauth.harness.mail.tls.domain_security import TYPE

    with site.opened() as domain:
        if certificate == "custom" and domain.key and domain.security.certificate is None:
            raise click.ClickException(f"{domain.domain.name} has no certificate; set one first, with set-certificate")
        domain.change({TYPE: _USES[certificate]})


@domain_security.command()
@options_from(SiteOptions)
@_file
def set_key(site: SiteOptions, file: BinaryIO) -> None:
    """Set the private key of DOMAIN from a PEM FILE.

    \b
    Example:
      extauth harness domain-security set-key example.org key.pem \\
          --accounts accounts.toml --base-directory /var/tmp/harness

    Without FILE, the command reads standard input. A certificate for another key
    is removed.
    """
    from extauth.harness.mail.tls.domain_security import KEY
    from extauth.harness.mail.tls.keys import der_of_key, read_pem_key

    with site.opened() as domain:
        domain.change({KEY: der_of_key(read_pem_key(file.read()))})


@domain_security.command()
@options_from(SiteOptions)
def remove_key(site: SiteOptions) -> None:
    """Remove the key of DOMAIN, and its certificate.

    \b
    Example:
      extauth harness domain-security remove-key example.org \\
          --accounts accounts.toml --base-directory /var/tmp/harness
    """
    from extauth.harness.mail.tls.domain_security import DEFAULT, KEY

    with site.opened() as domain:
        domain.change({KEY: DEFAULT})


@domain_security.command()
@options_from(SiteOptions)
@options_from(AttributeOptions)
def generate_self_signed(site: SiteOptions, attributes: AttributeOptions) -> None:
    """Make a self-signed certificate for DOMAIN.

    \b
    Example:
      extauth harness domain-security generate-self-signed example.org \\
          --accounts accounts.toml --base-directory /var/tmp/harness \\
          --organization "ACME Yacht Rentals, Inc." --unit "On-line Services"

    The key of the domain signs it. It is for all names and addresses of the
    domain, and valid for one year.
    """
    from extauth.harness.mail.tls.certificates import der_of, now_utc, self_signed
    from extauth.harness.mail.tls.domain_security import CERTIFICATE

    with site.opened() as domain:
        names = domain.domain.names
        domain.change({CERTIFICATE: der_of([self_signed(domain.key, attributes.of(site.domain), names, now_utc())])})


@domain_security.command()
@options_from(SiteOptions)
@options_from(AttributeOptions)
def signing_request(site: SiteOptions, attributes: AttributeOptions) -> None:
    """Print a signing request (CSR) for DOMAIN.

    \b
    Example:
      extauth harness domain-security signing-request mail.example.org \\
          --accounts accounts.toml --base-directory /var/tmp/harness \\
          --common-name mail.example.org --email hostmaster@example.org

    Give it to a certification authority. It returns a certificate: set that with
    set-certificate.
    """
    from extauth.harness.mail.tls.certificates import signing_request

    with site.opened() as domain:
        request = signing_request(domain.key, attributes.of(site.domain), domain.domain.names)
        click.echo(request, nl=False)


@domain_security.command()
@options_from(SiteOptions)
@_file
def set_certificate(site: SiteOptions, file: BinaryIO) -> None:
    """Set the certificate of DOMAIN from a PEM FILE.

    \b
    Example:
      extauth harness domain-security set-certificate example.org cert.pem \\
          --accounts accounts.toml --base-directory /var/tmp/harness

    Without FILE, the command reads standard input. If there are more certificates,
    they become the CA chain.
    """
    from extauth.harness.mail.tls.certificates import der_of, read_pem_certificates
    from extauth.harness.mail.tls.domain_security import CERTIFICATE, CHAIN

    with site.opened() as domain:
        first, *others = read_pem_certificates(file.read())
        changes: dict[str, Value] = {CERTIFICATE: der_of([first])}
        domain.change(changes | ({CHAIN: der_of(others)} if others else {}))


@domain_security.command()
@options_from(SiteOptions)
@_file
def set_chain(site: SiteOptions, file: BinaryIO) -> None:
    """Set the CA chain of DOMAIN from a PEM FILE.

    \b
    Example:
      extauth harness domain-security set-chain example.org chain.pem \\
          --accounts accounts.toml --base-directory /var/tmp/harness

    Without FILE, the command reads standard input.
    """
    from extauth.harness.mail.tls.certificates import der_of, read_pem_certificates
    from extauth.harness.mail.tls.domain_security import CHAIN

    with site.opened() as domain:
        domain.change({CHAIN: der_of(read_pem_certificates(file.read()))})


@domain_security.command()
@options_from(SiteOptions)
def remove_certificate(site: SiteOptions) -> None:
    """Remove the certificate and the CA chain of DOMAIN.

    \b
    Example:
      extauth harness domain-security remove-certificate example.org \\
          --accounts accounts.toml --base-directory /var/tmp/harness
    """
    from extauth.harness.mail.tls.domain_security import CERTIFICATE, CHAIN, DEFAULT

    with site.opened() as domain:
        domain.change({CERTIFICATE: DEFAULT, CHAIN: DEFAULT})
