"""The passwords that the mail server checks for a login, and their order."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.backends.pam.services import Services, build, hashed
from tests.harness.mail.server import MailServer
from tests.harness.mail.site import log_in
from tests.harness.programs import program

NEEDS_TLS = "clear-text password without TLS, and Secure Method Required is on"
NO_PASSWORD = "no enabled password can be checked with this mechanism"  # a log text


@pytest.mark.parametrize(
    ("name", "password", "record", "request_to_the_helper"),
    [
        ("alice@example.com", "own one", "logged in: own OK", ""),
        ("alice@example.com", "external one", "logged in: own ERROR, External OK", "VRFY {} ***"),
        ("alice@example.com", "wrong", "refused: own ERROR, External ERROR", "VRFY {} ***"),
        ("hashed@example.com", "password", "logged in: own OK", ""),
        ("empty@example.com", "", f"refused: {NO_PASSWORD}", ""),
        ("closed@example.com", "external one", f"refused: {NO_PASSWORD}", ""),
        ("strict@example.com", "external one", f"refused: {NEEDS_TLS}", ""),
        ("bob@example.org", "external one", f"refused: {NEEDS_TLS}", ""),
        ("system@example.com", "own one", "logged in: own OK", ""),
        ("system@example.com", "os one", "logged in: own ERROR, OS OK", ""),
        ("system@example.com", "external one", "logged in: own ERROR, OS ERROR, External OK", "VRFY {} ***"),
        ("stranger@example.com", "external one", "refused: unknown account", ""),
        ("alice@elsewhere.example", "own one", "refused: unknown account", ""),
        ("alice@example.org", "the other alice", "logged in: own OK", ""),
        ("odd name@example.com", "external one", "refused: External not asked", ""),
    ],
)
def test_clear_text_passwords(
    mail_server: MailServer, name: str, password: str, record: str, request_to_the_helper: str
) -> None:
    requests = [request_to_the_helper.format(name)] if request_to_the_helper else []
    assert log_in(mail_server, name, password, apop=False) == (f"{name} {record}", requests)


@pytest.mark.parametrize(
    ("name", "password", "record", "asks_the_helper"),
    [
        ("alice@example.com", "own one", "logged in: own OK", False),
        ("alice@example.com", "external one", "logged in: own ERROR, External OK", True),
        ("hashed@example.com", "password", f"refused: {NO_PASSWORD}", False),
        ("strict@example.com", "external one", "logged in: External OK", True),
        ("system@example.com", "os one", "refused: own ERROR, External ERROR", True),
        ("stranger@example.com", "external one", "refused: unknown account", False),
    ],
)
def test_apop_logins(mail_server: MailServer, name: str, password: str, record: str, asks_the_helper: bool) -> None:
    requests = [f"SASL(APOP) {name} *** <>"] if asks_the_helper else []
    assert log_in(mail_server, name, password, apop=True) == (f"{name} {record}", requests)


def test_an_os_user_with_an_empty_password_cannot_log_in(tmp_path: Path) -> None:
    services = Services(tmp_path / "pam.d")
    services.write("login", "auth required pam_unix.so nullok nodelay", "account required pam_unix.so")
    stored = {"u-empty": "", "u-set": hashed("os one")[0]}
    for file, entries in (
        ("passwd", [f"{user}:x:2000:2000::/:/bin/sh" for user in stored]),
        ("shadow", [f"{user}:{password}:20000:0:99999:7:::" for user, password in stored.items()]),
    ):
        (tmp_path / file).write_text("".join(f"{entry}\n" for entry in entries))
    environment = os.environ | {"LD_PRELOAD": str(build("users.c", tmp_path)), "PAM_USERS": str(tmp_path)}
    accounts = """\
pam_service_folder = "pam.d"
[defaults]
use_os_password = true
use_external_password = false
[[domain]]
name = "example.com"
os_user_name = "u-*"
account = [{name = "empty"}, {name = "set"}]
"""
    with MailServer(tmp_path, accounts, program("answers_ok.sh"), environment=environment) as mail_server:
        for name, outcome in (("empty", "refused: OS ERROR"), ("set", "logged in: OS OK")):
            assert log_in(mail_server, name, "os one", apop=False) == (f"{name}@example.com {outcome}", [])
