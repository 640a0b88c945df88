"""Real mail programs, and a function that logs in with each of them.

A program gets the password in a private file, on standard input, or as an argument of a Python call.
"""

from __future__ import annotations

import imaplib
import poplib
import smtplib
import ssl
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_SECONDS = 20
_MESSAGE = "From: alice@x.example\nTo: someone@elsewhere.example\nSubject: a test\n\nhello\n"
_ELSEWHERE = "someone@elsewhere.example"


@dataclass(frozen=True)
class Attempt:
    """One login. `tls` is "", "starttls" or "tls". `trusted` is a certificate that the client trusts."""

    protocol: str
    mechanism: str
    port: int
    user: str
    password: str
    folder: Path
    tls: str = ""
    trusted: Path | None = None
    host: str = "127.0.0.1"

    def file(self, name: str, *lines: str) -> str:
        """Write a private file. Return its path."""
        path = self.folder / name
        path.touch(0o600)
        path.write_text("".join(f"{line}\n" for line in lines))
        return str(path)


Client = Callable[[Attempt], bool]
"""Logs in and reads or sends mail. Returns True if the program reports success."""


def curl(attempt: Attempt) -> bool:
    scheme = {"POP": "pop3", "IMAP": "imap", "SMTP": "smtp"}[attempt.protocol] + ("s" if attempt.tls == "tls" else "")
    path = {"POP": "1", "IMAP": "INBOX;MAILINDEX=1", "SMTP": ""}[attempt.protocol]
    url = f"{scheme}://{attempt.host}:{attempt.port}/{path}"
    mechanism = "+APOP" if attempt.mechanism == "APOP" else attempt.mechanism
    arguments = ["--silent", "--show-error", "--config", "-", "--login-options", f"AUTH={mechanism}", url]
    if attempt.tls:
        arguments += ["--ssl-reqd", "--capath", "/nowhere", "--resolve", f"{attempt.host}:{attempt.port}:127.0.0.1"]
        arguments += ["--cacert", str(attempt.trusted)] if attempt.trusted else []
    if attempt.protocol == "SMTP":
        message = attempt.file("message", *_MESSAGE.splitlines())
        arguments += ["--mail-from", attempt.user, "--mail-rcpt", _ELSEWHERE, "--upload-file", message]
    return _run("curl", *arguments, typed=f'user = "{attempt.user}:{attempt.password}"\n')


def fetchmail(attempt: Attempt) -> bool:
    protocol = {"POP": "POP3", "IMAP": "IMAP"}[attempt.protocol]
    auth = {"CRAM-MD5": "cram-md5", "USER": "password", "LOGIN command": "password", "APOP": "any"}[attempt.mechanism]
    tls = {"": ['sslproto ""'], "starttls": ['sslproto "auto"'], "tls": ["ssl"]}[attempt.tls]
    if attempt.tls:
        tls += ["sslcertck", "sslcertpath /nowhere", f'sslcertfile "{attempt.trusted or "/dev/null"}"']
    configuration = attempt.file(
        "fetchmailrc",
        f"poll {attempt.host} protocol {'APOP' if attempt.mechanism == 'APOP' else protocol} port {attempt.port}",
        f'auth {auth} user "{attempt.user}" password "{attempt.password}" {" ".join(tls)}',
        f'mda "cat >{attempt.folder}/fetched"',
    )
    pid, ids = (str(attempt.folder / name) for name in ("fetchmail.pid", "fetchids"))
    return _run(
        "fetchmail", "--fetchmailrc", configuration, "--pidfile", pid, "--idfile", ids, "--nosyslog", "--nodetach"
    )


def mpop(attempt: Attempt) -> bool:
    for name in ("cur", "new", "tmp"):
        (attempt.folder / "maildir" / name).mkdir(parents=True, exist_ok=True)
    delivery = [f"delivery maildir {attempt.folder}/maildir", f"uidls_file {attempt.folder}/uidls"]
    return _run("mpop", "-C", attempt.file("mpoprc", *_mpop_or_msmtp(attempt), *delivery), "--quiet", "a")


def msmtp(attempt: Attempt) -> bool:
    configuration = attempt.file("msmtprc", *_mpop_or_msmtp(attempt), f"from {attempt.user}")
    return _run("msmtp", "-C", configuration, "-a", "a", _ELSEWHERE, typed=_MESSAGE)


def mbsync(attempt: Attempt) -> bool:
    (attempt.folder / "boxes").mkdir(exist_ok=True)
    mechanism = "LOGIN" if attempt.mechanism == "LOGIN command" else attempt.mechanism
    configuration = attempt.file(
        "mbsyncrc",
        "IMAPAccount a",
        f"Host {attempt.host}",
        f"Port {attempt.port}",
        f"User {attempt.user}",
        f'Pass "{attempt.password}"',
        f"AuthMechs {mechanism}",
        f"SSLType {({'': 'None', 'starttls': 'STARTTLS', 'tls': 'IMAPS'})[attempt.tls]}",
        "SystemCertificates no",
        *([f"CertificateFile {attempt.trusted}"] if attempt.trusted else []),
        "",
        "IMAPStore far",
        "Account a",
        "",
        "MaildirStore near",
        f"Inbox {attempt.folder}/boxes/inbox",
        f"Path {attempt.folder}/boxes/",
        "",
        "Channel c",
        "Far :far:",
        "Near :near:",
        "Create Near",
        "SyncState *",
    )
    return _run("mbsync", "--config", configuration, "c")


def swaks(attempt: Attempt) -> bool:
    configuration = attempt.file(
        "swaksrc",
        f"server {attempt.host}:{attempt.port}",
        f"auth {attempt.mechanism}",
        f"auth-user {attempt.user}",
        f"auth-password {attempt.password}",
        f"from {attempt.user}",
        f"to {_ELSEWHERE}",
        *{"": [], "starttls": ["tls"], "tls": ["tls-on-connect"]}[attempt.tls],
        *(["tls-verify", f"tls-ca-path {attempt.trusted or '/dev/null'}"] if attempt.tls else []),
    )
    return _run("swaks", "--config", configuration)


def python_poplib(attempt: Attempt) -> bool:
    try:
        if attempt.tls == "tls":
            pop: poplib.POP3 = poplib.POP3_SSL(attempt.host, attempt.port, context=_context(attempt), timeout=_SECONDS)
        else:
            pop = poplib.POP3(attempt.host, attempt.port, timeout=_SECONDS)
        if attempt.tls == "starttls":
            pop.stls(_context(attempt))
        if attempt.mechanism == "APOP":
            pop.apop(attempt.user, attempt.password)
        else:
            pop.user(attempt.user)
            pop.pass_(attempt.password)
        return bool(pop.stat()[0] == 1 and pop.retr(1)[1] and pop.quit())
    except (poplib.error_proto, ssl.SSLError):
        return False


def python_imaplib(attempt: Attempt) -> bool:
    try:
        if attempt.tls == "tls":
            imap: imaplib.IMAP4 = imaplib.IMAP4_SSL(
                attempt.host, attempt.port, ssl_context=_context(attempt), timeout=_SECONDS
            )
        else:
            imap = imaplib.IMAP4(attempt.host, attempt.port, timeout=_SECONDS)
        if attempt.tls == "starttls":
            imap.starttls(_context(attempt))
        if attempt.mechanism == "CRAM-MD5":
            imap.login_cram_md5(attempt.user, attempt.password)
        elif attempt.mechanism == "PLAIN":
            imap.authenticate("PLAIN", lambda _: f"\0{attempt.user}\0{attempt.password}".encode())
        else:
            imap.login(attempt.user, attempt.password)
        found = imap.select()[1] == [b"1"] and imap.fetch("1", "(RFC822)")[0] == "OK"
        imap.logout()
    except (imaplib.IMAP4.error, ssl.SSLError):
        return False
    return found


def python_smtplib(attempt: Attempt) -> bool:
    try:
        if attempt.tls == "tls":
            smtp: smtplib.SMTP = smtplib.SMTP_SSL(
                attempt.host, attempt.port, context=_context(attempt), timeout=_SECONDS
            )
        else:
            smtp = smtplib.SMTP(attempt.host, attempt.port, timeout=_SECONDS)
        with smtp:
            if attempt.tls == "starttls":
                smtp.starttls(context=_context(attempt))
            smtp.ehlo_or_helo_if_needed()
            smtp.user, smtp.password = attempt.user, attempt.password  # as smtplib's own login() does
            respond = getattr(smtp, f"auth_{attempt.mechanism.lower().replace('-', '_')}")
            smtp.auth(attempt.mechanism, respond)
            return not smtp.sendmail(attempt.user, _ELSEWHERE, _MESSAGE)
    except (smtplib.SMTPException, ssl.SSLError):
        return False


MECHANISMS: dict[str, tuple[Client, dict[str, list[str]]]] = {
    "curl": (
        curl,
        {
            "POP": ["APOP", "CRAM-MD5", "LOGIN", "PLAIN"],
            "IMAP": ["CRAM-MD5", "LOGIN", "PLAIN"],
            "SMTP": ["CRAM-MD5", "LOGIN", "PLAIN"],
        },
    ),
    "fetchmail": (fetchmail, {"POP": ["APOP", "CRAM-MD5", "USER"], "IMAP": ["CRAM-MD5", "LOGIN command"]}),
    "mpop": (mpop, {"POP": ["APOP", "CRAM-MD5", "LOGIN", "PLAIN", "USER"]}),
    "mbsync": (mbsync, {"IMAP": ["CRAM-MD5", "LOGIN command", "PLAIN"]}),
    "msmtp": (msmtp, {"SMTP": ["CRAM-MD5", "LOGIN", "PLAIN"]}),
    "swaks": (swaks, {"SMTP": ["CRAM-MD5", "LOGIN", "PLAIN"]}),
    "Python's poplib": (python_poplib, {"POP": ["APOP", "USER"]}),
    "Python's imaplib": (python_imaplib, {"IMAP": ["CRAM-MD5", "LOGIN command", "PLAIN"]}),
    "Python's smtplib": (python_smtplib, {"SMTP": ["CRAM-MD5", "LOGIN", "PLAIN"]}),
}
"""Each program with the mechanisms that it can be set to use. USER and the LOGIN command are listed too."""


def _mpop_or_msmtp(attempt: Attempt) -> list[str]:
    """Return the configuration lines that mpop and msmtp share."""
    tls = [f"tls {'on' if attempt.tls else 'off'}", f"tls_starttls {'on' if attempt.tls == 'starttls' else 'off'}"]
    return [
        "account a",
        f"host {attempt.host}",
        f"port {attempt.port}",
        f"user {attempt.user}",
        f'password "{attempt.password}"',
        f"auth {attempt.mechanism.lower()}",
        *tls,
        *([f"tls_trust_file {attempt.trusted}"] if attempt.trusted else []),
    ]


def _context(attempt: Attempt) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if attempt.trusted:
        context.load_verify_locations(attempt.trusted)
    return context


def _run(*command: str, typed: str = "") -> bool:
    done = subprocess.run(command, input=typed, text=True, capture_output=True, check=False, timeout=_SECONDS)
    return done.returncode == 0
