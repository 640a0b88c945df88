"""PWD: how a user sets the account's own password, and what it is good for afterwards."""

from __future__ import annotations

import pytest

from tests.harness.mail.server import LineClient, MailServer
from tests.harness.mail.site import log_in


def set_password(mail_server: MailServer, name: str, old: str, new: str) -> list[bytes]:
    """Set a new password with PWD. Return the replies."""
    with LineClient(mail_server.port("pwd")) as pwd:
        greeting = pwd.read()
        lines = (f"USER {name}", f"PASS {old}", f"NEWPASS {new}", "QUIT")
        return [greeting, *(pwd.ask(line.encode()) for line in lines)]


def test_an_external_user_can_set_an_own_password(mail_server: MailServer) -> None:
    name = "migrates@example.com"
    assert log_in(mail_server, name, "fresh one", apop=True)[0] == f"{name} refused: External ERROR"
    assert codes_of(set_password(mail_server, name, "external one", "fresh one")) == "200 300 200 200 200"
    for apop in (True, False):
        assert log_in(mail_server, name, "fresh one", apop=apop) == (f"{name} logged in: own OK", [])
    assert "fresh one" not in "\n".join(mail_server.log)


def test_a_hashed_own_password_accepts_only_clear_text(mail_server: MailServer) -> None:
    name = "migrates-from-os@example.com"
    assert codes_of(set_password(mail_server, name, "os one", "fresh one")) == "200 300 200 200 200"
    assert log_in(mail_server, name, "fresh one", apop=False) == (f"{name} logged in: own OK", [])
    assert log_in(mail_server, name, "fresh one", apop=True) == (
        f"{name} refused: External ERROR",
        [f"SASL(APOP) {name} *** <>"],
    )


def test_a_password_too_long_to_hash_is_only_checked_elsewhere(mail_server: MailServer) -> None:
    name, too_long = "migrates-from-os@example.com", "x" * 4_097
    assert set_password(mail_server, name, "os one", "y" * 4_096)[3].startswith(b"200 ")
    assert set_password(mail_server, name, "y" * 4_096, too_long)[2:4] == [
        b"200 login OK, proceed",
        b"501 a hashed password must have at most 4,096 bytes",
    ]
    assert log_in(mail_server, name, "y" * 4_096, apop=False) == (f"{name} logged in: own OK", [])
    assert log_in(mail_server, name, too_long, apop=False) == (
        f"{name} refused: own ERROR, OS ERROR, External ERROR",
        [f"VRFY {name} ***"],
    )
    assert set_password(mail_server, name, too_long, "z")[2] == b"515 incorrect password or unknown account"


def codes_of(replies: list[bytes]) -> str:
    return b" ".join(reply[:3] for reply in replies).decode()


@pytest.mark.parametrize(
    ("name", "old", "new", "codes"),
    [
        ("alice@example.com", "wrong", "fresh one", "200 300 515 500 200"),
        ("nobody@example.com", "external one", "fresh one", "200 300 515 500 200"),
        ("stays@example.com", "external one", "fresh one", "200 300 200 501 200"),
        ("alice@example.com", "own one", "", "200 300 200 501 200"),
        ("strict@example.com", "external one", "fresh one", "200 300 515 500 200"),
    ],
)
def test_a_password_is_not_set_without_login_or_permission(
    mail_server: MailServer, name: str, old: str, new: str, codes: str
) -> None:
    assert codes_of(set_password(mail_server, name, old, new)) == codes
    assert "logged in" not in log_in(mail_server, name, new, apop=True)[0]


def test_passwords_with_unusual_characters_reach_every_protocol(mail_server: MailServer) -> None:
    odd = r'" a "b\" \\c pässwörd '
    with LineClient(mail_server.port("pwd")) as pwd:
        pwd.send(f"USER migrates@example.com\nPASS external one\nNEWPASS {odd}\nQUIT".encode())
        assert codes_of([pwd.read() for _ in range(5)]) == "200 300 200 200 200"
    quoted = odd.replace("\\", r"\\").replace('"', r"\"")
    with LineClient(mail_server.port("imap")) as imap_quoted:
        imap_quoted.read()
        assert imap_quoted.ask(f'1 LOGIN "migrates@example.com" "{quoted}"'.encode()).startswith(b"1 OK")
    with LineClient(mail_server.port("imap")) as imap_literal:
        imap_literal.read()
        assert imap_literal.ask(b"1 LOGIN migrates@example.com {%d}" % len(odd.encode())).startswith(b"+ ")
        assert imap_literal.ask(odd.encode()).startswith(b"1 OK")
    with LineClient(mail_server.port("pop3")) as pop:
        pop.read()
        pop.ask(b"USER migrates@example.com")
        assert pop.ask(f"PASS {odd}".encode()).startswith(b"+OK")
