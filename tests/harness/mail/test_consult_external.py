"""Unknown accounts, lists and patterns of accounts, and the limit on failed logins."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.mail.server import LineClient, MailServer
from tests.harness.mail.site import log_in
from tests.harness.programs import program
from tests.helper import wait_until

ACCOUNTS = """\
[[domain]]
name = "main.example"
[[domain.account]]
name = "postmaster"
password = "battery staple"
[[domain]]
name = "consults.example"
aliases = ["alias.example"]
external_on_unknown = true
[[domain]]
name = "provisions.example"
external_on_provision = true
[[domain]]
name = "any.example"
accounts_from = "list"
failed_login_flow = [2, "1d"]
[[domain.account]]
name = "*"
"""

LIST = b"\xef\xbb\xbfanna:own: one \r\n\r\n# a comment\r\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MailServer]:
    """A mail server that asks a helper which creates accounts."""
    folder = tmp_path_factory.mktemp("server")
    (folder / "list").write_bytes(LIST)
    command = [*program("creates_accounts.py"), str(folder / "port")]
    with MailServer(folder, ACCOUNTS, command, "--interface", "7") as server:
        (folder / "port").write_text(str(server.port("pwd")))
        yield server
        assert server.end() == 0


def mail_to(server: MailServer, recipient: str) -> tuple[int, list[str]]:
    """Say that mail comes for `recipient`. Return the code of the reply, and the records about it."""
    seen = len(server.log)
    with LineClient(server.port("smtp")) as smtp:
        smtp.read()
        smtp.ask(b"HELO client.example")
        smtp.ask(b"MAIL FROM:<someone@elsewhere.example>")
        code = int(smtp.ask(f"RCPT TO:<{recipient}>".encode())[:3])
        smtp.ask(b"QUIT")
    records = [re.match(r"\d EXTAUTH I: \d+ (NEW .*)|\d SMTP \[\d+\] (no recipient: .*)", line) for line in server.log]
    return code, [match[1] or match[2] for match in records[seen:] if match]


@pytest.mark.parametrize(
    ("recipient", "code", "records"),
    [
        ("made-1@alias.example", 250, ["NEW (SMTP) {}"]),
        ("unknown@consults.example", 550, ["NEW (SMTP) {}", "no recipient: {}: unknown account: NEW ERROR"]),
        ("later@consults.example", 451, ["NEW (SMTP) {}", "no recipient: {}: NEW FAILURE"]),
        (
            "lost@consults.example",
            550,
            ["NEW (SMTP) {}", "no recipient: {}: unknown account: NEW OK, but the account was not created"],
        ),
        ("made-1@provisions.example", 550, ["no recipient: {}: unknown account"]),
        ("made-1@main.example", 550, ["no recipient: {}: unknown account"]),
        ("postmaster@main.example", 250, []),
        ("whoever@any.example", 250, []),
    ],
)
def test_a_recipient_is_asked_for_if_the_domain_says_so(
    server: MailServer, recipient: str, code: int, records: list[str]
) -> None:
    canonical = recipient.replace("alias", "consults")
    assert mail_to(server, recipient) == (code, [record.format(canonical) for record in records])


@pytest.mark.parametrize(
    ("name", "outcome", "requests"),
    [
        ("made-2@consults.example", "logged in: External OK", ["NEW (POP) {}", "VRFY (POP) {} ***"]),
        ("made-2@provisions.example", "logged in: External OK", ["NEW (POP) {}", "VRFY (POP) {} ***"]),
        ("unknown@consults.example", "refused: unknown account: NEW ERROR", ["NEW (POP) {}"]),
        ("later@consults.example", "temporary failure: NEW FAILURE", ["NEW (POP) {}"]),
        ("made-2@main.example", "refused: unknown account", []),
        ("whoever@any.example", "logged in: External OK", ["VRFY (POP) {} ***"]),
        ("anna@any.example", "logged in: own ERROR, External OK", ["VRFY (POP) {} ***"]),
    ],
)
def test_a_login_asks_for_an_unknown_account(server: MailServer, name: str, outcome: str, requests: list[str]) -> None:
    assert log_in(server, name, "right", apop=False) == (
        f"{name} {outcome}",
        [request.format(name) for request in requests],
    )


def test_a_list_holds_own_passwords(server: MailServer) -> None:
    assert log_in(server, "anna@any.example", "own: one ", apop=True)[0] == "anna@any.example logged in: own OK"


def test_too_many_failed_logins_are_rejected_for_a_while(server: MailServer) -> None:
    name = "fails@any.example"

    def attempt(password: str) -> str:
        outcome, requests = log_in(server, name, password, apop=False)
        assert bool(requests) is ("External" in outcome)
        return outcome.removeprefix(f"{name} ")

    assert [attempt(password) for password in ("later", "later", "wrong", "right", "wrong", "right")] == [
        "temporary failure: External ERROR temporary failure",
        "temporary failure: External ERROR temporary failure",
        "refused: External ERROR",
        "logged in: External OK",
        "refused: External ERROR",
        "refused: rejected: too many failed logins",
    ]
    assert log_in(server, "other@any.example", "right", apop=False)[0].endswith("logged in: External OK")
    with LineClient(server.port("pwd")) as pwd:
        pwd.read()
        for line in ("USER postmaster", "PASS battery staple", 'UPDATEDOMAINSETTINGS "any.example" {FailedLoginFlow='):
            reply = pwd.ask(f"{line}(2,1s);}}".encode() if "{" in line else line.encode())
        assert reply == b"200 OK"
        assert pwd.ask(b'UPDATEDOMAINSETTINGS "any.example" {ExternalOnUnknown=1;}') == (
            b"501 ExternalOnUnknown must be YES, NO or default"
        )
    wait_until(lambda: attempt("right") == "logged in: External OK", "the end of the period")


def test_temporary_failures_count_if_the_accounts_file_says_so(tmp_path: Path) -> None:
    accounts = 'count_temporary_failures = true\n[[domain]]\nname = "a.example"\nfailed_login_flow = [1, "1d"]\n'
    accounts += 'account = [{name = "*"}]\n'
    with MailServer(tmp_path, accounts, ["sh", "-c", "while read -r n _; do echo $n FAILURE; done"]) as server:
        outcomes = [log_in(server, "someone@a.example", "right", apop=False)[0] for _ in range(2)]
    assert outcomes == [
        "someone@a.example temporary failure: External FAILURE",
        "someone@a.example refused: rejected: too many failed logins",
    ]
