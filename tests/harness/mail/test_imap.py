"""IMAP: mail from SMTP, changes by other connections, IDLE, and names that are not ASCII."""

from __future__ import annotations

import imaplib
import smtplib
from email import message_from_bytes
from email.policy import default

from tests.harness.mail.server import LineClient, MailServer


def test_idle_reports_mail_and_changes_by_others(mail_server: MailServer) -> None:
    with LineClient(mail_server.port("imap")) as client:
        client.read()
        client.send(b'a LOGIN imap "own one"\r\nb SELECT INBOX\r\nc IDLE')
        while not (line := client.read()).startswith(b"+ "):
            assert not line.startswith((b"a NO", b"b NO")), line
        with smtplib.SMTP("127.0.0.1", mail_server.port("smtp"), timeout=20) as smtp:
            smtp.sendmail("b@elsewhere.example", ["imap@example.com"], "Subject: new mail\n\nhello\n")
        assert [client.read(), client.read()] == [b"* 2 EXISTS", b"* 2 RECENT"]

        other = _log_in(mail_server)
        assert other.select()[1] == [b"2"], "one message for both, and one that describes the login"
        other.store("1", "+FLAGS", r"(\Flagged)")
        assert client.read() == rb"* 2 FETCH (FLAGS (\Flagged \Recent))"
        fetched = other.fetch("1", "(BODY[])")[1][0]
        assert isinstance(fetched, tuple)
        assert fetched[1].endswith(b"Subject: new mail\r\n\r\nhello\r\n")
        assert client.read() == rb"* 2 FETCH (FLAGS (\Flagged \Recent \Seen))"

        client.send(b"DONE")
        assert client.read() == b"c OK IDLE completed"
        other.store("1", "+FLAGS", r"(\Deleted)")
        assert other.expunge()[1] == [b"1"]
        client.send(b"d FETCH 2 (UID BODY.PEEK[TEXT])")
        assert [client.read()[:14] for _ in range(3)] == [b"* 2 FETCH (UID", b"hello", b")"], "it keeps its number"
        assert client.read() == rb"* 2 FETCH (FLAGS (\Deleted \Flagged \Recent \Seen))"
        assert client.read() == b"d OK FETCH completed"
        assert client.ask(b"e NOOP") == b"* 2 EXPUNGE"
        other.logout()


def test_a_deletion_affects_only_the_message_of_this_login(mail_server: MailServer) -> None:
    first, second = _log_in(mail_server), _log_in(mail_server)
    for imap in (first, second):
        assert imap.select()[1] == [b"1"]
    first.store("1", "+FLAGS", r"(\Deleted)")
    assert first.expunge()[1] == [b"1"]
    assert first.status("INBOX", "(MESSAGES)")[1] == [b"INBOX (MESSAGES 0)"]
    assert second.status("INBOX", "(MESSAGES)")[1] == [b"INBOX (MESSAGES 1)"]
    for imap in (first, second):
        imap.logout()


def test_a_name_that_is_not_ascii_is_in_the_message(mail_server: MailServer) -> None:
    imap = imaplib.IMAP4("127.0.0.1", mail_server.port("imap"), timeout=20)
    imap.authenticate("PLAIN", lambda _: "\0jürgen\0external one".encode())
    imap.select()
    fetched = imap.fetch("1", "(ENVELOPE RFC822)")[1][0]
    assert isinstance(fetched, tuple)
    assert b'(NIL NIL "=?utf-8?q?j=C3=BCrgen?=" "example.com")' in fetched[0]
    assert message_from_bytes(fetched[1], policy=default)["To"] == "jürgen@example.com"
    imap.logout()


def test_the_mailboxes_of_an_account_share_a_limit(mail_server: MailServer) -> None:
    with LineClient(mail_server.port("imap")) as client:
        client.read()
        assert client.ask(b"a LOGIN system {7+}\r\nown one") == b"a OK LOGIN completed"
        for name in (b"first", b"second"):
            assert client.ask(b"a CREATE " + name) == b"a OK CREATE completed"
        message = b" {9000000+}\r\n" + b"x" * 9_000_000
        assert client.ask(b"a APPEND first" + message).startswith(b"a OK [APPENDUID ")
        assert client.ask(b"a APPEND second" + message).startswith(b"a NO [OVERQUOTA] ")
        client.send(b"a SELECT first\r\nb COPY 1 second\r\nc MOVE 1 second\r\nd DELETE second")
        replies = [client.read() for _ in range(13)]
        assert replies[8].startswith(b"b NO [OVERQUOTA] ")
        assert replies[9].startswith(b"* OK [COPYUID ")
        assert replies[10] == b"* 1 EXPUNGE"
        assert replies[-1] == b"d OK DELETE completed", replies


def test_a_long_search_does_not_stop_other_clients(mail_server: MailServer) -> None:
    with LineClient(mail_server.port("imap")) as busy, LineClient(mail_server.port("pop3")) as other:
        busy.read(), other.read()
        assert busy.ask(b"a LOGIN system {7+}\r\nown one") == b"a OK LOGIN completed"
        assert busy.ask(b"a APPEND INBOX {1000000+}\r\n" + b"\n" * 1_000_000).startswith(b"a OK [APPENDUID ")
        busy.send(b"a SELECT INBOX")
        while not busy.read().startswith(b"a OK"):
            pass
        busy.send(b"b SEARCH" + b" NOT TEXT absent" * 2_000)
        assert [other.ask(b"USER x")[:3] for _ in range(5)] == [b"+OK"] * 5
        assert not busy.has_more
        assert busy.ask(b"c STORE 1:* FLAGS.SILENT (\\Deleted)").startswith(b"* SEARCH 1")
        busy.send(b"d CLOSE")


def _log_in(mail_server: MailServer) -> imaplib.IMAP4:
    imap = imaplib.IMAP4("127.0.0.1", mail_server.port("imap"), timeout=20)
    imap.login("imap", "own one")
    return imap
