"""Real mail programs log in to the harness, and the helper checks the password.

A program may silently use another mechanism. So each test looks at the request that the helper got.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backends.ldap.ldap_site import ENTRIES, HASHES, ldap_site, person, section
from tests.backends.ldap.slapd import Slapd
from tests.backends.pam.services import Services
from tests.harness.mail.clients import MECHANISMS, Attempt
from tests.harness.mail.further_clients import FURTHER
from tests.harness.mail.server import MailServer
from tests.helper import EXTAUTH
from tests.paths import ROOT

SERVICE = {"POP": "pop3", "IMAP": "imap", "SMTP": "smtp"}
PASSWORD = "open sesame"
PROGRAMS = MECHANISMS | FURTHER
CASES = [
    pytest.param(program, protocol, mechanism, id=f"{program}-{protocol}-{mechanism}")
    for program, (_, protocols) in PROGRAMS.items()
    for protocol, mechanisms in protocols.items()
    for mechanism in mechanisms
]

CONFIG = """\
[helper]
workers = 1
[[backend]]
type = "files"
name = "files"
path = "passwd"
domains = ["files.example"]
[[backend]]
type = "pam"
name = "pam"
service = "mail"
service_folder = "pam.d"
domains = ["pam.example"]
"""

ACCOUNTS = "".join(
    f'[[domain]]\nname = "{domain}.example"\nfailed_login_flow = [1000, "1m"]\n[[domain.account]]\nname = "alice"\n'
    for domain in ("files", "pam", "bind", "hash")
)


def by_uid(uid: str) -> str:
    return f'base = "ou=people,dc=example"\nfilter = "(uid={uid})"'


@pytest.fixture(scope="module")
def mail_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MailServer]:
    """A mail server and a helper. The accounts are in a file, in PAM, and in an LDAP directory."""
    folder = tmp_path_factory.mktemp("clients")
    slapd = Slapd(
        folder / "slapd", ENTRIES + person("alice", PASSWORD) + person("alice-clear", "{CLEARTEXT}" + PASSWORD)
    )
    Services(folder / "pam.d").pwdfile("mail", {"alice": PASSWORD})
    site = ldap_site(folder)
    site.write("passwd", f"alice@files.example:{{PLAIN}}{PASSWORD}\n")
    directory = [
        section(check, by_uid(name), HASHES, f'check = "{check}"', servers=repr(slapd.url))
        for check, name in (("bind", "{name}"), ("hash", "{name}-clear"))
    ]
    site.configure("\n".join([CONFIG, *directory]))
    helper = [*EXTAUTH, "serve", "-c", str(site.config)]
    with contextlib.ExitStack() as stack:
        stack.callback(slapd.kill)
        yield stack.enter_context(MailServer(folder, ACCOUNTS, helper, "--interface", "7"))


def log_in(
    mail_server: MailServer, program: str, protocol: str, mechanism: str, domain: str, password: str, folder: Path
) -> bool:
    """Log in with the program. Check the log, and return True if the program reports success."""
    seen = len(mail_server.log)
    user = f"alice@{domain}.example"
    succeeded = PROGRAMS[program][0](
        Attempt(protocol, mechanism, mail_server.port(SERVICE[protocol]), user, password, folder)
    )
    records = mail_server.wait_for(rf"{protocol} \[\d+\] (logged in|refused)", since=seen)
    outcome = records[-1]
    [request] = [record for record in records if " EXTAUTH I: " in record and " INTF " not in record]
    if mechanism in ("APOP", "CRAM-MD5"):
        expected = rf"SASL\({mechanism}\) \({protocol}\) {user} \*\*\* <{protocol.lower()}-[0-9a-f]+@localhost>"
    else:
        expected = rf"VRFY \({protocol}\) {user} \*\*\*"
    assert re.fullmatch(rf"5 EXTAUTH I: \d+ {expected}", request), request
    assert f"{user}, {mechanism}, no TLS: External" in outcome
    assert succeeded is ("logged in" in outcome), outcome
    assert password not in "\n".join(records)
    return succeeded


@pytest.mark.parametrize(("program", "protocol", "mechanism"), CASES)
def test_each_program_logs_in_with_each_mechanism(
    mail_server: MailServer, program: str, protocol: str, mechanism: str, tmp_path: Path
) -> None:
    assert log_in(mail_server, program, protocol, mechanism, "files", PASSWORD, tmp_path)
    assert not log_in(mail_server, program, protocol, mechanism, "files", "open sesam", tmp_path)


@pytest.mark.parametrize("domain", ["pam", "bind"])
@pytest.mark.parametrize(
    ("program", "protocol"),
    [(program, protocol) for program, (_, protocols) in MECHANISMS.items() for protocol in protocols],
)
def test_each_program_logs_in_with_pam_and_ldap_passwords(
    mail_server: MailServer, program: str, protocol: str, domain: str, tmp_path: Path
) -> None:
    mechanism = MECHANISMS[program][1][protocol][-1]
    assert log_in(mail_server, program, protocol, mechanism, domain, PASSWORD, tmp_path)


def test_challenge_response_works_with_clear_text_in_ldap(mail_server: MailServer, tmp_path: Path) -> None:
    assert log_in(mail_server, "curl", "POP", "APOP", "hash", PASSWORD, tmp_path)
    assert log_in(mail_server, "msmtp", "SMTP", "CRAM-MD5", "hash", PASSWORD, tmp_path)
    assert not log_in(mail_server, "mbsync", "IMAP", "CRAM-MD5", "hash", "open sesam", tmp_path)


@pytest.mark.parametrize("domain", ["pam", "bind"])
def test_challenge_response_fails_with_pam_and_ldap_bind(mail_server: MailServer, domain: str, tmp_path: Path) -> None:
    assert not log_in(mail_server, "fetchmail", "IMAP", "CRAM-MD5", domain, PASSWORD, tmp_path)


def test_the_page_lists_the_mechanisms_of_each_program() -> None:
    page = (ROOT / "docs" / "mail-server-commands.md").read_text()
    table = {}
    for program, *cells in re.findall(r"^\| ([^|`]+) \| ([^|]*) \| ([^|]*) \| ([^|]*) \|$", page, re.MULTILINE):
        mechanisms = {protocol: cell for protocol, cell in zip(SERVICE, cells, strict=True) if cell != "-"}
        if program in PROGRAMS:
            table[program] = {protocol: sorted(cell.split(", ")) for protocol, cell in mechanisms.items()}
    assert table == {program: protocols for program, (_, protocols) in PROGRAMS.items()}
