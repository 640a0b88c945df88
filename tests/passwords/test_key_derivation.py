"""Argon2 and scrypt: the parts of argon2-cffi and hashlib that we rely on."""

from __future__ import annotations

import base64
import hashlib
import inspect

import argon2
import pytest

from extauth.model import Verdict
from tests.passwords.checks import verdict


def test_argon2_low_level_still_takes_our_arguments() -> None:
    parameters = list(inspect.signature(argon2.low_level.hash_secret_raw).parameters)
    assert parameters[:2] == ["secret", "salt"]
    assert {"time_cost", "memory_cost", "parallelism", "hash_len", "type", "version"} <= set(parameters)
    assert {"I", "D", "ID"} <= {kind.name for kind in argon2.low_level.Type}


def test_argon2_reports_missing_memory_and_threads_as_hashing_error() -> None:
    assert issubclass(argon2.exceptions.HashingError, Exception)
    with pytest.raises(argon2.exceptions.HashingError):
        argon2.low_level.hash_secret_raw(
            b"word",
            b"saltsalt",
            time_cost=1,
            memory_cost=7,
            parallelism=1,
            hash_len=16,
            type=argon2.low_level.Type.ID,
            version=19,
        )


def test_argon2_computes_the_tag_of_the_reference_implementation() -> None:
    # echo -n password | argon2 somesalt -t 2 -m 16 -p 4 -l 24, from the README of phc-winner-argon2
    stored = b"$argon2i$v=19$m=65536,t=2,p=4$c29tZXNhbHQ$" + base64.b64encode(
        bytes.fromhex("45d7ac72e76f242b20b77b9bf9bf9d5915894e669a24e6c6")
    )
    assert verdict(stored, b"password") is Verdict.OK
    assert verdict(stored, b"passwore") is Verdict.PASSWORD_MISMATCH


def test_scrypt_reports_an_invalid_cost_as_value_error() -> None:
    with pytest.raises(ValueError, match="n must be"):
        hashlib.scrypt(b"word", salt=b"salt", n=3, r=1, p=1)


def test_scrypt_computes_the_key_of_rfc_7914() -> None:
    # section 12, the third vector; the first 32 of its 64 bytes
    key = base64.b64encode(bytes.fromhex("fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162"))
    stored = b"$scrypt$ln=10,r=8,p=16$TmFDbA$" + key.rstrip(b"=")
    assert verdict(stored, b"password") is Verdict.OK
    assert verdict(stored, b"passwore") is Verdict.PASSWORD_MISMATCH
