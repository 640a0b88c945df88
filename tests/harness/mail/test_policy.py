"""Who may connect, and which passwords are asked (docs/protocol.md, section 6)."""

from __future__ import annotations

import hashlib
from ipaddress import ip_network
from typing import Any

import pytest

from extauth.harness.mail.accounts import AccountSettings, MailAccount
from extauth.harness.mail.own_password import OwnPassword, store
from extauth.harness.mail.policy import Access, Password, Refused, access, passwords_to_ask
from extauth.model import Account, CheckRequest, PasswordRequest, ResponseRequest, Secret

ALICE = Account("alice", "example.com")
OWN, OS, EXTERNAL = Password.OWN, Password.OS, Password.EXTERNAL
CLEAR = OwnPassword(Secret(b"tanstaaf"))
ONE_WAY = OwnPassword(Secret(b"$6$..."), one_way=True)
EVERYTHING = {"use_own_password": True, "use_os_password": True, "use_external_password": True}


@pytest.mark.parametrize(
    ("secure", "own", "settings", "over_tls", "asked"),
    [
        (False, CLEAR, EVERYTHING, False, [OWN, OS, EXTERNAL]),
        (False, ONE_WAY, EVERYTHING, False, [OWN, OS, EXTERNAL]),
        (False, None, EVERYTHING, False, [OS, EXTERNAL]),
        (False, CLEAR, {}, False, [OWN, EXTERNAL]),
        (False, CLEAR, {"use_own_password": False}, False, [EXTERNAL]),
        (False, CLEAR, {"use_external_password": False}, False, [OWN]),
        (False, None, {"use_external_password": False}, False, None),
        (False, CLEAR, {**EVERYTHING, "secure_method_required": True}, False, None),
        (False, CLEAR, {**EVERYTHING, "secure_method_required": True}, True, [OWN, OS, EXTERNAL]),
        (True, CLEAR, EVERYTHING, False, [OWN, EXTERNAL]),
        (True, ONE_WAY, EVERYTHING, False, [EXTERNAL]),
        (True, None, EVERYTHING, False, [EXTERNAL]),
        (True, CLEAR, {**EVERYTHING, "secure_method_required": True}, False, [OWN, EXTERNAL]),
        (True, CLEAR, {"use_own_password": False, "use_external_password": False}, False, None),
        (True, ONE_WAY, {"use_os_password": True, "use_external_password": False}, True, None),
    ],
)
def test_the_passwords_that_are_asked_and_their_order(
    secure: bool, own: OwnPassword | None, settings: dict[str, Any], over_tls: bool, asked: list[Password] | None
) -> None:
    question: CheckRequest = PasswordRequest(ALICE, Secret(b"x"))
    if secure:
        question = ResponseRequest(ALICE, "CRAM-MD5", Secret(b"x"), Secret(b"y"))
    account = MailAccount(ALICE, AccountSettings(**settings), "alice", own)
    passwords = passwords_to_ask(question, account, over_tls=over_tls)
    assert isinstance(passwords, Refused) if asked is None else passwords == asked


@pytest.mark.parametrize(
    ("protocol", "address", "clients_only", "expected"),
    [
        ("POP", "127.0.0.2", False, Access.FULL),
        ("POP", "127.0.0.1", True, Access.FULL),
        ("IMAP", "::1", True, Access.FULL),
        ("POP", "127.0.0.2", True, Access.NONE),
        ("IMAP", "127.0.0.2", True, Access.NONE),
        ("PWD", "127.0.0.2", True, Access.NONE),
        ("SMTP", "127.0.0.2", True, Access.NO_LOGIN),
        ("SMTP", "127.0.0.1", True, Access.FULL),
        ("POP", "127.0.1.9", True, Access.FULL),
        ("SMTP", "127.0.1.9", True, Access.FULL),
        ("POP", "127.0.2.1", True, Access.NONE),
    ],
)
def test_where_access_is_granted_to_clients_only(
    protocol: str, address: str, clients_only: bool, expected: Access
) -> None:
    clients = [ip_network("127.0.1.0/24"), ip_network("::2")]
    assert access(protocol, address, clients_only=clients_only, clients=clients) is expected


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
def test_an_own_password_answers_the_challenges_of_the_rfcs(
    mechanism: str, password: bytes, challenge: bytes, response: bytes
) -> None:
    right, upper, wrong = (
        ResponseRequest(ALICE, mechanism, Secret(given), Secret(challenge))
        for given in (response, response.upper(), response[:-1] + b"2")
    )
    own = OwnPassword(Secret(password))
    assert [own.answers(question) for question in (right, upper, wrong)] == [True, True, False]
    assert not store(Secret(password), "crypt").answers(right)


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
def test_a_hash_is_checked(stored: str) -> None:
    own = OwnPassword(Secret(stored.encode()), one_way=True)
    given = (b"password", b"passwor", b"password\0x", b"")
    assert [own.answers(PasswordRequest(ALICE, Secret(password))) for password in given] == [True, False, False, False]


def test_an_empty_password_answers_nothing() -> None:
    challenge = Secret(b"<1@localhost>")
    response = Secret(hashlib.md5(challenge.reveal(), usedforsecurity=False).hexdigest().encode())
    of_the_empty_one = OwnPassword(Secret(b"{SHA}2jmj7l5rSw0yVb/vlWAYkK/YBwk="), one_way=True)
    for own in (OwnPassword(Secret(b"")), of_the_empty_one):
        assert not own.answers(PasswordRequest(ALICE, Secret(b"")))
        assert not own.answers(ResponseRequest(ALICE, "APOP", response, challenge))


@pytest.mark.parametrize("encryption", ["clear", "crypt"])
def test_a_new_password_is_stored_as_it_shall_be(encryption: str) -> None:
    own = store(Secret(b"new one"), encryption)  # type: ignore[arg-type]
    assert own.one_way is (encryption == "crypt")
    assert own.answers(PasswordRequest(ALICE, Secret(b"new one")))
    assert not own.answers(PasswordRequest(ALICE, Secret(b"new on")))
