"""The backends `imap` and `pop3` with a real Cyrus: its refusals and its outages."""

from __future__ import annotations

import imaplib
from collections.abc import Iterator

import pytest

from tests.backends.imap_pop3.cyrus import KINDS, Cyrus
from tests.backends.imap_pop3.dovecot import WithoutPlain
from tests.backends.imap_pop3.test_dovecot import HEAD, OK, REFUSED, TEMPORARY, section
from tests.helper import Helper, Site
from tests.needs import needs_root

pytestmark = needs_root

PASSWORD = "open sesame"
WAYS = ["imap", "imap-login", "pop3", "pop3-user"]
USERS = [*WAYS, "busy", "denied"]
"""Each way has a user of its own: by POP3 a user can log in only once at a time."""


@pytest.fixture(scope="module")
def cyrus() -> Iterator[Cyrus]:
    cyrus = Cyrus([f"{user}@x.example" for user in USERS], PASSWORD, denied="denied@x.example")
    yield cyrus
    cyrus.end()


@pytest.fixture(scope="module")
def helper(cyrus: Cyrus, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Helper]:
    """A helper with a backend for each way and each kind. Its domain is `WAY.KIND.example`."""
    site = Site(tmp_path_factory.mktemp("site"))
    sections, proxies = [], []
    for kind in KINDS:
        for way in WAYS:
            protocol, _, older = way.partition("-")
            port = cyrus.ports[kind, protocol]
            if older:
                proxies.append(WithoutPlain(port))
                port = proxies[-1].port
            keys = f'domains = ["{way}.{kind}.example"]', 'username = "{name}@x.example"'
            text = section(way, f"{protocol}://127.0.0.1:{port}", *keys)
            sections.append(text.replace(f'name = "{way}"', f'name = "{way}-{kind}"'))
    site.configure(HEAD + "".join(sections))
    helper = site.serve()
    yield helper
    helper.kill()
    for proxy in proxies:
        proxy.close()


@pytest.mark.parametrize("way", WAYS)
def test_login_gets_the_answer_of_cyrus(helper: Helper, way: str) -> None:
    domain = f"{way}.works.example"
    assert helper.ask(f"1 VRFY {way}@{domain} {PASSWORD}".encode()) == OK, helper.information
    assert helper.ask(f"2 VRFY {way}@{domain} open sesam".encode()) == REFUSED
    assert helper.ask(f"3 VRFY unknown@{domain} {PASSWORD}".encode()) == REFUSED


@pytest.mark.parametrize("way", WAYS)
def test_user_denied_by_cyrus_cannot_log_in(helper: Helper, way: str) -> None:
    """After USER, Cyrus says [SYS/TEMP]. In the other ways it says "authorization failure", without a code for it."""
    reply = helper.ask(f"1 VRFY denied@{way}.works.example {PASSWORD}".encode())
    assert reply == (TEMPORARY if way == "pop3-user" else REFUSED), helper.information


@pytest.mark.parametrize("way", WAYS)
def test_too_many_logins_at_cyrus_are_a_temporary_failure(helper: Helper, cyrus: Cyrus, way: str) -> None:
    with imaplib.IMAP4("127.0.0.1", cyrus.ports["one-login", "imap"]) as session:
        session.login("busy@x.example", PASSWORD)
        assert helper.ask(f"1 VRFY busy@{way}.one-login.example {PASSWORD}".encode()) == TEMPORARY, helper.information


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", ["no-saslauthd", "no-sasldb"])
def test_outage_of_cyrus_is_temporary_if_its_reply_shows_it(helper: Helper, way: str, kind: str) -> None:
    """Without its sasldb, Cyrus answers as for a wrong password. The same holds for PASS without saslauthd."""
    is_told = kind == "no-saslauthd" and way != "pop3-user"
    reply = helper.ask(f"1 VRFY {way}@{way}.{kind}.example {PASSWORD}".encode())
    assert reply == (TEMPORARY if is_told else REFUSED), helper.information
