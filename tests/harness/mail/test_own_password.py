"""Own passwords: stored in clear text or as a hash, and checked with passwords and responses."""

from __future__ import annotations

import hashlib

import pytest

from extauth.harness.mail.own_password import OwnPassword, new_own_password
from extauth.model import Account, PasswordRequest, ResponseRequest, Secret

ALICE = Account("alice", "example.com")


@pytest.mark.parametrize(
    ("mechanism", "password", "challenge", "response"),
    [
        # RFC 2195, section 2, and RFC 1939, section 7
        (
            "CRAM-MD5",
            b"tanstaaftanstaaf",
            b"<1896.697170952@postoffice.reston.mci.net>",
            b"b913a602c7eda7a495b4e6e7334d3890",
        ),
        ("APOP", b"tanstaaf", b"<1896.697170952@dbc.mtview.ca.us>", b"c4c9334bac560ecc979e58001b3e22fb"),
    ],
)
def test_the_examples_of_the_rfcs_match(mechanism: str, password: bytes, challenge: bytes, response: bytes) -> None:
    right, upper, wrong = (
        ResponseRequest(ALICE, mechanism, Secret(given), Secret(challenge))
        for given in (response, response.upper(), response[:-1] + b"2")
    )
    own = OwnPassword(Secret(password))
    assert [own.matches(request) for request in (right, upper, wrong)] == [True, True, False]
    assert not new_own_password(Secret(password), "crypt").matches(right)


@pytest.mark.parametrize(
    "stored",
    [
        "$6$saltsalt$qFmFH.bQmmtXzyBY0s9v7Oicd2z4XSIecDzlB5KiA2/jctKu9YterLp8wwnSq.qc.eoxqOmSuNp2xS0ktL3nh/",
        "$1$saltsalt$qjXMvbEw8oaL.CzflDtaK/",
        "{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=",
        "{SSHA}yI6cZwQadOA1e+/f+T+H3eCQQhRzYWx0",
        "{MD5}X03MO1qnZdYdgyfeuILPmQ==",
    ],
)
def test_a_hash_matches_only_its_password(stored: str) -> None:
    own = OwnPassword(Secret(stored.encode()), is_hash=True)
    given = (b"password", b"passwor", b"password\0x", b"")
    assert [own.matches(PasswordRequest(ALICE, Secret(password))) for password in given] == [True, False, False, False]


def test_an_empty_password_matches_nothing() -> None:
    challenge = Secret(b"<1@localhost>")
    response = Secret(hashlib.md5(challenge.reveal(), usedforsecurity=False).hexdigest().encode())
    hash_of_empty = OwnPassword(Secret(b"{SHA}2jmj7l5rSw0yVb/vlWAYkK/YBwk="), is_hash=True)
    for own in (OwnPassword(Secret(b"")), hash_of_empty):
        assert not own.matches(PasswordRequest(ALICE, Secret(b"")))
        assert not own.matches(ResponseRequest(ALICE, "APOP", response, challenge))


@pytest.mark.parametrize("encryption", ["clear", "crypt"])
def test_a_new_password_is_stored_in_the_configured_form(encryption: str) -> None:
    own = new_own_password(Secret(b"new one"), encryption)  # type: ignore[arg-type]
    assert own.is_hash is (encryption == "crypt")
    assert own.matches(PasswordRequest(ALICE, Secret(b"new one")))
    assert not own.matches(PasswordRequest(ALICE, Secret(b"new on")))
