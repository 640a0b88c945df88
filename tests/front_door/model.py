"""A small model of the helper, written from docs/protocol.md and docs/files.md. It uses no code of extauth.

It knows which password a stored value was made from, so it computes no hashes.
"""

from __future__ import annotations

import hashlib
import hmac
import string
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass

OK = b"OK"
NEGATIVE = b"ERROR incorrect password"
MALFORMED = b"ERROR malformed request"

DOMAINS = {
    "example.com": "example.com",
    "Example.COM": "example.com",
    "example.com.": "example.com",
    "bücher.example": "xn--bcher-kva.example",
    unicodedata.normalize("NFD", "Bücher.Example"): "xn--bcher-kva.example",
    "xn--bcher-kva.example": "xn--bcher-kva.example",
    "example.org": "example.org",
    "elsewhere.example": None,
    "-": None,
}
"""Spellings of domains, and the domain that each means. None: no backend serves it."""

BACKENDS = {"example.com": "plain", "xn--bcher-kva.example": "plain", "example.org": "dovecot"}
"""The format of the password file of each domain."""

DEFAULT_DOMAIN = "example.com"

Key = tuple[str, str | None]  # name and domain; None in an entry without a domain


class Malformed(Exception):
    """The line is no request."""


@dataclass
class Made:
    """How a stored value was made. `same` brings a password into the form in which the scheme compares it.

    A login with a password of more than `longest` bytes is refused.
    """

    password: bytes
    same: Callable[[bytes], bytes]
    longest: int = 1 << 20
    mechanisms: tuple[str, ...] = ()

    def accepts(self, password: bytes) -> bool:
        """Return whether `password` is right."""
        return 0 < len(password) <= self.longest and self.same(password) == self.same(self.password)


class Model:
    """The password files, and what the helper must reply. `made`: stored values and how each was made."""

    def __init__(self, files: Mapping[str, bytes], made: Mapping[bytes, Made]) -> None:
        self._made = made
        self._entries = {file_format: self._read(content, file_format) for file_format, content in files.items()}

    def reply(self, line: bytes, dialect: str) -> bytes:
        """Return the reply to a line, without its number."""
        _, command, fields = line.split(b" ", 2)
        quoting = dialect == "helper"
        try:
            address, rest = _address(fields, quoting)
            key = canonical(address)
            if command == b"VRFY":
                password = _whole(rest, quoting)
                _no_line_ends(password)
                made = self._find(key)
                return OK if made is not None and made.accepts(password) else NEGATIVE
            response, challenge = _field(rest, quoting)
            challenge = _whole(challenge, quoting)
            _no_line_ends(response + challenge)
            if not response or not challenge:
                raise Malformed
        except Malformed:
            return MALFORMED
        made, mechanism = self._find(key), command[5:-1].decode()
        if made is None or mechanism not in made.mechanisms:
            return NEGATIVE
        return OK if response.lower() == respond(mechanism, made.password, challenge).lower() else NEGATIVE

    def _find(self, key: Key) -> Made | None:
        name, domain = key
        if domain is None:
            return None
        entries = self._entries[BACKENDS[domain]]
        stored = entries[name, domain] if (name, domain) in entries else entries.get((name, None))
        return None if stored is None else self._usable(stored)

    def _usable(self, stored: bytes) -> Made | None:
        if stored.startswith(b"{PLAIN}"):
            return Made(stored[7:], bytes, mechanisms=("CRAM-MD5", "APOP")) if stored[7:] else None
        return self._made.get(stored)

    def _read(self, content: bytes, file_format: str) -> dict[Key, bytes | None]:
        """Return the entries of a file. None: several lines are for this account, or its line restricts it."""
        entries: dict[Key, bytes | None] = {}
        for line in content.removeprefix("\ufeff".encode()).split(b"\n"):
            entry = line.rstrip(b"\r")
            if not entry or entry.startswith(b"#") or b":" not in entry:
                continue
            address, stored = entry.split(b":", 1)
            try:
                text = address.decode()
                key = canonical(text) if "@" in text else (_name(text), None)
            except (UnicodeDecodeError, Malformed):
                continue
            if "@" in text and key[1] is None:
                continue
            restricted = False
            if file_format == "dovecot":
                extra = entry.split(b":", 7)[7:]
                restricted = any(_restricts(field.strip(b":")) for field in b"".join(extra).split())
                stored = stored.split(b":")[0]
            entries[key] = None if restricted or key in entries else stored
        return entries


def canonical(address: str) -> Key:
    """Return the account of an address. The domain is None if no backend serves it."""
    name, at, domain = address.rpartition("@")
    if not at:
        name, domain = domain, DEFAULT_DOMAIN
    if not domain or _has_control(domain):
        raise Malformed
    return _name(name), DOMAINS.get(domain)


def respond(mechanism: str, password: bytes, challenge: bytes) -> bytes:
    """Return the response of a client that knows the password."""
    if mechanism == "APOP":
        return hashlib.md5(challenge + password).hexdigest().encode()  # noqa: S324  # APOP is MD5
    return hmac.new(password, challenge, "md5").hexdigest().encode()


def _name(name: str) -> str:
    if not name or _has_control(name):
        raise Malformed
    return "".join(letter.lower() if letter in string.ascii_uppercase else letter for letter in name)


def _has_control(text: str) -> bool:
    return any(ord(letter) < 32 or 127 <= ord(letter) < 160 for letter in text)


def _restricts(field: bytes) -> bool:
    return bool(field) and not field.startswith(b"userdb_")


def _address(fields: bytes, quoting: bool) -> tuple[str, bytes]:
    mode, space, rest = fields.partition(b" ")
    if mode.startswith(b"(") and mode.endswith(b")") and space:
        fields = rest
    address, rest_or_none = _field(fields, quoting)
    try:
        return address.decode(), rest_or_none
    except UnicodeDecodeError:
        raise Malformed from None


def _field(fields: bytes, quoting: bool) -> tuple[bytes, bytes]:
    """Return the first field, and the rest after one space."""
    if quoting and fields.startswith(b'"'):
        field, rest = _decode(fields)
        if not rest.startswith(b" "):
            raise Malformed
        return field, rest[1:]
    field, space, rest = fields.partition(b" ")
    if not space:
        raise Malformed
    return field, rest


def _whole(field: bytes, quoting: bool) -> bytes:
    if not quoting or not field.startswith(b'"'):
        return field
    text, rest = _decode(field)
    if rest:
        raise Malformed
    return text


def _decode(field: bytes) -> tuple[bytes, bytes]:
    """Decode the quoted string at the start of `field`, byte by byte. Return the string and the rest."""
    text, place = bytearray(), 1
    while place < len(field):
        byte = field[place : place + 1]
        if byte == b'"':
            return bytes(text), field[place + 1 :]
        if byte != b"\\":
            text += byte
            place += 1
            continue
        escape = field[place + 1 : place + 2]
        digits = field[place + 1 : place + 4]
        named = {b"r": 13, b"n": 10, b"t": 9, b"e": 10, b'"': 34, b"\\": 92}
        if escape in named:
            text.append(named[escape])
            place += 2
        elif len(digits) == 3 and digits.isdigit() and int(digits) < 256:
            text.append(int(digits))
            place += 4
        else:
            raise Malformed
    raise Malformed


def _no_line_ends(value: bytes) -> None:
    if any(byte in value for byte in b"\0\r\n"):
        raise Malformed
