"""The requests that a login takes, as they travel (RFC 4511, section 4), for ldap3.

ldap3 would first make objects of all their elements, which takes it longer than all the rest.
"""

from __future__ import annotations

from extauth.backends.ldap.engine import MOST_ENTRIES, POLICY_CONTROL, Scope

_SCOPES: dict[Scope, int] = {"base": 0, "one": 1, "subtree": 2}


def bind_request(number: int, dn: str, password: bytes) -> bytes:
    """A simple bind that asks for the password policy's control."""
    return _message(number, 0x60, _VERSION_3 + _octets(dn.encode()) + _element(0x80, password), _ASK_FOR_POLICY)


def search_request(number: int, base: str, scope: Scope, filter: bytes, attributes: tuple[str, ...]) -> bytes:
    """A search for no more than MOST_ENTRIES, and in no aliases; `filter` is there as it travels."""
    wanted = b"".join(_octets(attribute.encode()) for attribute in attributes or ("1.1",))  # section 4.5.1.8
    where = _octets(base.encode()) + _element(0x0A, bytes([_SCOPES[scope]])) + _NO_ALIASES
    return _message(number, 0x63, where + _LIMITS + filter + _element(0x30, wanted))


def _message(number: int, tag: int, operation: bytes, controls: bytes = b"") -> bytes:
    return _element(0x30, _integer(number) + _element(tag, operation) + controls)


def _element(tag: int, content: bytes) -> bytes:
    """A tag, a length and what it is that of (X.690, section 8.1)."""
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    long_size = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(long_size))) + long_size + content


def _octets(value: bytes) -> bytes:
    return _element(0x04, value)


def _integer(value: int) -> bytes:
    """A number that is not negative: its first bit would be the sign."""
    return _element(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


_VERSION_3 = _integer(3)
_NO_ALIASES = _element(0x0A, b"\0")
_LIMITS = _integer(MOST_ENTRIES) + _integer(0) + _element(0x01, b"\0")  # no time limit; values too, not types alone
_ASK_FOR_POLICY = _element(0xA0, _element(0x30, _octets(POLICY_CONTROL.encode())))
