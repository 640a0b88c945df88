"""Reads a list of accounts: a text file with `name` or `name:password` in each line (docs/mail-server.md)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from extauth.errors import ConfigError, MalformedRequest
from extauth.harness.mail.own_password import SCHEMES, OwnPassword, parse_hash
from extauth.model import Account, Secret
from extauth.protocol.accounts import AccountParser

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def read_account_list(path: Path, domain: str) -> Iterator[tuple[Account, OwnPassword | None]]:
    """Yield each account of the file with its own password, if it has one. Raises ConfigError.

    Empty lines and lines that begin with `#` are ignored. A password that begins as a hash does is a hash.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    parser = AccountParser(domain)
    for number, line in enumerate(data.removeprefix(_BYTE_ORDER_MARK).split(b"\n"), start=1):
        text = line.removesuffix(b"\r")
        if not text.strip() or text.startswith(b"#"):
            continue
        name, colon, password = text.partition(b":")
        try:
            yield _account(parser, name), _own_password(password) if colon else None
        except ValueError as error:
            raise ConfigError(f"{path}, line {number}: {error}") from None


def _account(parser: AccountParser, name: bytes) -> Account:
    try:
        account = None if b"@" in name else parser.parse(name.decode())
    except UnicodeDecodeError:
        raise ValueError("the name is not UTF-8; save the file as UTF-8") from None
    except MalformedRequest as error:
        raise ValueError(f"the name has {error}") from None
    if account is None:
        raise ValueError("the name must not contain a domain: write `name` or `name:password`")
    return account


def _own_password(password: bytes) -> OwnPassword | None:
    if password.startswith(tuple(prefix.encode() for prefix in SCHEMES)):
        try:
            return parse_hash(password.decode(errors="replace"))
        except ValueError as error:
            raise ValueError(f"the hash {error}") from None
    return OwnPassword(Secret(password)) if password else None
