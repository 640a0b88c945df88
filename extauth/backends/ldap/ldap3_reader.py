"""A second reader of the message that lets a user in: ldap3.

extauth reads what servers send with its own strict code. A mistake there could accept a wrong password. So a bind is
accepted only if ldap3, an independent implementation, reads the same. test_ldap3_reader.py fails if ldap3 changes.
"""

from __future__ import annotations

from functools import lru_cache

from ldap3.utils import asn1

_BIND_RESPONSE = 1
_ENUMERATED = 10
_NUMBER = 2**30


def reads_accepted_bind(message: bytes, number: int) -> bool:
    """Return whether ldap3 reads a whole message as the acceptance of the bind with this number.

    Most acceptances have no text and no control. Then they differ only in the number, and are read once.
    """
    if message == _shortest(number):
        return _shortest_is_read()
    return _reads(message, number)


def _shortest(number: int) -> bytes:
    """Return the shortest message that accepts a bind."""
    return b"\x30\x0f\x02\x04" + number.to_bytes(4, "big") + b"\x61\x07\x0a\x01\x00\x04\x00\x04\x00"


@lru_cache(maxsize=1)
def _shortest_is_read() -> bool:
    return _reads(_shortest(_NUMBER), _NUMBER)


def _reads(message: bytes, number: int) -> bool:
    try:
        found = asn1.decode_message_fast(message)  # type: ignore[no-untyped-call]
        _, _, kind, code = found["payload"][0]
    except Exception:  # noqa: BLE001  # whatever ldap3 raises: it has not read an acceptance
        return False
    is_bind = found["messageID"] == number and found["protocolOp"] == _BIND_RESPONSE
    return bool(is_bind and kind == _ENUMERATED and code == 0)
