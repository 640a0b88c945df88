"""IMAP: the mailbox INBOX, names that are not ASCII, and replies to invalid commands."""

from __future__ import annotations

import imaplib
from email import message_from_bytes
from email.policy import default

import pytest

from tests.harness.mail.server import MailServer
from tests.harness.mail.site import check_replies


def test_deletion_affects_only_the_message_of_this_login(mail_server: MailServer) -> None:
    def log_in() -> tuple[imaplib.IMAP4, bytes]:
        imap = imaplib.IMAP4("127.0.0.1", mail_server.port("imap"), timeout=20)
        imap.login("alice@example.com", "own one")
        assert imap.select()[1] == [b"1"]
        fetched = imap.fetch("1", "(UID ENVELOPE BODYSTRUCTURE FLAGS INTERNALDATE RFC822.SIZE)")[1][0]
        assert isinstance(fetched, bytes)
        assert b'"alice@example.com has logged in"' in fetched
        return imap, fetched[: fetched.index(b"ENVELOPE")]

    imap, first = log_in()
    assert imap.create("other")[0] == "NO"
    with pytest.raises(imaplib.IMAP4.error, match="this mailbox takes no messages"):
        imap.append("INBOX", r"(\Seen)", "", b"Subject: x\r\n\r\n")
    assert [line.split()[-1] for line in imap.list()[1] if isinstance(line, bytes)] == [b'"INBOX"']
    imap.store("1", "+FLAGS", r"(\Deleted)")
    assert imap.expunge()[1] == [b"1"]
    assert imap.status("INBOX", "(MESSAGES)")[1] == [b"INBOX (MESSAGES 0)"]
    imap.logout()
    assert log_in()[1] != first


def test_a_name_that_is_not_ascii_is_in_the_message(mail_server: MailServer) -> None:
    imap = imaplib.IMAP4("127.0.0.1", mail_server.port("imap"), timeout=20)
    imap.authenticate("PLAIN", lambda _: "\0jürgen\0external one".encode())
    imap.select()
    fetched = imap.fetch("1", "(ENVELOPE RFC822)")[1][0]
    assert isinstance(fetched, tuple)
    assert b'(NIL NIL "=?utf-8?q?j=C3=BCrgen?=" "example.com")' in fetched[0]
    assert message_from_bytes(fetched[1], policy=default)["To"] == "jürgen@example.com"
    imap.logout()


@pytest.mark.parametrize(
    ("lines", "replies"),
    [
        (["1 AUTHENTICATE NTLM", "2 AUTHENTICATE PLAIN", "!!", "3 LOGIN x"], ["1 NO", "+ ", "2 NO", "3 BAD"]),
        (["1 AUTHENTICATE CRAM-MD5", "*", "2 LOGIN alice wrong", "3 LOGOUT"], ["+ ", "1 NO", "2 NO", "* BYE"]),
        (['1 LOGIN alice ""', '2 LOGIN "alice', "3 SELECT INBOX"], ["1 NO", "2 BAD", "3 BAD"]),
        (["1 \xff", "2 LOGIN \xff \xff", "3 NOOP"], ["1 BAD", "2 NO", "3 OK"]),
    ],
)
def test_unusual_imap_commands_get_a_reply(mail_server: MailServer, lines: list[str], replies: list[str]) -> None:
    check_replies(mail_server, "imap", lines, replies)
