"""`extauth passwd`: change the accounts of a password file."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from extauth.backends.files.edit import delete_account, set_password
from extauth.errors import ConfigError
from extauth.model import Secret
from extauth.passwords import MAKEABLE, make_hash

_DEFAULT = "ARGON2ID"


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("account")
@click.option("--delete", is_flag=True, help="Delete the account from the file.")
@click.option(
    "--scheme",
    type=click.Choice(MAKEABLE, case_sensitive=False),
    default=_DEFAULT,
    show_default=True,
    metavar="SCHEME",
    help=f"How to store the password: {', '.join(MAKEABLE)}. CRAM-MD5 works for the mechanism CRAM-MD5, PLAIN for "
    "all mechanisms.",
)
def passwd(file: Path, account: str, delete: bool, scheme: str) -> None:
    """Add ACCOUNT (name@domain) to a password FILE of the plain format, or change its password.

    The command prompts for the password. If standard input is not a terminal, the password is its first line.
    """
    try:
        if delete:
            if not delete_account(file, account):
                raise click.ClickException(f"{file}: has no {account}")
            click.echo(f"{account} is deleted")
        else:
            existed = set_password(file, account, make_hash(_password(), scheme))
            click.echo(f"{account} is {'changed' if existed else 'added'}")
    except (ConfigError, ValueError) as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(f"{error.filename or file}: {error.strerror}") from None


def _password() -> Secret:
    if sys.stdin.isatty():
        typed = click.prompt("Password", hide_input=True, confirmation_prompt="Password again").encode()
    else:
        typed = sys.stdin.buffer.readline().rstrip(b"\r\n")
    if not typed:
        raise click.ClickException("the password is empty: every login with an empty password fails")
    if b"\0" in typed:
        raise click.ClickException("the password contains a NUL; mail programs cannot send it")
    return Secret(typed)
