"""`[provision]` and Consult External together: the first mail or login of a user creates the account."""

from __future__ import annotations

from pathlib import Path

from tests.harness.mail.server import LineClient, MailServer
from tests.harness.mail.site import log_in
from tests.helper import EXTAUTH, Site

ACCOUNTS = """
[[domain]]
name = "example.com"
external_on_unknown = true
account = [{ name = "postmaster", password = "secret of postmaster" }]
"""
CONFIGURATION = """
[helper]
workers = 1
[mail_server]
account = "postmaster"
password_file = "secret"
port = PORT
[provision]
[[backend]]
type = "files"
path = "passwd"
"""


def test_first_mail_and_first_login_create_the_account(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.write("passwd", "anna@example.com:{PLAIN}open sesame\nbob@example.com:{PLAIN}open sesame\n")
    site.write("secret", "secret of postmaster\n")
    site.configure(CONFIGURATION)
    start = f"until [ -s port ]; do sleep 0.05; done; sed -i s/PORT/$(cat port)/ {site.config}; exec $0 serve -c $1"
    helper = ["sh", "-c", f"cd {tmp_path}; {start}", *EXTAUTH, str(site.config)]
    with MailServer(tmp_path, ACCOUNTS, helper, "--interface", "7") as server:
        (tmp_path / "port.new").write_text(str(server.port("pwd")))
        (tmp_path / "port.new").rename(tmp_path / "port")
        assert log_in(server, "anna@example.com", "open sesame", apop=False) == (
            "anna@example.com logged in: External OK",
            ["NEW (POP) anna@example.com", "VRFY (POP) anna@example.com ***"],
        )
        with LineClient(server.port("smtp")) as smtp:
            smtp.read()
            for line in (b"HELO client.example", b"MAIL FROM:<someone@elsewhere.example>"):
                assert smtp.ask(line).startswith(b"250")
            assert smtp.ask(b"RCPT TO:<bob@example.com>").startswith(b"250")
            assert smtp.ask(b"RCPT TO:<nobody@example.com>").startswith(b"550")
        assert server.end() == 0
