"""Mail programs in other languages, and some of Debian that read mail for a person or fetch whole mailboxes.

They log in as those of clients.py do, which also explains `Attempt`.
"""

from __future__ import annotations

import os
import subprocess
from urllib.parse import quote

from tests.harness.mail.clients import Attempt, Client

_SECONDS = 20
_ELSEWHERE = "someone@elsewhere.example"
_FETCHED = "has logged in"  # in the subject of the message


def s_nail(attempt: Attempt) -> bool:
    scheme, service = {"POP": ("pop3", ""), "IMAP": ("imap", "/INBOX"), "SMTP": ("smtp", "")}[attempt.protocol]
    url = f"{scheme}://{quote(attempt.user)}:{quote(attempt.password)}@{attempt.host}:{attempt.port}{service}"
    mechanism = attempt.mechanism.partition(" ")[0].lower()
    settings = {
        "POP": "" if mechanism == "apop" else "set pop3-no-apop",
        "IMAP": f"set imap-auth={mechanism}",
        "SMTP": f"set smtp-auth={mechanism} from={attempt.user} mta={url}",
    }[attempt.protocol]
    nailrc = attempt.file("nailrc", "set v15-compat=yes", settings, f"shortcut box {url}")
    if attempt.protocol == "SMTP":
        return _succeeds(attempt, "s-nail", "-:u", "-s", "a test", _ELSEWHERE, typed="hello\n", MAILRC=nailrc)
    return _shows_mail(attempt, "s-nail", "-:u", "-#", "-R", "-f", "box", typed="print 1\nexit\n", MAILRC=nailrc)


def neomutt(attempt: Attempt) -> bool:
    configuration = attempt.file(
        "neomuttrc",
        f'set smtp_url="smtp://{attempt.user}@{attempt.host}:{attempt.port}/"',
        f'set smtp_pass="{attempt.password}"',
        f'set from="{attempt.user}"',
        "set ssl_starttls=no ssl_force_tls=no copy=no",
    )
    return _succeeds(attempt, "neomutt", "-n", "-F", configuration, "-s", "a test", _ELSEWHERE, typed="hello\n")


def imapfilter(attempt: Attempt) -> bool:
    configuration = attempt.file(
        "imapfilter.lua",
        "options.starttls = false",
        f"box = IMAP {{ server = '{attempt.host}', port = {attempt.port},",
        f"  username = '{attempt.user}', password = '{attempt.password}' }}",
        "for _, found in ipairs(box.INBOX:select_all()) do",
        "  local mailbox, uid = table.unpack(found)",
        "  io.write(mailbox[uid]:fetch_message())",
        "end",
    )
    return _shows_mail(attempt, "imapfilter", "-c", configuration)


def offlineimap(attempt: Attempt) -> bool:
    box = attempt.folder / "offlineimap"
    configuration = attempt.file(
        "offlineimaprc",
        "[general]",
        "accounts = a",
        f"metadata = {attempt.folder}/metadata",
        "[Account a]",
        "localrepository = near",
        "remoterepository = far",
        "[Repository near]",
        "type = Maildir",
        f"localfolders = {box}",
        "[Repository far]",
        "type = IMAP",
        f"remotehost = {attempt.host}",
        f"remoteport = {attempt.port}",
        f"remoteuser = {attempt.user}",
        f"remotepass = {attempt.password}",
        f"auth_mechanisms = {attempt.mechanism}",
        "ssl = no",
        "starttls = no",
    )
    return _succeeds(attempt, "offlineimap", "-c", configuration, "-o", "-u", "quiet", "-1") and any(
        _FETCHED in path.read_text() for path in box.glob("INBOX/*/*")
    )


def getmail(attempt: Attempt) -> bool:
    fetched = attempt.folder / "fetched"
    configuration = attempt.file(
        "getmailrc",
        "[retriever]",
        "type = SimplePOP3Retriever",
        f"server = {attempt.host}",
        f"port = {attempt.port}",
        f"username = {attempt.user}",
        f"password = {attempt.password}",
        f"use_apop = {attempt.mechanism == 'APOP'}",
        "[destination]",
        "type = MDA_external",  # it writes no Maildir as root
        "path = /usr/bin/tee",
        f'arguments = ("{fetched}",)',
        "allow_root_commands = true",
    )
    return (
        _succeeds(attempt, "getmail", f"--getmaildir={attempt.folder}", f"--rcfile={configuration}")
        and _FETCHED in fetched.read_text()
    )


def ruby_net_imap(attempt: Attempt) -> bool:
    script = attempt.file(
        "client.rb",
        "require 'net/imap'",
        f"imap = Net::IMAP.new('{attempt.host}', port: {attempt.port})",
        f"imap.authenticate('{attempt.mechanism}', '{attempt.user}', '{attempt.password}')",
        "imap.select('INBOX')",
        "puts imap.fetch(1, 'BODY[]')[0].attr['BODY[]']",
        "imap.logout",
        "imap.disconnect",
    )
    return _shows_mail(attempt, "ruby", script)


def perl_imap_client(attempt: Attempt) -> bool:
    script = attempt.file(
        "client.pl",
        "use Mail::IMAPClient;",
        f"my $imap = Mail::IMAPClient->new(Server => '{attempt.host}', Port => {attempt.port},",
        f"  User => '{attempt.user}', Password => '{attempt.password}', Authmechanism => '{attempt.mechanism}')",
        "  or die 'no login';",
        "$imap->select('INBOX') or die 'no mailbox';",
        "print $imap->message_string($_) for $imap->messages;",
        "$imap->logout;",
    )
    return _shows_mail(attempt, "perl", script)


def nodemailer(attempt: Attempt) -> bool:
    script = attempt.file(
        "client.js",
        "const transport = require('nodemailer').createTransport({",
        f"  host: '{attempt.host}', port: {attempt.port}, ignoreTLS: true, authMethod: '{attempt.mechanism}',",
        f"  auth: {{ user: '{attempt.user}', pass: '{attempt.password}' }} }});",
        f"transport.sendMail({{ from: '{attempt.user}', to: '{_ELSEWHERE}', subject: 'a test', text: 'hello' }})",
        "  .catch(() => process.exit(1));",
    )
    return _succeeds(attempt, "node", script, NODE_PATH="/usr/share/nodejs")


FURTHER: dict[str, tuple[Client, dict[str, list[str]]]] = {
    "s-nail": (s_nail, {"POP": ["APOP", "USER"], "IMAP": ["CRAM-MD5", "LOGIN command"], "SMTP": ["CRAM-MD5", "LOGIN"]}),
    "neomutt": (neomutt, {"SMTP": ["CRAM-MD5"]}),
    "imapfilter": (imapfilter, {"IMAP": ["LOGIN command"]}),
    "offlineimap": (offlineimap, {"IMAP": ["PLAIN"]}),
    "getmail": (getmail, {"POP": ["APOP"]}),
    "Ruby's Net::IMAP": (ruby_net_imap, {"IMAP": ["CRAM-MD5"]}),
    "Perl's Mail::IMAPClient": (perl_imap_client, {"IMAP": ["PLAIN"]}),
    "nodemailer": (nodemailer, {"SMTP": ["LOGIN"]}),
}
"""Each program with the mechanisms that the tests use."""


def _succeeds(attempt: Attempt, *command: str, typed: str = "", **environment: str) -> bool:
    return _run(attempt, command, typed, environment).returncode == 0


def _shows_mail(attempt: Attempt, *command: str, typed: str = "", **environment: str) -> bool:
    """Return whether the program succeeds and shows the message that it has fetched."""
    done = _run(attempt, command, typed, environment)
    return done.returncode == 0 and _FETCHED in done.stdout


def _run(
    attempt: Attempt, command: tuple[str, ...], typed: str, environment: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        input=typed,
        text=True,
        capture_output=True,
        check=False,
        timeout=_SECONDS,
        cwd=attempt.folder,
        env=os.environ | {"HOME": str(attempt.folder)} | environment,
    )
