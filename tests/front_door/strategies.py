"""Random password files and requests. Their names and passwords are at the edges of what is allowed."""

from __future__ import annotations

import base64
import functools
import hashlib
from collections.abc import Callable

import argon2
import bcrypt
import passlib.hash  # type: ignore[import-untyped]
from hypothesis import strategies as st

from extauth.mechanisms import CramMd5Context
from extauth.model import Secret
from tests.front_door.model import DOMAINS, Made, respond

NAMES = [
    "alice",
    "Alice",
    "bob",
    "caf\u00e9",  # NFC
    "cafe\u0301",  # NFD: another account
    "CAF\u00c9",  # only A to Z are lowered
    '"',
    "a\\",
    "{sha}",
    "$6$",
    "(pop)x",
    "a@b",
    "#x",
    "a:b",
    "a\x7f",
    "a b",
]

PASSWORDS = [
    b"open sesame",
    b" open sesame",
    b"open sesame ",
    b"\t",
    b" ",
    "caf\u00e9".encode(),  # NFC
    "cafe\u0301".encode(),  # NFD
    b"caf\xe9",  # Latin-1
    b"cafi",  # the same as Latin-1 to DES, which ignores the eighth bit
    b"\xff\x01\x7f",
    b'"',
    b"\\",
    b'"open"',
    b'open"',
    rb"\"",
    rb'"\"',
    rb'"\256"',
    rb'"\065"',
    b"A",  # what the one before means in quotes
    b"{PLAIN}",
    b"{PLAIN}open",
    b"{SHA}open",
    b"{",
    b"$",
    b"$6$",
    b"$2b$04$",
    b"*",
    b"x",
    b"!",
    b"!open",
    b"a:b",
    b"a",
    b"12345678",
    b"123456789",
    b"a" * 71,
    b"a" * 72,
    b"a" * 73,
    b"a" * 72 + b"b",
    "\u00e9".encode() * 36 + b"x",
    b"a" * 511,
    b"a" * 512,
    b"a" * 4000,
]


def _des(password: bytes) -> bytes:
    return bytes(byte & 127 for byte in password[:8])


def _first_72(password: bytes) -> bytes:
    return password[:72]


def _digest(name: str, algorithm: str, salt: bytes) -> Callable[[bytes], bytes]:
    def store(password: bytes) -> bytes:
        digest = hashlib.new(algorithm, password + salt).digest()
        return b"{%s}%s" % (name.encode(), base64.b64encode(digest + salt))

    return store


def _passlib(name: str, prefix: bytes = b"", **settings: int) -> Callable[[bytes], bytes]:
    handler = getattr(passlib.hash, name).using(**settings)
    return lambda password: prefix + handler.hash(password).encode()


def _bcrypt(password: bytes) -> bytes:
    return bcrypt.hashpw(password[:72], bcrypt.gensalt(4))


def _argon2(password: bytes) -> bytes:
    return argon2.PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(password).encode()


def _context(password: bytes) -> bytes:
    return b"{CRAM-MD5}" + CramMd5Context.of(Secret(password)).reveal().hex().encode()


# A function that stores a password, the form in which the scheme compares, the longest password, the mechanisms.
_SCHEMES: list[tuple[Callable[[bytes], bytes], Callable[[bytes], bytes], int, tuple[str, ...]]] = [
    (_digest("SHA", "sha1", b""), bytes, 1 << 20, ()),
    (_digest("SSHA512", "sha512", b"salt"), bytes, 1 << 20, ()),
    (_bcrypt, _first_72, 1 << 20, ()),
    (lambda password: b"{BLF-CRYPT}" + _bcrypt(password), _first_72, 1 << 20, ()),
    (_passlib("sha512_crypt", rounds=1000), bytes, 511, ()),
    (_passlib("md5_crypt", b"{MD5-CRYPT}"), bytes, 511, ()),
    (_passlib("apr_md5_crypt"), bytes, 511, ()),
    (_passlib("des_crypt", b"{CRYPT}"), _des, 511, ()),
    (_passlib("pbkdf2_sha256", rounds=1), bytes, 1 << 20, ()),
    (_argon2, bytes, 1 << 20, ()),
    (_context, bytes, 1 << 20, ("CRAM-MD5",)),
]


@functools.cache
def _store(scheme: int, password: bytes) -> tuple[bytes, Made]:
    store, same, longest, mechanisms = _SCHEMES[scheme]
    return store(password), Made(password, same, longest, mechanisms)


passwords = st.sampled_from(PASSWORDS)
_users = st.tuples(st.integers(0, 40).map("User{}".format), st.sampled_from([*DOMAINS][:-2])).map("@".join)
addresses = st.one_of(
    _users,
    _users,
    st.tuples(st.sampled_from(NAMES), st.sampled_from([*DOMAINS])).map("@".join),
    st.sampled_from(NAMES),
    st.sampled_from(["@example.com", "alice@", "alice@example.com"]),
)
_long = st.sampled_from([b"a" * length for length in (8, 9, 71, 72, 73, 511, 512)])
hashes = st.builds(_store, st.integers(0, len(_SCHEMES) - 1), st.one_of(passwords, _long))
_LOCKS = [b"!", b"*", b"x", b"", b"{PLAIN}", b"{SHA}", b"{NONE}", b"$9$"]
_stored = st.one_of(
    *[hashes] * 4,
    passwords.map(lambda password: (b"{PLAIN}" + password, None)),
    passwords.map(lambda password: (password, None)),  # a bare password: no login is possible
    st.tuples(st.sampled_from(_LOCKS), st.sampled_from(PASSWORDS)).map(lambda pair: (b"!" + b"".join(pair), None)),
    st.sampled_from(_LOCKS).map(lambda lock: (lock, None)),
)
_RESTRICTIONS = [b"::::::nologin", b"::::::: nologin", b"::::::allow_nets=::1", b"::::::\xff"]
_TAILS = [b"", b"", b"::::::", b":::::::", b"::::::userdb_mail=x", *_RESTRICTIONS]


@st.composite
def files(draw: st.DrawFn, file_format: str, token: bytes) -> tuple[bytes, dict[bytes, Made]]:
    """Draw a password file that may be cut off, and how its stored values were made. Its first line has the token."""
    made: dict[bytes, Made] = {}
    lines = []
    for address, (stored, how) in draw(st.lists(st.tuples(addresses, _stored), min_size=4, max_size=12)):
        if how is not None:
            made[stored] = how
        name = address.encode() if draw(st.integers(0, 20)) else b"\xff" + address.encode()
        tail = draw(st.sampled_from(_TAILS)) if file_format == "dovecot" else b""
        lines.append(name + b":" + stored + tail)
    end = draw(st.sampled_from([b"\n", b"\n", b"\r\n", b"\n\n# comment\n"]))
    start = draw(st.sampled_from([b"", "\ufeff".encode()])) + token + end
    rest = b"".join(line + end for line in lines)
    cut = draw(st.one_of(st.just(len(rest)), st.integers(0, len(rest))))
    return start + rest[:cut], made


def guesses(address: str, password: bytes, dialect: str) -> list[bytes]:
    """Return lines for an account without their numbers: with its password, and with some that are nearly right."""
    nearly = [b"", password[:-1], password[:-1] + b"b", password[1:], password + b"a", password + b" "]
    nearly += [password.swapcase(), password.strip(), b" " + password]
    name = address.encode()
    lines = [b"VRFY %s %s" % (name, each) for each in [password, *nearly]]
    if dialect == "helper":
        lines += [b"VRFY %s %s" % (_quoted(name), _quoted(each)) for each in [password, *nearly]]
    lines += [_response(b"APOP", name, each) for each in (password, password[:-1])]
    lines += [_response(b"CRAM-MD5", name, each) for each in (password, password + b"a")]
    return lines


@st.composite
def requests(draw: st.DrawFn, dialect: str) -> bytes:
    """Draw a line without its number."""
    mode = draw(st.sampled_from([b"", b"", b"(IMAP) ", b"() "]))
    name, password = _spelled(draw, draw(addresses).encode(), dialect), draw(passwords)
    command = draw(st.sampled_from([b"VRFY", b"VRFY", b"CRAM-MD5", b"APOP"]))
    if command == b"VRFY":
        return b"VRFY " + mode + name + b" " + _spelled(draw, password, dialect)
    return _response(command, mode + name, password)


def _response(mechanism: bytes, name: bytes, password: bytes) -> bytes:
    challenge = b"<1@example.com>"
    return b"SASL(%s) %s %s %s" % (mechanism, name, respond(mechanism.decode(), password, challenge), challenge)


def _quoted(text: bytes) -> bytes:
    return b'"' + text.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


def _spelled(draw: st.DrawFn, text: bytes, dialect: str) -> bytes:
    """Return a field as it is, in quotes with few or with many escapes, or in quotes that may be broken."""
    style = draw(st.sampled_from(["raw", "raw", "few", "many", "broken"]))
    if style == "raw" or (dialect == "classic" and style != "broken"):
        return text
    if style == "few":
        return _quoted(text)
    if style == "many":
        return b'"' + b"".join(b"\\%03d" % byte for byte in text) + b'"'
    return b'"' + text + draw(st.sampled_from([b'"', b"", b'"x', b"\\", b'\\e"', b'\\000"', b'\\999"']))
