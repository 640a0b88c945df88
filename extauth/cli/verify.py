"""`extauth verify`: check one password, and show which backend said what."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from extauth.cli.options import NameChoice, config_option

if TYPE_CHECKING:
    from extauth.model import Secret


@click.command()
@config_option
@click.option(
    "--sasl",
    type=NameChoice(["CRAM-MD5", "APOP"]),
    metavar="MECHANISM",
    help="Log in with CRAM-MD5 or APOP. extauth makes a challenge, and computes the response from the password.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--running", is_flag=True, help="Ask the running helper, as the mail server does.")
@click.option("--debug", is_flag=True, help="Show errors of backends with their tracebacks, and all log records.")
@click.argument("account")
def verify(config_file: Path, sasl: str | None, as_json: bool, running: bool, debug: bool, account: str) -> None:
    """Check the password of ACCOUNT (name@domain). Show what each backend says, and the reply to the mail server.

    \b
    Example:
      extauth verify -c /etc/extauth/extauth.toml alice@example.com

    The command prompts for the password. If standard input is not a terminal, the password is its first line.
    It asks the backends itself, without cache and throttle: a wrong password counts as one in your directory.
    Run it as the user that the mail server starts extauth as.

    With --running it asks the running helper instead. To that helper it is a login like any other: the cache may
    answer it, and the helper counts, delays and logs it. The password goes through a private socket.

    \b
    Exit status:
       0  the user may log in
       1  the login is rejected
       2  wrong arguments, or serve would refuse the configuration
       3  with --running: no helper runs, or it does not answer
      75  temporary failure
    """
    if running:
        if debug:
            raise click.UsageError("--debug and --running exclude each other: see the log of the helper")
        from extauth.cli.verify_running import verify_running

        sys.exit(verify_running(config_file, account, _read_password(), sasl, as_json=as_json))
    from extauth.cli.loading import load_chain, protect_process  # here: --help needs none of these
    from extauth.cli.verify_report import Report
    from extauth.cli.verify_way import find_way, show_records
    from extauth.errors import ConfigError, UnexpectedError

    password = _read_password()
    try:
        protect_process()
        config, chain = load_chain(config_file)
        show_records(chain, password, debug=debug)
        chain.load()
    except (ConfigError, UnexpectedError) as error:
        click.echo(f"extauth: {error}", err=True)
        sys.exit(2)
    way = find_way(config, chain, account, password, sasl)
    report = Report(config, way, password, debug=debug)
    click.echo(report.as_json() if as_json else report.as_tree())
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(report.status)  # a call that hangs must not keep this process


def _read_password() -> Secret:
    from extauth.model import Secret

    if sys.stdin.isatty():
        typed = click.prompt("Password", hide_input=True, default="", show_default=False, err=True).encode()
    else:
        line = sys.stdin.buffer.readline()
        if not line:
            raise click.UsageError("standard input is empty: the password must be its first line")
        typed = line.rstrip(b"\r\n")
    if b"\0" in typed or b"\r" in typed:
        raise click.UsageError("the password contains a NUL or CR; the mail server cannot send it")
    return Secret(typed)
