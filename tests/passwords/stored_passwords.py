"""Stored passwords as other programs write them into password files and directories.

`SCHEMES` are made by programs that share no code with ours. None of these programs makes the schemes of `ORACLES`.
There passlib or argon2-cffi writes the whole value, or Python's hashlib the digest in it.
"""

from __future__ import annotations

import base64
import hashlib
import subprocess
from collections.abc import Callable

import argon2
import passlib.hash  # type: ignore[import-untyped]

Store = Callable[[bytes], bytes]
"""A password to its stored form."""


def openssl(*options: str) -> Store:
    return lambda password: _run(["openssl", "passwd", *options, "-stdin"], password + b"\n")


def mkpasswd(method: str, *options: str) -> Store:
    return lambda password: _run(["mkpasswd", "--stdin", "-m", method, *options], password + b"\n")


def htpasswd(*options: str) -> Store:
    return lambda password: _run(["htpasswd", "-n", "-i", *options, "user"], password + b"\n").removeprefix(b"user:")


def doveadm(scheme: str, *options: str) -> Store:
    return lambda password: _run(["doveadm", "pw", "-s", scheme, *options], 2 * (password + b"\n"))


def slappasswd(scheme: str, *options: str) -> Store:
    return lambda password: _run(["slappasswd", "-n", "-h", scheme, *options, "-T", "/dev/stdin"], password)


def under(prefix: bytes, store: Store) -> Store:
    """Return a Store that puts a prefix before the result of `store`."""
    return lambda password: prefix + store(password)


def _run(command: list[str], given: bytes) -> bytes:
    return subprocess.run(command, input=given, capture_output=True, check=True, timeout=30).stdout.strip(b"\n")


SCHEMES: list[tuple[str, Store]] = [
    ("htpasswd-apr1", htpasswd("-m")),
    ("htpasswd-sha", htpasswd("-s")),
    ("htpasswd-bcrypt", htpasswd("-B", "-C", "4")),
    ("htpasswd-sha256", htpasswd("-2", "-r", "1000")),
    ("htpasswd-sha512", htpasswd("-5", "-r", "1000")),
    ("openssl-1", openssl("-1")),
    ("openssl-5", openssl("-5")),
    ("openssl-6", openssl("-6")),
    ("openssl-6-salt", openssl("-6", "-salt", "a+b=c_d-")),
    ("openssl-apr1", openssl("-apr1")),
    ("mkpasswd-bcrypt", mkpasswd("bcrypt", "-R", "4")),
    ("mkpasswd-bcrypt-a", mkpasswd("bcrypt-a", "-R", "4")),
    ("mkpasswd-sha512crypt", mkpasswd("sha512crypt", "-R", "1000")),
    ("mkpasswd-sha256crypt", mkpasswd("sha256crypt", "-R", "1000")),
    ("mkpasswd-md5crypt", mkpasswd("md5crypt")),
    ("mkpasswd-yescrypt", mkpasswd("yescrypt", "-R", "1")),
    ("mkpasswd-yescrypt-3", mkpasswd("yescrypt", "-R", "3")),
    ("mkpasswd-gost-yescrypt", mkpasswd("gost-yescrypt", "-R", "1")),
    ("mkpasswd-scrypt", mkpasswd("scrypt", "-R", "6")),
    ("mkpasswd-descrypt", under(b"{CRYPT}", mkpasswd("descrypt"))),
    ("doveadm-SHA", doveadm("SHA")),
    ("doveadm-SHA1", doveadm("SHA1")),
    ("doveadm-SSHA", doveadm("SSHA")),
    ("doveadm-SHA256", doveadm("SHA256")),
    ("doveadm-SSHA256", doveadm("SSHA256")),
    ("doveadm-SHA512", doveadm("SHA512")),
    ("doveadm-SSHA512", doveadm("SSHA512")),
    ("doveadm-SMD5", doveadm("SMD5")),
    ("doveadm-MD5", doveadm("MD5")),
    ("doveadm-MD5.HEX", doveadm("MD5.HEX")),
    ("doveadm-PLAIN-MD5", doveadm("PLAIN-MD5")),
    ("doveadm-PLAIN-MD5.B64", doveadm("PLAIN-MD5.b64")),
    ("doveadm-LDAP-MD5", doveadm("LDAP-MD5")),
    ("doveadm-LDAP-MD5.HEX", doveadm("LDAP-MD5.hex")),
    ("doveadm-SHA.HEX", doveadm("SHA.HEX")),
    ("doveadm-SHA256.HEX", doveadm("SHA256.HEX")),
    ("doveadm-SSHA.HEX", doveadm("SSHA.HEX")),
    ("doveadm-SSHA.B64", doveadm("SSHA.b64")),
    ("doveadm-CRYPT", doveadm("CRYPT", "-r", "4")),
    ("doveadm-BLF-CRYPT", doveadm("BLF-CRYPT", "-r", "4")),
    ("doveadm-SHA512-CRYPT", doveadm("SHA512-CRYPT", "-r", "1000")),
    ("doveadm-SHA512-CRYPT.B64", doveadm("SHA512-CRYPT.B64", "-r", "1000")),
    ("doveadm-SHA256-CRYPT", doveadm("SHA256-CRYPT", "-r", "1000")),
    ("doveadm-MD5-CRYPT", doveadm("MD5-CRYPT")),
    ("doveadm-DES-CRYPT", doveadm("DES-CRYPT")),
    ("doveadm-PBKDF2", doveadm("PBKDF2", "-r", "1000")),
    ("doveadm-PBKDF2.HEX", doveadm("PBKDF2.HEX", "-r", "1000")),
    ("doveadm-ARGON2I", doveadm("ARGON2I")),
    ("doveadm-ARGON2ID", doveadm("ARGON2ID")),
    ("doveadm-PLAIN", doveadm("PLAIN")),
    ("doveadm-PLAIN.HEX", doveadm("PLAIN.HEX")),
    ("doveadm-PLAIN.B64", doveadm("PLAIN.B64")),
    ("doveadm-CLEAR", doveadm("CLEAR")),
    ("doveadm-CLEARTEXT", doveadm("CLEARTEXT")),
    ("doveadm-CRAM-MD5", doveadm("CRAM-MD5")),
    ("doveadm-CRAM-MD5.B64", doveadm("CRAM-MD5.B64")),
    ("doveadm-HMAC-MD5", doveadm("HMAC-MD5")),
    ("slappasswd-SSHA", slappasswd("{SSHA}")),
    ("slappasswd-SHA", slappasswd("{SHA}")),
    ("slappasswd-SMD5", slappasswd("{SMD5}")),
    ("slappasswd-MD5", slappasswd("{MD5}")),
    ("slappasswd-SHA256", slappasswd("{SHA256}", "-o", "module-load=pw-sha2")),
    ("slappasswd-SSHA512", slappasswd("{SSHA512}", "-o", "module-load=pw-sha2")),
    ("slappasswd-ARGON2", slappasswd("{ARGON2}", "-o", "module-load=argon2")),
    ("slappasswd-CRYPT-bigcrypt", slappasswd("{CRYPT}")),
    ("slappasswd-CRYPT-sha512", slappasswd("{CRYPT}", "-c", "$6$%.16s")),
]
"""An id, and the function that stores a password with that program."""

COSTLY = {"doveadm-ARGON2I", "doveadm-ARGON2ID", "mkpasswd-scrypt"}
"""Their program makes no cheap hashes, so tests try few passwords. Others of these schemes are cheap."""

CUT: dict[str, int] = {
    **dict.fromkeys(["mkpasswd-descrypt", "doveadm-DES-CRYPT"], 8),
    **dict.fromkeys(
        ["htpasswd-bcrypt", "mkpasswd-bcrypt", "mkpasswd-bcrypt-a", "doveadm-CRYPT", "doveadm-BLF-CRYPT"], 72
    ),
}
"""The number of bytes that count, for schemes that ignore the rest of a password."""


def _passlib(name: str, **settings: int | str) -> Store:
    handler = getattr(passlib.hash, name).using(**settings)
    return lambda password: str(handler.hash(password)).encode()


def _phc(password: bytes) -> bytes:
    salt, key = b"saltsalt", hashlib.pbkdf2_hmac("sha256", password, b"saltsalt", 100)
    return b"$pbkdf2-sha256$i=100,l=32$%s$%s" % tuple(base64.b64encode(part).rstrip(b"=") for part in (salt, key))


def _digest(scheme: str, salt: bytes = b"") -> Store:
    algorithm = scheme.lower().removeprefix("s" if salt else "")
    return lambda password: (
        b"{%s}%s"
        % (
            scheme.encode(),
            base64.b64encode(hashlib.new(algorithm, password + salt).digest() + salt),
        )
    )


def _argon2d(password: bytes) -> bytes:
    return argon2.low_level.hash_secret(password, b"saltsalt", 1, 64, 1, 16, argon2.Type.D)


def _first_argon2i(password: bytes) -> bytes:
    return argon2.low_level.hash_secret(password, b"saltsalt", 3, 64, 2, 32, argon2.Type.I, version=16)


ORACLES: list[tuple[str, Store]] = [
    ("passlib-scrypt", _passlib("scrypt", rounds=4, block_size=4, parallelism=2)),
    ("passlib-pbkdf2", _passlib("pbkdf2_sha1", rounds=100)),
    ("passlib-pbkdf2-sha256", _passlib("pbkdf2_sha256", rounds=100)),
    ("passlib-pbkdf2-sha512", _passlib("pbkdf2_sha512", rounds=100)),
    ("passlib-ldap-pbkdf2", _passlib("ldap_pbkdf2_sha1", rounds=100)),
    ("passlib-ldap-pbkdf2-sha256", _passlib("ldap_pbkdf2_sha256", rounds=100)),
    ("passlib-ldap-pbkdf2-sha512", _passlib("ldap_pbkdf2_sha512", rounds=100)),
    ("passlib-bcrypt-sha256", _passlib("bcrypt_sha256", rounds=4)),
    ("passlib-phpass", _passlib("phpass", rounds=7)),
    ("passlib-phpass-H", _passlib("phpass", rounds=8, ident="$H$")),
    ("passlib-django-pbkdf2-sha256", _passlib("django_pbkdf2_sha256", rounds=100)),
    ("passlib-django-pbkdf2-sha1", _passlib("django_pbkdf2_sha1", rounds=100)),
    ("passlib-django-bcrypt-sha256", _passlib("django_bcrypt_sha256", rounds=4)),
    ("hashlib-PHC", _phc),
    ("argon2-cffi-django", under(b"argon2", _argon2d)),
    ("hashlib-SHA224", _digest("SHA224")),
    ("hashlib-SHA384", _digest("SHA384")),
    ("hashlib-SSHA224", _digest("SSHA224", b"salt")),
    ("hashlib-SSHA384", _digest("SSHA384", b"salt")),
    ("argon2-cffi-argon2d", _argon2d),
    ("argon2-cffi-argon2i-v16", _first_argon2i),
    ("hashlib-MD5-hex", lambda password: b"{MD5}" + hashlib.md5(password).hexdigest().encode()),  # noqa: S324
    ("hashlib-SHA-hex", lambda password: b"{sha}" + hashlib.sha1(password).hexdigest().upper().encode()),  # noqa: S324
    ("hashlib-SHA512-hex", lambda password: b"{SHA512}" + hashlib.sha512(password).hexdigest().encode()),
    ("hashlib-MD5-base64", lambda password: b"{Md5}" + base64.b64encode(hashlib.md5(password).digest())),  # noqa: S324
    ("argon2-cffi-ARGON2D", under(b"{ARGON2D}", _argon2d)),
]
"""The same for schemes that no independent program here makes."""
