"""A mail server with accounts of every kind, a PAM service of its own, and a helper with a password file."""

from __future__ import annotations

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
    """Start it. Whoever the helper knows has "external one" there, and the system knows two by "os one"."""
    services = Services(folder / "pam.d")
    services.pwdfile("mail", {"u-system": "os one", "u-migrates-from-os": "os one"})
    checks = f"auth required pam_pwdfile.so pwdfile={folder}/mail.pwdfile nodelay"
    services.write("mail", checks, "account required pam_permit.so")
    site = Site(folder)
    names = [*(f"{name}@example.com" for name in _EXTERNAL), "bob@example.org"]
    site.write("passwd", "".join(f"{name}:{{PLAIN}}external one\n" for name in names))
    site.configure()
    return MailServer(folder, ACCOUNTS, [*EXTAUTH, "serve", "-c", str(site.config)], *options)
