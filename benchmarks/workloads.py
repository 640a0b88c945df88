"""Accounts, what is stored for them, and logins: the same ones in every run."""

from __future__ import annotations

import base64
import functools
import hashlib
import os
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import bcrypt

from extauth.passwords import libcrypt

ACCOUNTS = 10_000
WRONG = 0.1
"""The share of wrong passwords in a mixed workload."""

WARM_UP = 100
"""Logins before the clock starts: processes are there, modules loaded, directories connected to."""

_SEED = 1


class Login(NamedTuple):
    """An account and a password that is tried, and whether it is the right one."""

    name: str
    domain: str
    password: str
    right: bool


def account(number: int, domains: int = 1) -> Login:
    """A login of the account with this number, with its own password."""
    return Login(f"user{number}", f"d{number % domains}.example", _password(number), right=True)


@functools.lru_cache(2)
def everybody(accounts: int, domains: int = 1) -> Sequence[Login]:
    """One login of each account."""
    return tuple(account(number, domains) for number in range(accounts))


def mixed(count: int, accounts: int = ACCOUNTS, domains: int = 1, *, wrong: float) -> Sequence[Login]:
    """So many logins, any account as likely as any other, this share of them with a wrong password."""
    chance = random.Random(_SEED)  # noqa: S311  # the same ones every time
    logins = chance.choices(everybody(accounts, domains), k=count)
    for place in chance.sample(range(count), round(count * wrong)):
        login = logins[place]
        logins[place] = login._replace(password=f"not{login.password}", right=False)
    return logins


def write_password_file(path: Path, scheme: str, numbers: Iterable[int]) -> None:
    """A file of `name:stored` lines, under a key of SCHEMES, for these accounts; everybody can read it."""
    numbers = list(numbers)
    with ThreadPoolExecutor(os.cpu_count()) as threads:  # crypt(3) computes outside the interpreter's lock
        stored = threads.map(SCHEMES[scheme], map(_password, numbers), chunksize=64)
        path.write_text("".join(f"user{number}:{value}\n" for number, value in zip(numbers, stored, strict=True)))
    path.chmod(0o644)


def ldif(accounts: int, base: str) -> Iterator[str]:
    """An entry for each account below `base`, with its password as {SSHA}."""
    for number in range(accounts):
        yield (
            f"dn: uid=user{number},{base}\nobjectClass: inetOrgPerson\nuid: user{number}\ncn: user{number}\n"
            f"sn: user{number}\nuserPassword: {_ssha(_password(number))}\n\n"
        )


def _password(number: int) -> str:
    return f"Pw{hashlib.sha256(str(number).encode()).hexdigest()[:10]}"


def _crypt(setting: bytes) -> Callable[[str], str]:
    def stored(password: str) -> str:
        salt = base64.b64encode(os.urandom(6), b"./")
        value = libcrypt.crypt(password.encode(), setting + salt + b"$")
        assert value is not None, "libcrypt does not know the scheme"
        return value.decode()

    return stored


def _bcrypt(cost: int) -> Callable[[str], str]:
    return lambda password: bcrypt.hashpw(password.encode(), bcrypt.gensalt(cost)).decode()


def _sha(password: str) -> str:
    return "{SHA}" + base64.b64encode(hashlib.sha1(password.encode()).digest()).decode()  # noqa: S324  # what it is


def _ssha(password: str) -> str:
    salt = os.urandom(8)
    digest = hashlib.sha1(password.encode() + salt).digest()  # noqa: S324  # what it is
    return "{SSHA}" + base64.b64encode(digest + salt).decode()


SCHEMES: dict[str, Callable[[str], str]] = {
    "sha512": _crypt(b"$6$"),  # 5,000 rounds, libcrypt's own number
    "bcrypt": _bcrypt(5),  # htpasswd's cost
    "bcrypt-12": _bcrypt(12),
    "md5crypt": _crypt(b"$1$"),
    "sha": _sha,
}
"""How a password is stored, by the names of the workloads."""
