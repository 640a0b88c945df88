"""A second reader of the message that lets a user in: ldap3.

extauth reads what servers send with its own strict code. A mistake there could accept a wrong password. So a bind is
accepted only if ldap3, an independent implementation, reads the same. test_ldap3_reader.py fails if ldap3 changes.
"""

from __future__ import annotations

from functools import lru_cache

from ldap3.utils import asn1

from extauth.backends.ldap.messages import without_number

_BIND_RESPONSE = 1
_ENUMERATED = 10
_FOUR_BYTES = b"\x02\x04"  # the header of a number of four bytes


def reads_accepted_bind(message: bytes, number: int) -> bool:
    """Return whether ldap3 reads a whole message as the acceptance of the bind with this number.

    Most acceptances differ only in the number, and are read once.
    """
    if message[2:8] == _FOUR_BYTES + number.to_bytes(4, "big"):
        return _reads_kept(without_number(message))
    return _reads(message, number)


@lru_cache(maxsize=128)
def _reads_kept(message: bytes) -> bool:
    return _reads(message, 1)


def _reads(message: bytes, number: int) -> bool:
    try:
        found = asn1.decode_message_fast(message)  # type: ignore[no-untyped-call]
        _, _, kind, code = found["payload"][0]
    except Exception:  # noqa: BLE001  # whatever ldap3 raises: it has not read an acceptance
        return False
    is_bind = found["messageID"] == number and found["protocolOp"] == _BIND_RESPONSE
    return bool(is_bind and kind == _ENUMERATED and code == 0)
