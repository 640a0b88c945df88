"""Packed passwords give the same verdicts as the stored ones."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extauth.errors import BackendUnavailable
from extauth.model import Secret, Verdict, VerdictResult
from extauth.passwords import SLOW, Packed, StoredHash, identify, pack, unpack, verify_hash, verify_packed
from tests.examples import examples
from tests.passwords.stored_passwords import COSTLY, ORACLES, SCHEMES, Store

PASSWORD = b"correct horse"


def packed_gives_same_verdict(stored: bytes, password: bytes) -> bool:
    """Return whether the packed password gives the verdict of the stored one, both unpacked and packed."""
    expected = identify(stored)
    if isinstance(expected, VerdictResult):
        return True  # such values are not packed
    packed = pack(stored, expected)
    found = unpack(packed)
    assert isinstance(found, StoredHash)
    verdict = expected.verify(Secret(password))
    return (
        (found.scheme, found.cost, found.quick) == (expected.scheme, expected.cost, expected.quick)
        and (packed[0] < SLOW) == expected.quick
        and found.verify(Secret(password)) is verdict
        and verify_packed(packed, Secret(password)) is verdict
    )


def packed(stored: bytes, default_scheme: str = "") -> Packed:
    found = identify(stored, default_scheme)
    assert isinstance(found, StoredHash)
    return pack(stored, found)


@pytest.mark.parametrize(("id_", "store"), SCHEMES + ORACLES, ids=dict(SCHEMES + ORACLES))
def test_a_packed_password_gives_the_verdict_of_the_stored_one(id_: str, store: Store) -> None:
    stored = store(PASSWORD)
    for password in (PASSWORD, PASSWORD + b"~", *([] if id_ in COSTLY else [b"", PASSWORD + b"\0"])):
        assert packed_gives_same_verdict(stored, password)


def test_a_password_with_nul_is_wrong_even_if_stored() -> None:
    stored = b"{SHA256}" + base64.b64encode(hashlib.sha256(PASSWORD + b"\0").digest())
    assert verify_packed(packed(stored), Secret(PASSWORD + b"\0")) is Verdict.PASSWORD_MISMATCH
    assert verify_hash(stored, Secret(PASSWORD + b"\0")) is Verdict.PASSWORD_MISMATCH


@pytest.mark.parametrize(
    ("default_scheme", "stored"),
    [
        ("PLAIN", PASSWORD),
        ("CRYPT", dict(SCHEMES)["doveadm-DES-CRYPT"](PASSWORD).removeprefix(b"{DES-CRYPT}")),
        ("SHA256", base64.b64encode(hashlib.sha256(PASSWORD).digest())),
    ],
    ids=["PLAIN", "CRYPT", "SHA256"],
)
def test_the_default_scheme_applies_to_packed_passwords(default_scheme: str, stored: bytes) -> None:
    bare = packed(stored, default_scheme)
    assert verify_packed(bare, Secret(PASSWORD), default_scheme) is Verdict.OK
    assert verify_packed(bare, Secret(b"~" + PASSWORD), default_scheme) is Verdict.PASSWORD_MISMATCH
    found = unpack(bare, default_scheme)
    assert isinstance(found, StoredHash)
    assert found.verify(Secret(PASSWORD)) is Verdict.OK


def test_an_algorithm_missing_in_hashlib_is_not_available(monkeypatch: pytest.MonkeyPatch) -> None:
    def matches(value: bytes, password: bytes) -> bool:
        raise ValueError("disabled for FIPS")

    monkeypatch.setattr("extauth.passwords.packed._MATCHES", [matches])
    stored = b"{MD5}" + base64.b64encode(bytes(16))
    assert verify_packed(packed(stored), Secret(PASSWORD)) is Verdict.SCHEME_NOT_AVAILABLE


def test_missing_memory_makes_the_backend_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    def matches(value: bytes, password: bytes) -> bool:
        raise MemoryError

    monkeypatch.setattr("extauth.passwords.packed._MATCHES", [matches])
    with pytest.raises(BackendUnavailable):
        verify_packed(packed(b"{MD5}" + base64.b64encode(bytes(16))), Secret(PASSWORD))


@given(
    name=st.sampled_from(["MD5", "SMD5", "SHA", "ssha", "SHA256", "SSHA256", "SHA512", "SSHA512", "SHA.HEX", "PLAIN"]),
    digest=st.sampled_from([hashlib.md5, hashlib.sha1, hashlib.sha256, hashlib.sha512]),
    salt=st.sampled_from([b"", b"s", b"salt"]),
    encode=st.sampled_from([base64.b64encode, bytes.hex, base64.b32encode, lambda value: value]),
    suffix=st.sampled_from([b"", b"", b"=", b" ", b"}", b"\n"]),
    chosen=st.sampled_from([b"open", b"open\0"]),
    password=st.sampled_from([b"", b"open", b"open\0", b"other"]),
)
@examples(1_000)
def test_a_packed_digest_gives_the_verdict_of_any_spelling(
    name: str,
    digest: Callable[[bytes], hashlib._Hash],
    salt: bytes,
    encode: Callable[[bytes], bytes | str],
    suffix: bytes,
    chosen: bytes,
    password: bytes,
) -> None:
    text = encode(digest(chosen + salt).digest() + salt)
    stored = b"{%s}%s%s" % (name.encode(), text.encode() if isinstance(text, str) else text, suffix)
    assert packed_gives_same_verdict(stored, password)
