"""SMTP: accepted mail in the log, and replies to invalid commands."""

from __future__ import annotations

import smtplib

import pytest

from tests.harness.mail.server import MailServer


def test_mail_to_others_needs_a_login(mail_server: MailServer) -> None:
    seen = len(mail_server.log)
    with smtplib.SMTP("127.0.0.1", mail_server.port("smtp"), timeout=20) as smtp:
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            smtp.sendmail("alice@example.com", ["a@elsewhere.example"], "Subject: relayed?\n\nx\n")
        smtp.sendmail("b@elsewhere.example", ["alice@example.net"], "Subject: for alice\n\nx\n")
        smtp.login("alice@example.com", "own one")
        smtp.sendmail("alice@example.com", ["a@elsewhere.example"], "Subject: good\n morning\n\nx\n")
    records = mail_server.wait_for("subject: good", since=seen)
    assert [record.partition("] ")[2] for record in records if "] mail " in record] == [
        "mail from <b@elsewhere.example> to <alice@example.net>: 25 bytes, subject: for alice",
        "mail from <alice@example.com> to <a@elsewhere.example>: 30 bytes, subject: good morning",
    ]
