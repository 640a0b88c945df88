"""The backends `imap` and `pop3` with a real Dovecot."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from extauth.backends.context import BackendContext
from extauth.backends.imap_pop3 import Imap, Pop3
from extauth.backends.imap_pop3.settings import ImapSettings, Pop3Settings
from extauth.model import Account, Secret, Verdict, VerdictResult
from extauth.protocol.accounts import AccountParser
from tests.backends.imap_pop3.dovecot import Dovecot, WithoutPlain
from tests.backends.ldap.slapd import Certificates
from tests.helper import Site
from tests.needs import needs_root
from tests.paths import EXAMPLES

pytestmark = needs_root

OK, REFUSED, TEMPORARY = b"OK", b"ERROR incorrect password", b"ERROR temporary failure"
HEAD = '[helper]\nworkers = 1\n[log]\nmail_server_level = "Low Level"\n'
WAYS = ["imap", "imaps", "imap-starttls", "imap-login", "pop3", "pop3s", "pop3-starttls", "pop3-user"]
"""Protocol, and TLS or the older login without SASL."""


def section(way: str, server: str, *keys: str) -> str:
    """Return a [[backend]] section."""
    lines = [f'type = "{way[:4]}"', f'name = "{way}"', f"server = {server!r}", *keys]
    return "\n".join(["[[backend]]", *lines, ""])


NAME = 'username = "{name}"'


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def dovecot(certificates: Certificates) -> Iterator[Dovecot]:
    dovecot = Dovecot(certificates)
    yield dovecot
    dovecot.end()


LOGINS = {
    b"alice@x.example open sesame": OK,
    b"alice@x.example open sesam": REFUSED,
    b'alice@x.example "open\\tsesame"': REFUSED,
    b'alice@x.example "open sesame\\r\\nNOOP"': b"ERROR malformed request",
    b"alice@x.example open sesame" + b"x" * 300: REFUSED,
    b"nobody@x.example pw9": REFUSED,
    'odd@x.example ä "q" \\x {5}'.encode(): OK,
    b"alice@short.example of the short name": OK,
    b"alice@short.example open sesame": REFUSED,
    b"alice@broken.example open sesame": TEMPORARY,
}


@pytest.mark.parametrize("way", WAYS)
def test_login_gets_the_answer_of_dovecot(site: Site, dovecot: Dovecot, certificates: Certificates, way: str) -> None:
    site.write("ca.pem", certificates.authority.read_bytes())
    protocol, _, more = way.partition("-")
    url = dovecot.url(protocol)
    if more in ("login", "user"):
        proxy = WithoutPlain(dovecot.ports[protocol])
        url = f"{protocol}://127.0.0.1:{proxy.port}"
    tls = ['ca_file = "ca.pem"'] if protocol.endswith("s") or more == "starttls" else []
    starttls = ["starttls = true"] if more == "starttls" else []
    names = ['domains = ["x.example", "broken.example"]']
    short = section(f"{protocol}-short", url, *tls, *starttls, 'domains = ["short.example"]', 'username = "{name}"')
    site.configure(HEAD + section(way, url, *tls, *starttls, *names) + short)
    helper = site.serve()
    assert helper.ask(b"start INTF 7") == b"INTF 7"  # now quoted passwords are decoded
    helper.send(*(b"%d VRFY %s" % (number, login) for number, login in enumerate(LOGINS)))
    replies = {login: helper.reply(b"%d" % number) for number, login in enumerate(LOGINS)}
    assert replies == LOGINS, (helper.information, dovecot.log()[-800:])
    if more in ("login", "user"):
        assert (b"LOGIN {15}" if more == "login" else b"USER alice") in proxy.received
        proxy.close()
    checked = site.run("check", "-c", str(site.config))
    assert f"{url} is available and takes passwords" in checked.stdout.decode(), checked


@pytest.mark.parametrize("way", ["imap", "imap-login", "pop3", "pop3-user"])
def test_line_end_in_a_password_is_no_command(dovecot: Dovecot, way: str) -> None:
    """The front door refuses such passwords. So this test calls the backends themselves."""
    kind, _, more = way.partition("-")
    proxy = WithoutPlain(dovecot.ports[kind], is_hiding=bool(more))
    imap = kind == "imap"
    settings = (ImapSettings if imap else Pop3Settings)(server=f"{kind}://127.0.0.1:{proxy.port}")
    context = BackendContext("x", None, AccountParser(), deadline=15)
    backend = Imap(settings, context) if imap else Pop3(settings, context)  # type: ignore[arg-type]
    alice = Account("alice", "x.example")

    async def verdicts() -> list[Verdict]:
        endings = (b"", b"\r\nNOOP", b"\n", b"\0", b"x" * 300)
        found = [await backend.verify_password(alice, Secret(b"open sesame" + ending)) for ending in endings]
        return [each.verdict if isinstance(each, VerdictResult) else each for each in found]

    assert asyncio.run(verdicts()) == [Verdict.OK, *[Verdict.PASSWORD_MISMATCH] * 4]
    assert (b"\r\nNOOP" in proxy.received) is (way == "imap-login")  # there it is in a literal
    assert (b"x" * 300 in proxy.received) is (way == "imap-login")  # a server may cut a long line of POP3
    proxy.close()


@pytest.mark.parametrize("keys", ["", "verify_certificate = false"])
def test_unknown_certificate_gets_no_password(site: Site, dovecot: Dovecot, keys: str) -> None:
    urls = {way: dovecot.url(way.partition("-")[0]) for way in ("imaps", "imap-starttls", "pop3s", "pop3-starttls")}
    sections = [
        section(way, url, keys, "starttls = true" if "starttls" in way else "", f'domains = ["{way}.example"]', NAME)
        for way, url in urls.items()
    ]
    site.configure(HEAD + "".join(sections))
    helper = site.serve()
    for way in urls:
        assert helper.ask(f"1 VRFY alice@{way}.example of the short name".encode()) == (OK if keys else TEMPORARY)
        if not keys:
            helper.wait_for_information(f"account=alice@{way}.*TLS: certificate: ")
    assert site.run("check", "-c", str(site.config)).returncode == (0 if keys else 3)


def test_the_example_serves_after_its_server_is_named(site: Site, dovecot: Dovecot, certificates: Certificates) -> None:
    example = (EXAMPLES / "imap.toml").read_text().replace("imaps://old-mail.example.com", dovecot.url("imaps"))
    site.configure(example.replace('"example.com"', '"x.example"') + f'ca_file = "{certificates.authority}"\n')
    requests = b"1 INTF 7", b"2 VRFY alice@x.example open sesame", b"3 NEW nobody@x.example"
    assert site.session(*requests)[1:] == [b"2 OK", b"3 FAILURE temporary failure"]


MISTAKES = {
    'server = "imap://mail.example.com"': "would receive passwords in the clear",
    'server = "imaps://mail.example.com"\nstarttls = true': "starttls: is used only with imap://",
    'server = "imaps://alice:pw9@mail.example.com"': "not shown, it may contain a password",
    'server = "pop3s://mail.example.com"': "must be imaps://host",
    'server = "imaps://mail.example.com"\nusername = "x"': "must contain {name} or {account}",
    'server = "imaps://mail.example.com"\nusername = "{user}"': "{user} is unknown",
    'server = "imaps://mail.example.com"\noverall_timeout = 15': "must be less than helper.deadline",
    'server = "imap://127.0.0.1"\ntls_ciphers = "DEFAULT"': "is used only with a URL with TLS",
}
"""Keys of a backend, and a part of the error."""


def test_wrong_settings_are_refused(site: Site) -> None:
    site.configure("".join(f'[[backend]]\ntype = "imap"\n{keys}\n' for keys in MISTAKES))
    done = site.run("check", "-c", str(site.config))
    assert done.returncode == 1
    shown = done.stderr.decode().splitlines()
    for number, (line, problem) in enumerate(zip(shown, MISTAKES.values(), strict=True), start=1):
        assert f"[[backend]] number {number}, " in line
        assert problem in line
        assert "pw9" not in line
