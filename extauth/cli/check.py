"""`extauth check`: is the configuration valid, and what would be served?"""

from __future__ import annotations

import os
import pwd
import sys
from pathlib import Path

import click

from extauth.cli.options import GroupedCommand, config_option


@click.command(
    cls=GroupedCommand,
    groups={"What is checked": ["config_file", "accounts", "user", "base_directory"], "Result": ["strict", "as_json"]},
)
@config_option
@click.option(
    "--account",
    "accounts",
    metavar="NAME@DOMAIN",
    multiple=True,
    help="Say which backends know this account. Needs no password. May be given several times.",
)
@click.option("--user", metavar="NAME", help="As root: say what would differ for this user.")
@click.option(
    "--base-directory",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="DIR",
    help="Base directory of the mail server: check that its Child Processes Manifesto lists extauth.",
)
@click.option("--strict", is_flag=True, help="End with status 4 if there are warnings.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def check(
    config_file: Path,
    accounts: tuple[str, ...],
    user: str | None,
    base_directory: Path | None,
    strict: bool,
    as_json: bool,
) -> None:
    """Read the configuration and all files as serve would. Say what is wrong and what would be served.

    \b
    Example:
      extauth check -c /etc/extauth/extauth.toml

    Directories are tried, too. Run this as the user that the mail server starts extauth as, or use --user.

    \b
    Exit status:
      0  all is well; there may be warnings
      1  serve would refuse the configuration
      2  wrong arguments
      3  serve would start, but no account of some domain can log in,
         or [provision] cannot create accounts
      4  there are warnings, with --strict
    """
    from extauth.cli.check_report import CheckReport  # here: --help needs none of this
    from extauth.cli.check_site import check_as

    entry = _entry_of(user) if user is not None else None
    report = CheckReport(config_file, shows=not as_json, accounts=accounts)
    if entry is not None:
        other = CheckReport(config_file, shows=False, accounts=accounts)
        found = check_as(entry, other.run_for_findings)  # first: what follows gives up rights
    report.run()
    if base_directory is not None:
        report.check_manifesto(base_directory)
    if entry is not None:
        report.add_user(entry.pw_name, found)
    if as_json:
        click.echo(report.as_json(strict=strict))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(report.status(strict=strict))  # a call that hangs must not keep this process


def _entry_of(user: str) -> pwd.struct_passwd:
    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        raise click.UsageError(f"--user: this system has no user {user}") from None
    if os.geteuid() not in (0, entry.pw_uid):
        raise click.UsageError(
            f"--user: only root can become another user; run: sudo -u {user} extauth check -c FILE, or run this as root"
        )
    return entry
