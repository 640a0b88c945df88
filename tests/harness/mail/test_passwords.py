"""The passwords of an account: which are asked, in which order, and how one that is set serves from then on."""

from __future__ import annotations

import os
import poplib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.testing import StringTransport

from extauth.harness.mail.policy import Access
from extauth.harness.mail.pwd import Pwd
from tests.backends.pam.services import Services, build, hashed
from tests.harness.mail.server import Dialogue, MailServer
from tests.harness.mail.site import mail_site
from tests.harness.programs import program


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MailServer]:
    with mail_site(tmp_path_factory.mktemp("server")) as server:
        yield server


def log_in(server: MailServer, name: str, password: str, *, secure: bool) -> tuple[str, list[str]]:
    """Log in by POP: what the record says behind name and method, and the requests that the helper was sent for it."""
    seen = len(server.log)
    pop = poplib.POP3("127.0.0.1", server.port("pop3"), timeout=20)
    try:
        if secure:
            pop.apop(name, password)
        else:
            pop.user(name)
            pop.pass_(password)
        pop.quit()
    except poplib.error_proto:
        pop.close()
    records = server.wait_for("logged in|refused", since=seen)
    method = "APOP" if secure else "USER"
    record = re.fullmatch(rf"\d POP \[\d+\] (logged in|refused): (.*), {method}, no TLS: (.*)", records[-1])
    assert record is not None, records
    requests = [found[1] for found in (re.match(r"5 EXTAUTH I: \d+ (.*)", line) for line in records) if found]
    return f"{record[2]} {record[1]}: {record[3]}", [re.sub("<pop-.*>", "<>", request) for request in requests]


IN_THE_CLEAR = "a clear-text password without TLS, and Secure Method Required is on"
NONE_SERVES = "no password that is switched on serves this method"


@pytest.mark.parametrize(
    ("name", "password", "record", "request_to_the_helper"),
    [
        ("alice@example.com", "own one", "logged in: own OK", ""),
        ("alice@example.com", "external one", "logged in: own ERROR, External OK", "VRFY {} ***"),
        ("alice@example.com", "wrong", "refused: own ERROR, External ERROR", "VRFY {} ***"),
        ("hashed@example.com", "password", "logged in: own OK", ""),
        ("empty@example.com", "", f"refused: {NONE_SERVES}", ""),
        ("closed@example.com", "external one", f"refused: {NONE_SERVES}", ""),
        ("strict@example.com", "external one", f"refused: {IN_THE_CLEAR}", ""),
        ("bob@example.org", "external one", f"refused: {IN_THE_CLEAR}", ""),
        ("system@example.com", "own one", "logged in: own OK", ""),
        ("system@example.com", "os one", "logged in: own ERROR, OS OK", ""),
        ("system@example.com", "external one", "logged in: own ERROR, OS ERROR, External OK", "VRFY {} ***"),
        ("stranger@example.com", "external one", "refused: unknown account", ""),
        ("alice@elsewhere.example", "own one", "refused: unknown account", ""),
        ("alice@example.org", "the other alice", "logged in: own OK", ""),
        ("odd name@example.com", "external one", "refused: External rejected", ""),
    ],
)
def test_clear_text_passwords(
    server: MailServer, name: str, password: str, record: str, request_to_the_helper: str
) -> None:
    requests = [request_to_the_helper.format(name)] if request_to_the_helper else []
    assert log_in(server, name, password, secure=False) == (f"{name} {record}", requests)


@pytest.mark.parametrize(
    ("name", "password", "record", "asks_the_helper"),
    [
        ("alice@example.com", "own one", "logged in: own OK", False),
        ("alice@example.com", "external one", "logged in: own ERROR, External OK", True),
        ("hashed@example.com", "password", f"refused: {NONE_SERVES}", False),
        ("strict@example.com", "external one", "logged in: External OK", True),
        ("system@example.com", "os one", "refused: own ERROR, External ERROR", True),
        ("stranger@example.com", "external one", "refused: unknown account", False),
    ],
)
def test_secure_methods(server: MailServer, name: str, password: str, record: str, asks_the_helper: bool) -> None:
    requests = [f"SASL(APOP) {name} *** <>"] if asks_the_helper else []
    assert log_in(server, name, password, secure=True) == (f"{name} {record}", requests)


def test_names_lead_to_accounts_by_case_alias_and_main_domain(server: MailServer) -> None:
    for name in ("ALICE@Example.COM", "alice@example.net", "alice"):
        assert log_in(server, name, "own one", secure=False)[0] == "alice@example.com logged in: own OK"


def test_a_name_without_a_domain_is_one_of_the_domain_of_the_address(server: MailServer) -> None:
    with Dialogue(server.port("pop3", "127.0.0.5"), host="127.0.0.5") as pop:
        assert pop.read().startswith(b"+OK")
        pop.ask(b"USER alice")
        assert pop.ask(b"PASS the other alice").startswith(b"+OK")


def test_a_user_of_the_system_whose_stored_password_is_empty_is_not_let_in(tmp_path: Path) -> None:
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
    with MailServer(tmp_path, accounts, program("answers_ok.sh"), environment=environment) as server:
        for name, outcome in (("empty", "refused: OS ERROR"), ("set", "logged in: OS OK")):
            assert log_in(server, name, "os one", secure=False) == (f"{name}@example.com {outcome}", [])


def set_password(server: MailServer, name: str, old: str, new: str) -> list[bytes]:
    """The replies of PWD."""
    with Dialogue(server.port("pwd")) as pwd:
        greeting = pwd.read()
        lines = (f"USER {name}", f"PASS {old}", f"NEWPASS {new}", "QUIT")
        return [greeting, *(pwd.ask(line.encode()) for line in lines)]


def test_who_has_logged_in_with_the_external_password_sets_an_own_one_that_serves_from_then_on(
    server: MailServer,
) -> None:
    name = "migrates@example.com"
    assert log_in(server, name, "fresh one", secure=True)[0] == f"{name} refused: External ERROR"
    assert [reply[:4] for reply in set_password(server, name, "external one", "fresh one")] == [b"200 "] * 5
    for secure in (True, False):
        assert log_in(server, name, "fresh one", secure=secure) == (f"{name} logged in: own OK", [])
    assert "fresh one" not in "\n".join(server.log)


def test_an_own_password_that_is_stored_one_way_serves_clear_text_alone(server: MailServer) -> None:
    name = "migrates-from-os@example.com"
    assert [reply[:4] for reply in set_password(server, name, "os one", "fresh one")] == [b"200 "] * 5
    assert log_in(server, name, "fresh one", secure=False) == (f"{name} logged in: own OK", [])
    assert log_in(server, name, "fresh one", secure=True) == (
        f"{name} refused: External ERROR",
        [f"SASL(APOP) {name} *** <>"],
    )


def test_a_password_that_is_too_long_to_be_hashed_is_no_own_one_but_is_asked_of_the_others(server: MailServer) -> None:
    name, too_long = "migrates-from-os@example.com", "x" * 4_097
    assert set_password(server, name, "os one", "y" * 4_096)[3].startswith(b"200 ")
    assert set_password(server, name, "y" * 4_096, too_long)[2:4] == [
        b"200 your new password, please",
        b"500 a password that is stored one-way is at most 4,096 bytes",
    ]
    assert log_in(server, name, "y" * 4_096, secure=False) == (f"{name} logged in: own OK", [])
    assert log_in(server, name, too_long, secure=False) == (
        f"{name} refused: own ERROR, OS ERROR, External ERROR",
        [f"VRFY {name} ***"],
    )
    assert set_password(server, name, too_long, "z")[2] == b"500 incorrect password"


class BrokenSession:
    access = Access.FULL

    async def log_in(self, claim: object) -> None:
        raise ValueError(claim)


def test_pwd_answers_even_where_a_login_fails_for_a_reason_that_nobody_expected() -> None:
    there: Any = StringTransport()  # type: ignore[no-untyped-call]
    pwd = Pwd(lambda protocol, transport: BrokenSession())  # type: ignore[arg-type, return-value]
    pwd.makeConnection(there)  # type: ignore[no-untyped-call]
    pwd.dataReceived(b"USER alice\nPASS x\nUSER alice\nQUIT\n")  # type: ignore[no-untyped-call]
    assert [reply[:4] for reply in there.value().splitlines()] == [b"200 ", b"200 ", b"500 ", b"200 ", b"200 "]


@pytest.mark.parametrize(
    ("name", "old", "new", "codes"),
    [
        ("alice@example.com", "wrong", "fresh one", "200 200 500 500 200"),
        ("stays@example.com", "external one", "fresh one", "200 200 200 500 200"),
        ("alice@example.com", "own one", "", "200 200 200 500 200"),
        ("strict@example.com", "external one", "fresh one", "200 200 500 500 200"),
    ],
)
def test_no_password_is_set_without_a_login_or_where_it_would_not_serve(
    server: MailServer, name: str, old: str, new: str, codes: str
) -> None:
    assert b" ".join(reply[:3] for reply in set_password(server, name, old, new)).decode() == codes
    assert "logged in" not in log_in(server, name, new, secure=True)[0]
