"""Mail programs that nobody here wrote log in to the harness, and the helper says whether the password is right.

Programs fall back to other methods without a word, so each test looks at the request that the helper was sent.
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
from tests.harness.mail.clients import METHODS, Attempt
from tests.harness.mail.server import MailServer
from tests.helper import EXTAUTH
from tests.paths import ROOT

SERVICE = {"POP": "pop3", "IMAP": "imap", "SMTP": "smtp"}
PASSWORD = "open sesame"
CASES = [
    pytest.param(program, protocol, method, id=f"{program}-{protocol}-{method}")
    for program, (_, protocols) in METHODS.items()
    for protocol, methods in protocols.items()
    for method in methods
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
    f'[[domain]]\nname = "{domain}.example"\n[[domain.account]]\nname = "alice"\n'
    for domain in ("files", "pam", "bind", "hash")
)


def by_uid(uid: str) -> str:
    return f'base = "ou=people,dc=example"\nfilter = "(uid={uid})"'


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MailServer]:
    """A mail server and a helper with accounts in a file, with PAM, and in a directory."""
    folder = tmp_path_factory.mktemp("clients")
    slapd = Slapd(
        folder / "slapd", ENTRIES + person("alice", PASSWORD) + person("alice-clear", "{CLEARTEXT}" + PASSWORD)
    )
    Services(folder / "pam.d").pwdfile("mail", {"alice": PASSWORD})
    site = ldap_site(folder)
    site.write("passwd", f"alice@files.example:{{PLAIN}}{PASSWORD}\n")
    directory = [
        section("ldap3", check, by_uid(name), HASHES, f'check = "{check}"', servers=repr(slapd.url))
        for check, name in (("bind", "{name}"), ("hash", "{name}-clear"))
    ]
    site.configure("\n".join([CONFIG, *directory]))
    helper = [*EXTAUTH, "serve", "-c", str(site.config)]
    with contextlib.ExitStack() as stack:
        stack.callback(slapd.kill)
        yield stack.enter_context(MailServer(folder, ACCOUNTS, helper, "--interface", "7"))


def log_in(
    server: MailServer, program: str, protocol: str, method: str, domain: str, password: str, folder: Path
) -> bool:
    """Have the program log in: whether it says that it could. The records tell whether it did what it was told."""
    seen = len(server.log)
    user = f"alice@{domain}.example"
    says_yes = METHODS[program][0](Attempt(protocol, method, server.port(SERVICE[protocol]), user, password, folder))
    records = server.wait_for(rf"{protocol} \[\d+\] (logged in|refused)", since=seen)
    outcome = records[-1]
    [request] = [record for record in records if " EXTAUTH I: " in record and " INTF " not in record]
    if method in ("APOP", "CRAM-MD5"):
        expected = rf"SASL\({method}\) \({protocol}\) {user} \*\*\* <{protocol.lower()}-[0-9a-f]+@localhost>"
    else:
        expected = rf"VRFY \({protocol}\) {user} \*\*\*"
    assert re.fullmatch(rf"5 EXTAUTH I: \d+ {expected}", request), request
    assert f"{user}, {method}, no TLS: External" in outcome
    assert says_yes is ("logged in" in outcome), outcome
    assert password not in "\n".join(records)
    return says_yes


@pytest.mark.parametrize(("program", "protocol", "method"), CASES)
def test_each_program_logs_in_by_each_of_its_methods(
    server: MailServer, program: str, protocol: str, method: str, tmp_path: Path
) -> None:
    assert log_in(server, program, protocol, method, "files", PASSWORD, tmp_path)
    assert not log_in(server, program, protocol, method, "files", "open sesam", tmp_path)


@pytest.mark.parametrize("domain", ["pam", "bind"])
@pytest.mark.parametrize(
    ("program", "protocol"),
    [(program, protocol) for program, (_, protocols) in METHODS.items() for protocol in protocols],
)
def test_each_program_logs_in_with_a_password_of_pam_and_of_a_directory(
    server: MailServer, program: str, protocol: str, domain: str, tmp_path: Path
) -> None:
    method = METHODS[program][1][protocol][-1]
    assert log_in(server, program, protocol, method, domain, PASSWORD, tmp_path)


def test_a_secure_method_is_served_by_a_directory_that_holds_the_clear_text(server: MailServer, tmp_path: Path) -> None:
    assert log_in(server, "curl", "POP", "APOP", "hash", PASSWORD, tmp_path)
    assert log_in(server, "msmtp", "SMTP", "CRAM-MD5", "hash", PASSWORD, tmp_path)
    assert not log_in(server, "mbsync", "IMAP", "CRAM-MD5", "hash", "open sesam", tmp_path)


@pytest.mark.parametrize("domain", ["pam", "bind"])
def test_a_secure_method_is_not_served_by_a_password_that_is_stored_one_way(
    server: MailServer, domain: str, tmp_path: Path
) -> None:
    assert not log_in(server, "fetchmail", "IMAP", "CRAM-MD5", domain, PASSWORD, tmp_path)


def test_the_page_names_the_methods_of_each_program() -> None:
    page = (ROOT / "docs" / "mail-server.md").read_text()
    table = {}
    for program, *cells in re.findall(r"^\| ([^|`]+) \| ([^|]*) \| ([^|]*) \| ([^|]*) \|$", page, re.MULTILINE):
        methods = {protocol: cell for protocol, cell in zip(SERVICE, cells, strict=True) if cell != "-"}
        if program in METHODS:
            table[program] = {protocol: sorted(cell.split(", ")) for protocol, cell in methods.items()}
    assert table == {program: protocols for program, (_, protocols) in METHODS.items()}
