"""What mail programs may say to the mail server, and what they find once they have logged in."""

from __future__ import annotations

import imaplib
import poplib
import re
import smtplib
from collections.abc import Iterator
from email import message_from_bytes
from email.policy import default

import pytest

from tests.harness.mail.server import Dialogue, MailServer
from tests.harness.mail.site import mail_site


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MailServer]:
    with mail_site(tmp_path_factory.mktemp("server")) as server:
        yield server


def test_the_message_says_who_has_logged_in_and_how(server: MailServer) -> None:
    pop = poplib.POP3("127.0.0.1", server.port("pop3"), timeout=20)
    pop.apop("alice@example.com", "own one")
    message = b"\r\n".join([*pop.retr(1)[1], b""])
    assert pop.stat() == (1, len(message))
    pop.quit()
    head, _, body = message.decode().partition("\r\n\r\n")
    assert "\r\nSubject: alice@example.com has logged in\r\n" in head
    assert re.findall(r"^(.*?): +(.*)\r$", body, re.MULTILINE)[:-1] == [
        ("account", "alice@example.com"),
        ("protocol", "POP"),
        ("method", "APOP"),
        ("TLS", "no"),
        ("password", "own"),
    ]


def test_what_is_deleted_is_gone_and_the_next_login_has_a_message_of_its_own(server: MailServer) -> None:
    def log_in() -> tuple[imaplib.IMAP4, bytes]:
        imap = imaplib.IMAP4("127.0.0.1", server.port("imap"), timeout=20)
        imap.login("alice@example.com", "own one")
        assert imap.select()[1] == [b"1"]
        fetched = imap.fetch("1", "(UID ENVELOPE BODYSTRUCTURE FLAGS INTERNALDATE RFC822.SIZE)")[1][0]
        assert isinstance(fetched, bytes)
        assert b'"alice@example.com has logged in"' in fetched
        return imap, fetched[: fetched.index(b"ENVELOPE")]

    imap, first = log_in()
    assert imap.create("other")[0] == "NO"
    with pytest.raises(imaplib.IMAP4.error, match="there is no room"):
        imap.append("INBOX", r"(\Seen)", "", b"Subject: x\r\n\r\n")
    assert [line.split()[-1] for line in imap.list()[1] if isinstance(line, bytes)] == [b'"INBOX"']
    imap.store("1", "+FLAGS", r"(\Deleted)")
    assert imap.expunge()[1] == [b"1"]
    assert imap.status("INBOX", "(MESSAGES)")[1] == [b"INBOX (MESSAGES 0)"]
    imap.logout()
    assert log_in()[1] != first


def test_a_name_that_is_not_ascii_logs_in_and_is_in_the_message(server: MailServer) -> None:
    imap = imaplib.IMAP4("127.0.0.1", server.port("imap"), timeout=20)
    imap.authenticate("PLAIN", lambda _: "\0jürgen\0external one".encode())
    imap.select()
    fetched = imap.fetch("1", "(ENVELOPE RFC822)")[1][0]
    assert isinstance(fetched, tuple)
    assert b'(NIL NIL "=?utf-8?q?j=C3=BCrgen?=" "example.com")' in fetched[0]
    assert message_from_bytes(fetched[1], policy=default)["To"] == "jürgen@example.com"
    imap.logout()


def test_pop_deletes_and_undeletes(server: MailServer) -> None:
    pop = poplib.POP3("127.0.0.1", server.port("pop3"), timeout=20)
    pop.apop("alice@example.com", "own one")
    pop.dele(1)
    assert pop.stat()[1] == 0
    pop.rset()
    assert pop.uidl(1).startswith(b"+OK")
    with pytest.raises(poplib.error_proto):
        pop.retr(2)
    pop.quit()


def test_mail_is_taken_and_shown_and_for_others_only_after_a_login(server: MailServer) -> None:
    seen = len(server.log)
    with smtplib.SMTP("127.0.0.1", server.port("smtp"), timeout=20) as smtp:
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            smtp.sendmail("alice@example.com", ["a@elsewhere.example"], "Subject: relayed?\n\nx\n")
        smtp.sendmail("b@elsewhere.example", ["alice@example.net"], "Subject: for alice\n\nx\n")
        smtp.login("alice@example.com", "own one")
        smtp.sendmail("alice@example.com", ["a@elsewhere.example"], "Subject: good\n morning\n\nx\n")
    records = server.wait_for("subject: good", since=seen)
    assert [record.partition("] ")[2] for record in records if "] mail " in record] == [
        "mail from <b@elsewhere.example> to <alice@example.net>: 25 bytes, subject: for alice",
        "mail from <alice@example.com> to <a@elsewhere.example>: 30 bytes, subject: good morning",
    ]


def test_passwords_arrive_as_they_are(server: MailServer) -> None:
    odd = r'" a "b\" \\c pässwörd '
    with Dialogue(server.port("pwd")) as pwd:
        pwd.say(f"USER migrates@example.com\nPASS external one\nNEWPASS {odd}\nQUIT".encode())
        assert [pwd.read()[:4] for _ in range(5)] == [b"200 "] * 5
    quoted = odd.replace("\\", r"\\").replace('"', r"\"")
    with Dialogue(server.port("imap")) as typed:
        typed.read()
        assert typed.ask(f'1 LOGIN "migrates@example.com" "{quoted}"'.encode()).startswith(b"1 OK")
    with Dialogue(server.port("imap")) as literal:
        literal.read()
        assert literal.ask(b"1 LOGIN migrates@example.com {%d}" % len(odd.encode())).startswith(b"+ ")
        assert literal.ask(odd.encode()).startswith(b"1 OK")
    with Dialogue(server.port("pop3")) as pop:
        pop.read()
        pop.ask(b"USER migrates@example.com")
        assert pop.ask(f"PASS {odd}".encode()).startswith(b"+OK")


@pytest.mark.parametrize("behind", [b"USER strict@example.com\r\nPASS external one\r\n", b"USER str"])
def test_lines_that_wait_for_a_login_are_dropped_where_one_of_them_starts_tls(
    server: MailServer, behind: bytes
) -> None:
    seen = len(server.log)
    with Dialogue(server.port("pop3")) as pop:
        pop.read()
        pop.say(b"APOP alice x\r\nSTLS\r\n", end=behind)
        records = server.wait_for("behind the start of TLS: closed", since=seen)
    assert sum("EXTAUTH I: " in record for record in records) == 1


@pytest.mark.parametrize(
    ("service", "lines", "replies"),
    [
        ("pop3", ["PASS x", "USER alice", "PASS", "NOOP"], ["-ERR", "+OK", "-ERR", "-ERR"]),
        (
            "pop3",
            ["AUTH CRAM-MD5", "*", "AUTH NTLM", "AUTH PLAIN", "!", "QUIT"],
            ["+ ", "-ERR", "-ERR", "+ ", "-ERR", "+OK"],
        ),
        (
            "pop3",
            ["AUTH CRAM-MD5", "YWxpY2U=", "APOP alice", "APOP", "AUTH a b c"],
            ["+ ", "-ERR", "-ERR", "-ERR", "-ERR"],
        ),
        ("pop3", ["AUTH PLAIN AGFsaWNlAG93biBvbmU=", "CAPA x"], ["+OK", "-ERR"]),
        ("pop3", ["AUTH LOGIN YWxpY2U=", "b3duIG9uZQ==", "RETR", "RETR x"], ["+ UGFzc3dvcmQ6", "+OK", "-ERR", "-ERR"]),
        ("pop3", ["USER alice\r\nPASS own one\r\nSTAT", "NOOP"], ["+OK", "+OK", "+OK 1 ", "+OK"]),
        ("pop3", ["APOP alice x\r\nSTAT\r\nNOOP x\r\nQUIT"], ["-ERR", "-ERR", "-ERR", "+OK"]),
        ("pop3", ["\xff\xfe", "USER \xff", "PASS x"], ["-ERR", "+OK", "-ERR"]),
        ("imap", ["1 AUTHENTICATE NTLM", "2 AUTHENTICATE PLAIN", "!!", "3 LOGIN x"], ["1 NO", "+ ", "2 NO", "3 BAD"]),
        ("imap", ["1 AUTHENTICATE CRAM-MD5", "*", "2 LOGIN alice wrong", "3 LOGOUT"], ["+ ", "1 NO", "2 NO", "* BYE"]),
        ("imap", ['1 LOGIN alice ""', '2 LOGIN "alice', "3 SELECT INBOX"], ["1 NO", "2 BAD", "3 BAD"]),
        (
            "smtp",
            ["AUTH", "AUTH NTLM", "AUTH PLAIN", "!", "AUTH PLAIN", "*"],
            ["501", "504", "334 ", "5", "334 ", "501"],
        ),
        ("smtp", ["AUTH PLAIN YQ==", "AUTH PLAIN AGFsaWNlAG93biBvbmU=", "AUTH PLAIN"], ["535", "235", "503"]),
        ("smtp", ["AUTH PLAIN Ym9iAGFsaWNlAG93biBvbmU=", "DATA", "VRFY alice"], ["535", "503", "252"]),
        (
            "smtp",
            ["NOOP", "NOOP x", "HELP", "MAIL FROM:<>", "RSET", "RCPT TO:<alice@example.com>", "QUIT"],
            ["250", "250", "214", "250", "250", "503", "221"],
        ),
        (
            "smtp",
            ["\xff\xfe", "AUTH \xff", "MAIL FROM:<\xff@a.example>", "EXPN x", ""],
            ["500", "504", "501", "500", "500"],
        ),
        ("imap", ["1 \xff", "2 LOGIN \xff \xff", "3 NOOP"], ["1 BAD", "2 NO", "3 OK"]),
        ("pwd", ["NEWPASS x", "PASS x", "USER", "nonsense", ""], ["500", "500", "500", "500", "500"]),
    ],
)
def test_what_no_program_should_say_is_answered_in_a_sentence(
    server: MailServer, service: str, lines: list[str], replies: list[str]
) -> None:
    with Dialogue(server.port(service)) as dialogue:
        dialogue.read()
        answers = []
        for line in lines:
            dialogue.say(line.encode("latin-1"))
            answers += [dialogue.read() for _ in line.split("\r\n")]
    assert len(answers) == len(replies)
    for answer, reply in zip(answers, replies, strict=True):
        assert answer.startswith(reply.encode()), (lines, answers)
