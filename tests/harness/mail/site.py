"""A mail server with accounts of every kind, a private PAM service, and a helper with a password file."""

from __future__ import annotations

import poplib
import re
from pathlib import Path

from tests.backends.pam.services import Services
from tests.harness.mail.server import MailServer
from tests.helper import EXTAUTH, Site

HASH_OF_PASSWORD = "$6$saltsalt$qFmFH.bQmmtXzyBY0s9v7Oicd2z4XSIecDzlB5KiA2/jctKu9YterLp8wwnSq.qc.eoxqOmSuNp2xS0ktL3nh/"

ACCOUNTS = f"""\
pam_service = "mail"
pam_service_folder = "pam.d"

[[domain]]
name = "example.com"
os_user_name = "u-*"
aliases = ["example.net"]

[[domain.account]]
name = "alice"
password = "own one"

[[domain.account]]
name = "hashed"
password_hash = "{HASH_OF_PASSWORD}"
use_external_password = false

[[domain.account]]
name = "empty"
password = ""
use_external_password = false

[[domain.account]]
name = "closed"
use_external_password = false

[[domain.account]]
name = "strict"
secure_method_required = true

[[domain.account]]
name = "system"
password = "own one"
use_os_password = true

[[domain.account]]
name = "transcript"
password = "own one"

[[domain.account]]
name = "imap"
password = "own one"

[[domain.account]]
name = "migrates"

[[domain.account]]
name = "migrates-from-os"
use_os_password = true
password_encryption = "crypt"

[[domain.account]]
name = "stays"
use_own_password = false

[[domain.account]]
name = "odd name"

[[domain.account]]
name = "jürgen"

[[domain]]
name = "example.org"
addresses = ["127.0.0.5"]

[domain.defaults]
secure_method_required = true

[[domain.account]]
name = "alice"
password = "the other alice"
secure_method_required = false

[[domain.account]]
name = "bob"
"""

_EXTERNAL = ("alice", "closed", "strict", "system", "migrates", "stays", "stranger", "odd name", "jürgen")


def mail_site(folder: Path, *options: str) -> MailServer:
    """Start the mail server.

    The External password of each account is "external one". Two accounts have the OS password "os one".
    """
    services = Services(folder / "pam.d")
    services.pwdfile("mail", {"u-system": "os one", "u-migrates-from-os": "os one"})
    checks = f"auth required pam_pwdfile.so pwdfile={folder}/mail.pwdfile nodelay"
    services.write("mail", checks, "account required pam_permit.so")
    site = Site(folder)
    addresses = [*(f"{name}@example.com" for name in _EXTERNAL), "bob@example.org"]
    site.write("passwd", "".join(f"{name}:{{PLAIN}}external one\n" for name in addresses))
    site.configure()
    return MailServer(folder, ACCOUNTS, [*EXTAUTH, "serve", "-c", str(site.config)], *options)


def log_in(mail_server: MailServer, name: str, password: str, *, apop: bool) -> tuple[str, list[str]]:
    """Log in by POP. Return the outcome from the log, and the requests that the helper got."""
    seen = len(mail_server.log)
    pop = poplib.POP3("127.0.0.1", mail_server.port("pop3"), timeout=20)
    try:
        if apop:
            pop.apop(name, password)
        else:
            pop.user(name)
            pop.pass_(password)
        pop.quit()
    except poplib.error_proto:
        pop.close()
    records = mail_server.wait_for(r" POP .* (logged in|refused|temporary failure): ", since=seen)
    mechanism = "APOP" if apop else "USER"
    record = re.fullmatch(
        rf"\d POP \[\d+\] (logged in|refused|temporary failure): (.*), {mechanism}, no TLS: (.*)", records[-1]
    )
    assert record is not None, records
    requests = [match[1] for match in (re.match(r"5 EXTAUTH I: \d+ (.*)", line) for line in records) if match]
    return f"{record[2]} {record[1]}: {record[3]}", [re.sub("<pop-.*>", "<>", request) for request in requests]
