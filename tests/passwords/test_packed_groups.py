"""Stored passwords with one group key have one scheme and cost for `identify`."""

from __future__ import annotations

import base64
import random

import pytest

from extauth.passwords import StoredHash, group_keys, identify
from extauth.passwords.packed import _pattern
from tests.passwords.stored_passwords import SCHEMES


def test_one_group_key_means_one_scheme_and_cost() -> None:
    kinds: dict[bytes, tuple[str, str | int] | None] = {}
    rng = random.Random(1)
    letters = b"./0123456789ABCXYZabcxyz$={}+-:"
    with_key = 0
    for _, store in SCHEMES:
        stored = store(b"open sesame")
        variants = [stored] * 2
        for _ in range(300):
            changed = bytearray(stored)
            place, length = rng.randrange(len(changed)), rng.choice((0, 1, 1, 1, 2))
            changed[place : place + length] = bytes(rng.choices(letters, k=rng.choice((0, 1, 1, 1, 2))))
            variants.append(bytes(changed))
        for variant in variants:
            (key,) = group_keys([variant])
            if key is None:
                continue
            with_key += 1
            found = identify(variant)
            kind = (found.scheme, found.cost) if isinstance(found, StoredHash) else None
            assert kinds.setdefault(key, kind) == kind, variant
    assert with_key > 1_000
    assert {b"{SHA}", b"{SSHA}", b"$6$", b"$1$", b"$apr1$"} <= set(kinds)


def test_values_without_a_key_leave_nothing_in_the_cache() -> None:
    group_keys([b"{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ="])
    cached = _pattern.cache_info().currsize
    assert group_keys([b"pass%dword$" % number for number in range(100)]) == [None] * 100
    assert _pattern.cache_info().currsize == cached > 0


@pytest.mark.parametrize("scheme", ["SHA", "SSHA", "SHA256", "SSHA256", "SHA512", "SSHA512"])
def test_a_digest_of_another_length_has_no_key(scheme: str) -> None:
    for size in range(1, 100):
        stored = b"{%s}%s" % (scheme.encode(), base64.b64encode(b"x" * size))
        assert group_keys([stored]) == [None] or isinstance(identify(stored), StoredHash), size
