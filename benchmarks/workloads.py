"""Accounts, their stored passwords, and logins. They are the same in every run."""

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
"""The share of wrong passwords in a workload."""

WARM_UP = 100
"""The number of logins before the clock starts. Then processes, modules and LDAP connections are there."""

_SEED = 1


class Login(NamedTuple):
    """An account and a password, and whether the password is right."""

    name: str
    domain: str
    password: str
    right: bool


def login_of(number: int, domains: int = 1) -> Login:
    """Return a login of the account with this number, with the right password."""
    return Login(f"user{number}", f"d{number % domains}.example", _password(number), right=True)


@functools.lru_cache(2)
def one_login_each(accounts: int, domains: int = 1) -> Sequence[Login]:
    """Return one login of each account, with the right password."""
    return tuple(login_of(number, domains) for number in range(accounts))


def random_logins(count: int, accounts: int = ACCOUNTS, domains: int = 1, *, wrong: float) -> Sequence[Login]:
    """Return `count` logins of random accounts. The share `wrong` of them has a wrong password."""
    generator = random.Random(_SEED)  # noqa: S311  # the same logins every time
    logins = generator.choices(one_login_each(accounts, domains), k=count)
    for place in generator.sample(range(count), round(count * wrong)):
        login = logins[place]
        logins[place] = login._replace(password=f"not{login.password}", right=False)
    return logins


def write_password_file(path: Path, scheme: str, numbers: Iterable[int]) -> None:
    """Write `name:stored` lines for these accounts, readable by all users. `scheme` is a key of SCHEMES."""
    numbers = list(numbers)
    with ThreadPoolExecutor(os.cpu_count()) as threads:  # crypt(3) runs without the GIL
        stored = threads.map(SCHEMES[scheme], map(_password, numbers), chunksize=64)
        path.write_text("".join(f"user{number}:{value}\n" for number, value in zip(numbers, stored, strict=True)))
    path.chmod(0o644)


def ldif(accounts: int, base: str) -> Iterator[str]:
    """Yield an LDIF entry for each account below `base`, with its password as {SSHA}."""
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
    return "{SHA}" + base64.b64encode(hashlib.sha1(password.encode()).digest()).decode()  # noqa: S324  # the scheme uses it


def _ssha(password: str) -> str:
    salt = os.urandom(8)
    digest = hashlib.sha1(password.encode() + salt).digest()  # noqa: S324  # the scheme uses it
    return "{SSHA}" + base64.b64encode(digest + salt).decode()


SCHEMES: dict[str, Callable[[str], str]] = {
    "sha512": _crypt(b"$6$"),  # 5,000 rounds, libcrypt's default
    "bcrypt": _bcrypt(5),  # htpasswd's cost
    "bcrypt-12": _bcrypt(12),
    "md5crypt": _crypt(b"$1$"),
    "sha": _sha,
}
"""Functions that make a stored password, by the names of the workloads."""
