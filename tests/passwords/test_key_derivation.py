"""Argon2 and scrypt: the parts of argon2-cffi and hashlib that we rely on."""

from __future__ import annotations

import base64
import hashlib
import time

import argon2
import pytest

from extauth.model import Verdict
from extauth.passwords.key_derivation import Argon2Parameters, argon2_tag
from tests.passwords.checks import verdict


def test_context_of_argon2_has_the_known_fields() -> None:
    fields = [name for name, _ in argon2.low_level.ffi.typeof("argon2_context").fields]
    inputs = ["out", "outlen", "pwd", "pwdlen", "salt", "saltlen", "secret", "secretlen", "ad", "adlen"]
    assert fields == [
        *inputs,
        *("t_cost", "m_cost", "lanes", "threads", "version", "allocate_cbk", "free_cbk", "flags"),
    ]
    assert {"I", "D", "ID"} <= {kind.name for kind in argon2.low_level.Type}


def test_argon2_that_cannot_be_computed_raises_memory_error() -> None:
    with pytest.raises(MemoryError):
        argon2_tag(b"word", b"saltsalt", 16, Argon2Parameters("ID", version=19, memory=7, passes=1, lanes=1))


@pytest.mark.parametrize("variant", ["I", "D", "ID"])
@pytest.mark.parametrize("version", [16, 19])
def test_argon2_without_threads_computes_the_usual_tag(variant: str, version: int) -> None:
    tag = argon2.low_level.hash_secret_raw(
        b"pass\0word",
        b"saltsalt",
        time_cost=2,
        memory_cost=64,
        parallelism=4,
        hash_len=33,
        type=argon2.low_level.Type[variant],
        version=version,
    )
    parameters = Argon2Parameters(variant, version, memory=64, passes=2, lanes=4)
    assert argon2_tag(b"pass\0word", b"saltsalt", 33, parameters) == tag


def test_argon2_uses_the_calling_thread_alone() -> None:
    before = time.thread_time(), time.process_time()
    argon2_tag(b"word", b"saltsalt", 32, Argon2Parameters("ID", version=19, memory=65536, passes=2, lanes=4))
    in_thread, in_process = time.thread_time() - before[0], time.process_time() - before[1]
    assert in_thread > in_process / 2


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
