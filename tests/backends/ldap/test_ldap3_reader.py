"""The second reader: a bind counts as accepted only if ldap3 reads the same."""

from __future__ import annotations

import pytest
from ldap3.utils import asn1

from extauth.backends.ldap.ber import InvalidResponse
from extauth.backends.ldap.ldap3_reader import reads_accepted_bind
from extauth.backends.ldap.messages import POLICY_CONTROL, decode_message
from tests.backends.ldap.ldap_servers import BIND_RESPONSE, SEARCH_DONE, element, result

NUMBER = b"\x02\x01\x07"
POLICY = element(0xA0, element(0x30, element(0x04, POLICY_CONTROL.encode()) + element(0x04, b"\x30\x00")))


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([NUMBER, result(BIND_RESPONSE, 0)], True),
        ([NUMBER, result(BIND_RESPONSE, 0, "welcome"), POLICY], True),
        ([b"\x02\x04\0\0\0\x07", result(BIND_RESPONSE, 0)], True),
        ([b"\x02\x04\0\0\0\x08", result(BIND_RESPONSE, 0)], False),
        ([b"\x02\x04\0\0\0\x07", result(BIND_RESPONSE, 1)], False),
        ([NUMBER, result(BIND_RESPONSE, 49)], False),
        ([NUMBER, result(SEARCH_DONE, 0)], False),
        ([b"\x02\x01\x08", result(BIND_RESPONSE, 0)], False),
        ([NUMBER, element(0x61, b"\x02\x01\x00\x04\x00\x04\x00")], False),
        ([NUMBER, element(0x61, b"")], False),
        ([NUMBER], False),
        ([], False),
    ],
)
def test_only_an_accepted_bind_is_read_as_one(parts: list[bytes], expected: bool) -> None:
    assert reads_accepted_bind(element(0x30, b"".join(parts)), 7) is expected


def test_ldap3_has_the_decoder_that_is_used() -> None:
    data = element(0x30, NUMBER + result(BIND_RESPONSE, 0))
    found = asn1.decode_message_fast(data)  # type: ignore[no-untyped-call]  # missing in the type stubs
    assert (found["messageID"], found["protocolOp"], found["payload"][0][2:]) == (7, 1, (10, 0))


@pytest.mark.parametrize("number", [NUMBER, b"\x02\x04\x40\0\0\x07"])
def test_an_acceptance_that_ldap3_does_not_read_is_invalid(monkeypatch: pytest.MonkeyPatch, number: bytes) -> None:
    message = element(0x30, number + result(BIND_RESPONSE, 0, "only in this test"))
    monkeypatch.setattr(asn1, "decode_message_fast", lambda _: {"payload": []})
    with pytest.raises(InvalidResponse, match="ldap3"):
        decode_message(message)
