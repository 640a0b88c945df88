"""SMTP: who may send mail, the mail in the mailboxes, and libraries and programs that send and read it."""

from __future__ import annotations

import poplib
import smtplib
import subprocess
from pathlib import Path

import pytest

from tests.harness.mail.server import LineClient, MailServer

_PERL_SENDS = """
use Net::SMTP;
my $smtp = Net::SMTP->new("127.0.0.1", Port => $ARGV[0], Hello => "perl.example") or die;
$smtp->mail('someone@elsewhere.example', Size => 60, Bits => 8) or die $smtp->message;
$smtp->to('transcript@example.com', 'postmaster') or die $smtp->message;
$smtp->data("Subject: from perl\\n\\n.dot\\n") or die $smtp->message;
$smtp->quit or die;
"""
_PERL_READS = """
use Net::POP3;
for my $method ("apop", "login") {
    my $pop = Net::POP3->new("127.0.0.1", Port => $ARGV[0]) or die;
    my $count = $pop->$method('transcript@example.com', "own one") or die $pop->message;
    $count == scalar keys %{$pop->list} and $count == scalar keys %{$pop->uidl} or die "LIST and UIDL";
    $pop->uidl(1) eq $pop->uidl->{1} or die "UIDL 1";
    print grep /^Subject/, @{$pop->top($_, 0)} for 1 .. $count;
    $pop->quit or die;
}
"""
_RUBY_SENDS = """
require "net/smtp"
for method in [:plain, :login, :cram_md5]
  smtp = Net::SMTP.new("127.0.0.1", ARGV[0].to_i)
  smtp.disable_starttls
  smtp.start("ruby.example", "transcript@example.com", "own one", method) do |session|
    session.send_message "Subject: from ruby\\r\\n\\r\\n.dot\\r\\n", "transcript@example.com", "transcript@example.com"
  end
end
"""
_RUBY_READS = """
require "net/pop"
Net::POP3.APOP(true).start("127.0.0.1", ARGV[0].to_i, "transcript@example.com", "own one") do |pop|
  pop.each_mail { |mail| puts mail.header[/^Subject.*/], mail.unique_id; mail.delete }
end
"""


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


def test_pop_reads_what_smtp_has_delivered(mail_server: MailServer) -> None:
    text = "Subject: a dot\n\n.\n..two\nend"
    with smtplib.SMTP("127.0.0.1", mail_server.port("smtp"), timeout=20) as smtp:
        smtp.sendmail("b@elsewhere.example", ["migrates@example.com", "Migrates@example.net"], text)
    first, second = _pop(mail_server), _pop(mail_server)
    assert first.stat()[0] == second.stat()[0] == 2, "one message for both addresses, and one that describes the login"
    lines = first.retr(1)[1]
    assert lines[0] == b"Return-Path: <b@elsewhere.example>"
    assert lines[1].startswith(b"Received: from ")
    assert lines[4:] == text.encode().split(b"\n")
    assert first.top(1, 1)[1][-1] == b"."
    assert first.uidl(1).split()[2] == second.uidl(1).split()[2]
    assert first.uidl(2).split()[2] != second.uidl(2).split()[2]
    first.dele(1)
    first.quit()
    assert second.retr(1)[1] == lines, "a session has its own list"
    second.quit()
    assert _pop(mail_server).stat()[0] == 1


def test_without_quit_nothing_is_deleted(mail_server: MailServer) -> None:
    with smtplib.SMTP("127.0.0.1", mail_server.port("smtp"), timeout=20) as smtp:
        smtp.sendmail("b@elsewhere.example", ["migrates@example.com"], "Subject: x\n\nx\n")
    pop = _pop(mail_server)
    pop.dele(1)
    pop.close()
    pop = _pop(mail_server)
    assert pop.stat()[0] == 2
    pop.dele(1)
    pop.quit()


def test_a_message_and_a_mailbox_have_a_limit(mail_server: MailServer) -> None:
    line = b"x" * 1_000_000 + b"\r\n"
    envelope = b"MAIL FROM:<>\r\nRCPT TO:<migrates@example.com>\r\nRCPT TO:<alice@example.com>\r\nDATA"
    codes = []
    with LineClient(mail_server.port("smtp")) as smtp:
        smtp.read()
        smtp.ask(b"HELO c.example")
        for count in (11, 10, 10):
            smtp.send(envelope)
            assert [smtp.read()[:3] for _ in range(4)] == [b"250", b"250", b"250", b"354"]
            codes.append(smtp.ask(line * count + b".")[:3])
    assert codes == [b"552", b"250", b"452"]
    for name in ("migrates", "alice"):
        pop = _pop(mail_server, name)
        for number in range(1, pop.stat()[0]):
            pop.dele(number)
        pop.quit()


def _pop(mail_server: MailServer, name: str = "migrates") -> poplib.POP3:
    pop = poplib.POP3("127.0.0.1", mail_server.port("pop3"), timeout=20)
    pop.apop(f"{name}@example.com", "external one")
    return pop


def test_mail_goes_through_libraries_and_programs(mail_server: MailServer, tmp_path: Path) -> None:
    smtp, pop = str(mail_server.port("smtp")), str(mail_server.port("pop3"))
    _run("perl", "-e", _PERL_SENDS, smtp)
    _run("ruby", "-e", _RUBY_SENDS, smtp)
    _s_nail(mail_server.port("smtp"), tmp_path)
    subjects = ["from perl", *["from ruby"] * 3, "from s-nail", "transcript@example.com has logged in"]
    shown = [line.removeprefix("Subject: ") for line in _run("perl", "-e", _PERL_READS, pop).splitlines()]
    assert shown == subjects * 2
    assert _run("ruby", "-e", _RUBY_READS, pop).splitlines()[::2] == [f"Subject: {subject}" for subject in subjects]
    assert _run("perl", "-e", _PERL_READS, pop).splitlines() == ["Subject: transcript@example.com has logged in"] * 2


def _s_nail(port: int, folder: Path, user: str = "transcript%40example.com:own%20one") -> None:
    settings = folder / "mailrc"
    settings.touch(0o600)
    settings.write_text(
        f"set v15-compat mta=smtp://{user}@127.0.0.1:{port} smtp-config=login,-tls\nset from=transcript@example.com\n"
    )
    command = ["s-nail", "-:/", "-X", f"source {settings}", "-s", "from s-nail", "transcript@example.com"]
    subprocess.run(command, input=b".dot\n", check=True, timeout=20)


def _run(*command: str) -> str:
    return subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=20, text=True).stdout
