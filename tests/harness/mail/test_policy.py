"""Which addresses may connect, and which passwords are checked (docs/protocol.md, section 6)."""

from __future__ import annotations

from typing import Any

import pytest

from extauth.harness.mail.accounts import AccountSettings, MailAccount
from extauth.harness.mail.own_password import OwnPassword
from extauth.harness.mail.policy import Access, PasswordKind, RefusedLogin, allowed_access, passwords_to_check
from extauth.harness.mail.restrictions import read_address_range
from extauth.model import Account, CheckRequest, PasswordRequest, ResponseRequest, Secret

ALICE = Account("alice", "example.com")
OWN, OS, EXTERNAL = PasswordKind.OWN, PasswordKind.OS, PasswordKind.EXTERNAL
CLEAR = OwnPassword(Secret(b"tanstaaf"))
HASH = OwnPassword(Secret(b"$6$..."), is_hash=True)
EVERYTHING = {"use_own_password": True, "use_os_password": True, "use_external_password": True}


@pytest.mark.parametrize(
    ("cram_md5", "own", "settings", "over_tls", "expected"),
    [
        (False, CLEAR, EVERYTHING, False, [OWN, OS, EXTERNAL]),
        (False, HASH, EVERYTHING, False, [OWN, OS, EXTERNAL]),
        (False, None, EVERYTHING, False, [OS, EXTERNAL]),
        (False, CLEAR, {}, False, [OWN, EXTERNAL]),
        (False, CLEAR, {"use_own_password": False}, False, [EXTERNAL]),
        (False, CLEAR, {"use_external_password": False}, False, [OWN]),
        (False, None, {"use_external_password": False}, False, None),
        (False, CLEAR, {**EVERYTHING, "secure_method_required": True}, False, None),
        (False, CLEAR, {**EVERYTHING, "secure_method_required": True}, True, [OWN, OS, EXTERNAL]),
        (True, CLEAR, EVERYTHING, False, [OWN, EXTERNAL]),
        (True, HASH, EVERYTHING, False, [EXTERNAL]),
        (True, None, EVERYTHING, False, [EXTERNAL]),
        (True, CLEAR, {**EVERYTHING, "secure_method_required": True}, False, [OWN, EXTERNAL]),
        (True, CLEAR, {"use_own_password": False, "use_external_password": False}, False, None),
        (True, HASH, {"use_os_password": True, "use_external_password": False}, True, None),
    ],
)
def test_passwords_are_checked_in_order(
    cram_md5: bool,
    own: OwnPassword | None,
    settings: dict[str, Any],
    over_tls: bool,
    expected: list[PasswordKind] | None,
) -> None:
    request: CheckRequest = PasswordRequest(ALICE, Secret(b"x"))
    if cram_md5:
        request = ResponseRequest(ALICE, "CRAM-MD5", Secret(b"x"), Secret(b"y"))
    account = MailAccount(ALICE, AccountSettings(**settings), "alice", own)
    passwords = passwords_to_check(request, account, over_tls=over_tls)
    assert isinstance(passwords, RefusedLogin) if expected is None else passwords == expected


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
def test_access_with_grant_access_to_clients_only(
    protocol: str, address: str, clients_only: bool, expected: Access
) -> None:
    clients = [read_address_range("127.0.1.0/24"), read_address_range("::2")]
    assert allowed_access(protocol, address, clients_only=clients_only, clients=clients) is expected
