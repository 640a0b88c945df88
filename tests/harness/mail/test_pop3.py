"""POP3: the message in the mailbox, deletion, and replies to invalid commands."""

from __future__ import annotations

import poplib
import re

import pytest

from tests.harness.mail.server import LineClient, MailServer


def test_the_message_describes_the_login(mail_server: MailServer) -> None:
    pop = poplib.POP3("127.0.0.1", mail_server.port("pop3"), timeout=20)
    pop.apop("alice@example.com", "own one")
    message = b"\r\n".join([*pop.retr(1)[1], b""])
    assert pop.stat() == (1, len(message))
    pop.quit()
    head, _, body = message.decode().partition("\r\n\r\n")
    assert "\r\nSubject: alice@example.com has logged in\r\n" in head
    assert re.findall(r"^(.*?): +(.*)\r$", body, re.MULTILINE)[:-1] == [
        ("account", "alice@example.com"),
        ("protocol", "POP"),
        ("mechanism", "APOP"),
        ("TLS", "no"),
        ("password", "own"),
    ]


def test_pop_deletes_and_undeletes(mail_server: MailServer) -> None:
    pop = poplib.POP3("127.0.0.1", mail_server.port("pop3"), timeout=20)
    pop.apop("alice@example.com", "own one")
    pop.dele(1)
    assert pop.stat()[1] == 0
    pop.rset()
    assert pop.uidl(1).startswith(b"+OK")
    with pytest.raises(poplib.error_proto):
        pop.retr(2)
    pop.quit()


@pytest.mark.parametrize("after_stls", [b"USER strict@example.com\r\nPASS external one\r\n", b"USER str"])
def test_waiting_commands_after_stls_are_dropped(mail_server: MailServer, after_stls: bytes) -> None:
    seen = len(mail_server.log)
    with LineClient(mail_server.port("pop3")) as pop:
        pop.read()
        pop.send(b"APOP alice x\r\nSTLS\r\n", end=after_stls)
        records = mail_server.wait_for("after the start of TLS: connection closed", since=seen)
    assert sum("EXTAUTH I: " in record for record in records) == 1
