"""`extauth passwd`: accounts of a password file."""

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
@click.option("--delete", is_flag=True, help="Take the account out of the file.")
@click.option(
    "--scheme",
    type=click.Choice(MAKEABLE, case_sensitive=False),
    default=_DEFAULT,
    show_default=True,
    help="How to store the password. CRAM-MD5 serves the secure method of that name, PLAIN all.",
)
def passwd(file: Path, account: str, delete: bool, scheme: str) -> None:
    """Add ACCOUNT (name@domain) to a password FILE of the plain format, or change its password.

    The password is asked for, or read from standard input where that is no terminal: its first line.
    """
    try:
        if delete:
            if not delete_account(file, account):
                raise click.ClickException(f"{file}: has no {account}")
            click.echo(f"{account} is deleted")
        else:
            known = set_password(file, account, make_hash(_password(), scheme))
            click.echo(f"{account} is {'changed' if known else 'added'}")
    except (ConfigError, ValueError) as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(f"{error.filename or file}: {error.strerror}") from None


def _password() -> Secret:
    if sys.stdin.isatty():
        typed = click.prompt("Password", hide_input=True, confirmation_prompt="The same again").encode()
    else:
        typed = sys.stdin.buffer.readline().rstrip(b"\r\n")
    if not typed:
        raise click.ClickException("the password is empty: with an empty password nobody logs in")
    if b"\0" in typed:
        raise click.ClickException("the password holds a NUL, which no mail program can send")
    return Secret(typed)
