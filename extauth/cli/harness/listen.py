"""`extauth harness listen`: a mail server on the loopback that asks a helper program (docs/mail-server.md)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from extauth.cli.harness.options import (
    PROGRAM_OPTIONS,
    ProgramOptions,
    html_option,
    interface_option,
    listen_extra,
    program_options,
)
from extauth.cli.harness.output import finish, show, write_page
from extauth.cli.options import GroupedCommand
from extauth.errors import ExtauthError

if TYPE_CHECKING:
    from extauth.harness.events import Event
    from extauth.harness.protocol_checker import Violation

_SERVICES = {
    "POP3": "POP3 with STLS",
    "IMAP": "IMAP with STARTTLS",
    "SMTP": "SMTP with STARTTLS",
    "POP3S": "POP3 over TLS",
    "IMAPS": "IMAP over TLS",
    "SMTPS": "SMTP over TLS",
    "PWD": "PWD and CLI (accounts), with STLS",
}
_PEM = click.Path(exists=True, dir_okay=False, path_type=Path)


def _port_options(function: Callable[..., None]) -> Callable[..., None]:
    for service, description in reversed(_SERVICES.items()):
        option = click.option(
            f"--{service.lower()}",
            service,
            type=click.IntRange(0, 65_535),
            metavar="PORT",
            help=f"Listen for {description}.",
        )
        function = option(function)
    return function


@click.command(
    cls=GroupedCommand,
    groups={
        "Mail server": ["accounts", "host", "grant", "deny", "certificate", "key"],
        "Ports": list(_SERVICES),
        **PROGRAM_OPTIONS,
    },
)
@click.option(
    "--accounts", type=click.Path(path_type=Path), required=True, metavar="FILE", help="The domains and accounts."
)
@_port_options
@click.option(
    "--host",
    multiple=True,
    metavar="ADDRESS",
    help="Listen on this loopback address. May be repeated.  [default: 127.0.0.1, ::1, those of the domains]",
)
@click.option(
    "--grant",
    multiple=True,
    metavar="LISTENER=ADDRESS,...",
    help="Accept connections only from these addresses, networks and ranges, such as pop3=127.0.0.0/8.",
)
@click.option(
    "--deny",
    multiple=True,
    metavar="LISTENER=ADDRESS,...",
    help="Close connections from these addresses at once. Both may be repeated.",
)
@click.option("--certificate", type=_PEM, help="The mail server's certificate (PEM). The default is a new one.")
@click.option("--key", type=_PEM, help="The private key of the certificate (PEM).")
@interface_option
@html_option
@program_options
def listen(
    options: ProgramOptions,
    accounts: Path,
    host: tuple[str, ...],
    grant: tuple[str, ...],
    deny: tuple[str, ...],
    certificate: Path | None,
    key: Path | None,
    interface: int | None,
    html: TextIO | None,
    **ports: int | None,
) -> None:
    """Listen for mail programs on the loopback. A helper checks their passwords.

    \b
    Example:
      extauth harness listen --accounts accounts.toml --imap 1143 -- \\
          extauth serve -c extauth.toml

    With port 0 the system chooses a port. The command shows each address that it listens on, then `ready`. Press Ctrl-C
    to end it.
    """
    wanted = {service: port for service, port in ports.items() if port is not None}
    if not wanted:
        raise click.UsageError(f"Name a port to listen on: --{', --'.join(map(str.lower, _SERVICES))}.")
    if (certificate is None) != (key is None):
        raise click.UsageError("--certificate and --key go together.")
    import contextlib
    import tempfile  # here: --help needs none of these

    from extauth.harness.external import ExternalAuthentication
    from extauth.harness.log import MailServerLog
    from extauth.harness.report import end_lines, violation_lines
    from extauth.harness.statistics import Statistics
    from extauth.harness.tables import statistics_table, text_lines

    masker, statistics = options.masker(), Statistics()
    log = MailServerLog(options.log_level or "Low Level", masker, lambda line: click.echo(line, err=True))

    def handle_event(event: Event | Violation) -> None:
        statistics.handle_event(event)
        log.handle_event(event)

    with options.started() as settings, contextlib.ExitStack() as cleanup:
        folder = cleanup.enter_context(tempfile.TemporaryDirectory(prefix="extauth-harness-"))
        with listen_extra():
            from extauth.harness.mail.accounts_file import read_accounts
            from extauth.harness.mail.restrictions import restrict
            from extauth.harness.mail.server import MailServer
            from extauth.harness.mail.state import State
            from extauth.harness.mail.state_files import StateFiles
            from extauth.harness.mail.tls.handshake import ServerTls

        accounts_read = read_accounts(accounts)
        if options.base_directory is not None:
            files = cleanup.enter_context(contextlib.closing(StateFiles(options.base_directory)))
            State(files, accounts_read)
        restrict(accounts_read.module_settings, grant=grant, deny=deny)
        tls = ServerTls(accounts_read, (certificate, key) if certificate and key else None)
        with ExternalAuthentication(settings, interface, handle_event) as external:
            server = MailServer(accounts_read, external, tls, log.record)
            if not external.wait_for_start():
                external.stop()
                for line in [*violation_lines(external.manager, masker), *end_lines(external.manager, masker)]:
                    show(line)
                raise ExtauthError(
                    "the helper ended at once, so the mail server does not start; correct the helper or its arguments"
                )
            for line in server.listen(wanted, host):
                click.echo(line)
            if tls.made is not None:
                made = Path(folder, "certificate.pem")
                made.write_bytes(tls.made)
                click.echo(f"certificate {made}")
            click.echo("ready")
            server.run()
    manager = external.manager
    table = statistics_table(statistics, masker)
    errors = log.harness_error_count
    remarks = [*violation_lines(manager, masker, log.harness_errors), *end_lines(manager, masker, errors)]
    write_page(html, {"program": options.program}, table, {"replies": statistics}, remarks)
    finish([*text_lines(table), *remarks], success=not (manager.violation_count or errors))
