"""Passwords for the tests of this folder, and functions that identify and verify stored ones."""

from __future__ import annotations

from extauth.model import Secret, Verdict, VerdictResult
from extauth.passwords import StoredHash, identify

PASSWORDS = {
    "ascii": b"correct horse",
    "utf-8": "pässwörd für 10 €".encode(),
    "73-bytes": b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+-*/.,;:!?=",
}
PASSWORD = PASSWORDS["ascii"]
SALT22 = b"abcdefghijklmnopqrstu."
TEXT43 = b"A" * 43
TEXT86 = b"A" * 86


def identified(stored: bytes, default_scheme: str = "") -> StoredHash:
    result = identify(stored, default_scheme)
    assert isinstance(result, StoredHash), result
    return result


def refused(stored: bytes, default_scheme: str = "") -> VerdictResult:
    result = identify(stored, default_scheme)
    assert isinstance(result, VerdictResult), result
    return result


def verdict(stored: bytes, password: bytes, default_scheme: str = "") -> Verdict:
    return identified(stored, default_scheme).verify(Secret(password))
