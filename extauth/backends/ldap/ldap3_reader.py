"""A second reader of the message that lets a user in: ldap3.

extauth reads what servers send with its own strict code. A mistake there could accept a wrong password. So a bind is
accepted only if ldap3, an independent implementation, reads the same. test_ldap3_reader.py fails if ldap3 changes.
"""

from __future__ import annotations

from ldap3.utils import asn1

_BIND_RESPONSE = 1
_ENUMERATED = 10


def reads_accepted_bind(message: bytes, number: int) -> bool:
    """Return whether ldap3 reads a whole message as the acceptance of the bind with this number."""
    try:
        found = asn1.decode_message_fast(message)  # type: ignore[no-untyped-call]
        _, _, kind, code = found["payload"][0]
    except Exception:  # noqa: BLE001  # whatever ldap3 raises: it has not read an acceptance
        return False
    is_bind = found["messageID"] == number and found["protocolOp"] == _BIND_RESPONSE
    return bool(is_bind and kind == _ENUMERATED and code == 0)
