"""A stored password checked in one step, if that is quick: it says what reading it and then verifying says."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extauth.hashing import identify, verify_if_quick
from extauth.model import Decided, Secret, Verdict
from tests.stored_passwords import ORACLES, SCHEMES, Store

PASSWORD = b"correct horse"


def if_quick(stored: bytes, password: bytes, default: str = "") -> Verdict | Decided | None:
    """What is to come out where it is read first."""
    found = identify(stored, default)
    if isinstance(found, Decided):
        return found
    return found.verify(Secret(password)) if found.quick else None


@pytest.mark.parametrize("store", dict(SCHEMES + ORACLES).values(), ids=dict(SCHEMES + ORACLES))
def test_a_check_if_quick_says_what_reading_and_verifying_says(store: Store) -> None:
    stored = store(PASSWORD)
    for password in (PASSWORD, b"", PASSWORD + b"~", PASSWORD + b"\0"):
        assert verify_if_quick(stored, Secret(password)) == if_quick(stored, password)


def test_a_password_that_holds_a_nul_is_wrong_even_where_its_digest_is_stored() -> None:
    stored = b"{SHA256}" + base64.b64encode(hashlib.sha256(PASSWORD + b"\0").digest())
    assert verify_if_quick(stored, Secret(PASSWORD + b"\0")) is Verdict.PASSWORD_MISMATCH
    assert if_quick(stored, PASSWORD + b"\0") is Verdict.PASSWORD_MISMATCH


@given(
    name=st.sampled_from(["MD5", "SMD5", "SHA", "ssha", "SHA256", "SSHA256", "SHA512", "SSHA512", "SHA.HEX", "PLAIN"]),
    digest=st.sampled_from([hashlib.md5, hashlib.sha1, hashlib.sha256, hashlib.sha512]),
    salt=st.sampled_from([b"", b"s", b"salt"]),
    encode=st.sampled_from([base64.b64encode, bytes.hex, base64.b32encode, lambda value: value]),
    behind=st.sampled_from([b"", b"", b"=", b" ", b"}", b"\n"]),
    chosen=st.sampled_from([b"open", b"open\0"]),
    password=st.sampled_from([b"", b"open", b"open\0", b"other"]),
)
@settings(max_examples=1_000)
def test_a_check_if_quick_says_so_of_a_digest_however_it_is_written(
    name: str,
    digest: Callable[[bytes], hashlib._Hash],
    salt: bytes,
    encode: Callable[[bytes], bytes | str],
    behind: bytes,
    chosen: bytes,
    password: bytes,
) -> None:
    text = encode(digest(chosen + salt).digest() + salt)
    stored = b"{%s}%s%s" % (name.encode(), text.encode() if isinstance(text, str) else text, behind)
    assert verify_if_quick(stored, Secret(password)) == if_quick(stored, password)
