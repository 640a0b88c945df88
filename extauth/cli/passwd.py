"""`extauth passwd`: change the accounts of a password file."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from extauth.cli.options import NameChoice
from extauth.passwords.make import DEFAULT_SCHEME, MAKEABLE, make_hash

if TYPE_CHECKING:
    from extauth.model import Secret


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("account", required=False)
@click.option("--delete", is_flag=True, help="Delete the account from the file.")
@click.option("--bulk", is_flag=True, help="Read many accounts from standard input, each line is name@domain:password.")
@click.option(
    "--scheme",
    type=NameChoice(MAKEABLE),
    metavar="SCHEME",
    help=f"How to store the password: {', '.join(MAKEABLE)}. CRAM-MD5 works for the mechanism CRAM-MD5, PLAIN for "
    f"all mechanisms. The default is that of most accounts in the file, if it is strong, else {DEFAULT_SCHEME}.",
)
def passwd(file: Path, account: str | None, delete: bool, bulk: bool, scheme: str | None) -> None:
    """Add ACCOUNT (name@domain) to a password FILE of the plain format, or change its password.

    \b
    Example:
      extauth passwd /etc/extauth/passwd alice@example.com

    The command prompts for the password. If standard input is not a terminal, the password is its first line.
    """
    from extauth.errors import ConfigError  # here: --help needs none of this

    if (account is None) != bulk:
        raise click.UsageError("Name one ACCOUNT, or use --bulk." if account is None else "Use ACCOUNT or --bulk.")
    if bulk and delete:
        raise click.UsageError("Use --bulk or --delete, not both.")
    try:
        if account is None:
            _set_many(file, scheme)
        elif delete:
            _delete(file, account)
        else:
            _set_one(file, account, scheme)
    except (ConfigError, ValueError) as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(f"{error.filename or file}: {error.strerror}") from None


def _set_one(file: Path, account: str, scheme: str | None) -> None:
    from extauth.backends.files.edit import bare_line, set_passwords

    scheme = scheme or _scheme_for(file)
    existed = set_passwords(file, {account: make_hash(_password(), scheme)})
    click.echo(f"{account} is {'changed' if existed else 'added'}")
    if number := bare_line(file, account):
        name = account.rpartition("@")[0]
        _remark(
            f"{file}, line {number}: {name} is an account, too, in every other domain, with a password of its own; "
            f"to delete it, run: extauth passwd --delete {file} {name}"
        )


def _delete(file: Path, account: str) -> None:
    from extauth.backends.files.edit import bare_line, delete_account

    is_deleted = delete_account(file, account)
    number, name = bare_line(file, account), account.rpartition("@")[0]
    bare = f"{file}, line {number}: {name} is an account in every domain, so {account} can still log in with it; "
    bare += f"to delete it, run: extauth passwd --delete {file} {name}"
    if not is_deleted:
        raise click.ClickException(f"{file}: has no {account}" + (f"; {bare}" if number else ""))
    click.echo(f"{account} is deleted")
    if number:
        _remark(bare)


def _set_many(file: Path, scheme: str | None) -> None:
    """Set the passwords of the accounts on standard input. All of them, or none if a line is wrong."""
    from concurrent.futures import ThreadPoolExecutor

    from extauth.backends.files.edit import canonical_account, set_passwords
    from extauth.errors import ConfigError

    scheme = scheme or _scheme_for(file)
    passwords: dict[str, Secret] = {}
    for number, account, password in _lines():
        try:
            passwords[canonical_account(account, f"line {number}")] = password
        except ConfigError as error:
            raise click.ClickException(f"{error}; no account was changed") from None

    with ThreadPoolExecutor() as threads:  # the costly schemes let other threads run
        stored = threads.map(lambda password: make_hash(password, scheme), passwords.values())
        existed = set_passwords(file, dict(zip(passwords, stored, strict=True)))
    click.echo(f"{len(passwords) - len(existed)} accounts are added, {len(existed)} are changed")


def _lines() -> Iterator[tuple[int, str, Secret]]:
    """Yield the number, the account and the password of each line on standard input. Raise click's errors."""
    from extauth.model import Secret

    for number, line in enumerate(sys.stdin.buffer, start=1):
        account, colon, password = line.rstrip(b"\r\n").partition(b":")
        if not account and not colon:
            continue
        if not password:
            raise click.ClickException(f"line {number}: must be name@domain:password; no account was changed")
        if b"\0" in password or b"\r" in password:
            raise click.ClickException(f"line {number}: the password contains a NUL or CR; no account was changed")
        yield number, account.decode(errors="surrogateescape"), Secret(password)


def _scheme_for(file: Path) -> str:
    """Return the scheme of most accounts in the file if it is strong, else the default. Say if it is another one."""
    from extauth.backends.files.edit import schemes_in
    from extauth.passwords.make import STRONG

    counts = schemes_in(file)
    most = max(counts, key=lambda scheme: counts[scheme], default=DEFAULT_SCHEME)
    if most in STRONG:
        return most
    if DEFAULT_SCHEME not in counts:
        shown = ", ".join(f"{scheme} {count}" for scheme, count in counts.most_common())
        _remark(
            f"the password is stored as {DEFAULT_SCHEME}, the others in this file as {shown}; "
            "if another program reads the file, use --scheme"
        )
    return DEFAULT_SCHEME


def _password() -> Secret:
    from extauth.model import Secret

    if sys.stdin.isatty():
        typed = click.prompt("Password", hide_input=True, confirmation_prompt="Password again").encode()
    else:
        typed = sys.stdin.buffer.readline().rstrip(b"\r\n")
    if not typed:
        raise click.ClickException("the password is empty: every login with an empty password fails")
    if b"\0" in typed:
        raise click.ClickException("the password contains a NUL; mail programs cannot send it")
    return Secret(typed)


def _remark(text: str) -> None:
    click.echo(f"remark: {text}", err=True)
