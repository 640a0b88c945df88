"""The backends `imap` and `pop3` with answers that Dovecot does not give: old servers, outages, hostile ones."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from extauth.backends.imap_pop3.answers import POP3_REFUSALS, REFUSALS, UNDECIDED
from extauth.backends.imap_pop3.answers import UNAVAILABLE as UNAVAILABLE_CODES
from tests.backends.imap_pop3.dovecot import Answers
from tests.backends.imap_pop3.test_dovecot import HEAD, OK, REFUSED, TEMPORARY
from tests.helper import Helper, Site
from tests.paths import ROOT

SECRET = b"open sesame"
STARTTLS = "starttls = true\n"
TIMES = "connect_timeout = 1\noverall_timeout = 2\n"

Answered = dict[bytes, bytes | None]

IMAP: Answered = {
    b"STARTTLS": b"TAG OK go\r\n",
    b"CAPABILITY": b"* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\nTAG OK\r\n",
    b"AUTHENTICATE": b"+ \r\n",
    b"DATA": b"TAG OK\r\n",
}
POP3: Answered = {
    b"STLS": b"+OK\r\n",
    b"CAPA": b"+OK\r\nSASL PLAIN\r\n.\r\n",
    b"AUTH": b"+ \r\n",
    b"DATA": b"+OK\r\n",
    b"STAT": b"+OK 0 0\r\n",
}
CODES: Answered = {b"CAPA": b"+OK\r\nSASL PLAIN\r\nAUTH-RESP-CODE\r\n.\r\n"}
OLD: Answered = {b"CAPA": b"-ERR unknown\r\n", b"USER": b"+OK\r\n", b"PASS": b"+OK\r\n"}
WITHOUT: Answered = {b"CAPABILITY": b"* CAPABILITY IMAP4rev1\r\nTAG OK\r\n", b"LOGIN": b"+ \r\n"}
UNAVAILABLE = "unavailable"
"""A temporary failure for which an emergency backend is asked."""


def imap(after_password: bytes) -> Answered:
    return IMAP | {b"DATA": after_password}


def pop3(after_password: bytes) -> Answered:
    return POP3 | {b"DATA": after_password}


# name: greeting, keys, answers, reply, and a pattern of the reason
CASES: dict[str, tuple[bytes, str, Answered, bytes | str, str]] = {
    "ok": (b"* OK\r\n", "", IMAP, OK, "verdict=OK"),
    "failed": (b"* OK hi\r\n", "", imap(b"TAG NO [AUTHENTICATIONFAILED] no\r\n"), REFUSED, "PASSWORD_MISMATCH"),
    "bare": (b"* OK hi\r\n", "", imap(b"TAG NO Login failed\r\n"), REFUSED, "PASSWORD_MISMATCH.*without a code"),
    "expired": (b"* OK hi\r\n", "", imap(b"TAG NO [EXPIRED] no\r\n"), REFUSED, "PASSWORD_EXPIRED"),
    "noperm": (b"* OK hi\r\n", "", imap(b"TAG NO [noperm] no\r\n"), REFUSED, "USER_DISABLED"),
    "authz": (b"* OK hi\r\n", "", imap(b"TAG NO [AUTHORIZATIONFAILED]\r\n"), REFUSED, "USER_DISABLED"),
    "unavailable": (b"* OK hi\r\n", "", imap(b"TAG NO [UNAVAILABLE] no\r\n"), UNAVAILABLE, r"NO \[UNAVAILABLE\]"),
    "inuse": (b"* OK hi\r\n", "", imap(b"TAG NO [INUSE] no\r\n"), TEMPORARY, r"NO \[INUSE\]"),
    "limit": (b"* OK hi\r\n", "", imap(b"TAG NO [LIMIT] no\r\n"), TEMPORARY, r"NO \[LIMIT\]"),
    "contact": (b"* OK hi\r\n", "", imap(b"TAG NO [CONTACTADMIN] no\r\n"), TEMPORARY, r"NO \[CONTACTADMIN\]"),
    "privacy": (b"* OK hi\r\n", "", imap(b"TAG NO [PRIVACYREQUIRED]\r\n"), TEMPORARY, r"NO \[PRIVACYREQUIRED\]"),
    "unknown": (b"* OK hi\r\n", "", imap(b"TAG NO [open sesame] no\r\n"), TEMPORARY, "NO with an unknown code"),
    "words": (b"* OK hi\r\n", "", imap(b"TAG NO Try again later\r\n"), TEMPORARY, "not about the password"),
    "bad": (b"* OK hi\r\n", "", imap(b"TAG BAD no\r\n"), TEMPORARY, "BAD"),
    "bye": (b"* OK hi\r\n", "", imap(b"* BYE open sesame\r\n"), UNAVAILABLE, 'ended the connection: BYE"'),
    "closed": (b"* OK hi\r\n", "", IMAP | {b"DATA": None}, UNAVAILABLE, "the server closed the connection"),
    "greeting-bye": (b"* BYE full\r\n", "", IMAP, UNAVAILABLE, r"the greeting is not OK: \* BYE full"),
    "preauth": (b"* PREAUTH hi\r\n", "", IMAP, UNAVAILABLE, "the greeting is not OK"),
    "silent": (b"* OK hi\r\n", TIMES, imap(b""), UNAVAILABLE, "no answer to the login in time"),
    "mute": (b"", TIMES, IMAP, UNAVAILABLE, "no connection and first answers in time"),
    "chatty": (b"* OK hi\r\n", "", imap(b"* OK still here\r\n" * 200), UNAVAILABLE, "more than 100 lines"),
    "long": (b"* OK hi\r\n", "", imap(b"* OK " + b"x" * 99_999), UNAVAILABLE, "a line of more than 8192 bytes"),
    "early": (b"* OK hi\r\nx1 OK\r\n", "", IMAP, UNAVAILABLE, "belongs to no request"),
    "other-tag": (b"* OK hi\r\n", "", imap(b"x1 OK\r\n"), UNAVAILABLE, "belongs to no request"),
    "twice": (b"* OK hi\r\n", "", imap(b"+ \r\n"), TEMPORARY, "asks for more than name and password"),
    "before": (
        b"* OK hi\r\n",
        "",
        IMAP | {b"AUTHENTICATE": b"TAG OK\r\n"},
        TEMPORARY,
        "before it got the password: OK",
    ),
    "refused-early": (
        *(b"* OK hi\r\n", "", IMAP | {b"AUTHENTICATE": b"TAG NO [AUTHENTICATIONFAILED]\r\n"}, TEMPORARY),
        "before it got the password",
    ),
    "disabled": (
        *(b"* OK hi\r\n", "", IMAP | {b"CAPABILITY": b"* CAPABILITY IMAP4 LOGINDISABLED\r\nTAG OK\r\n"}, TEMPORARY),
        "takes no password on this connection",
    ),
    "no-starttls": (
        *(b"* OK hi\r\n", STARTTLS, IMAP | {b"STARTTLS": b"TAG NO never\r\n"}, UNAVAILABLE),
        "STARTTLS refused: never",
    ),
    "injected": (
        *(b"* OK hi\r\n", STARTTLS, IMAP | {b"STARTTLS": b"TAG OK\r\n* CAPABILITY AUTH=PLAIN\r\n"}, UNAVAILABLE),
        "data before TLS",
    ),
    "no-tls": (b"* OK hi\r\n", STARTTLS + TIMES, IMAP | {b"STARTTLS": b"TAG OK\r\n"}, UNAVAILABLE, "."),
    "pop-ok": (b"+OK\r\n", "", POP3, OK, "verdict=OK"),
    "pop-auth": (b"+OK hi\r\n", "", pop3(b"-ERR [AUTH] no\r\n"), REFUSED, "PASSWORD_MISMATCH"),
    "pop-cyrus": (b"+OK\r\n", "", pop3(b"-ERR [AUTH] authenticating: generic failure\r\n"), TEMPORARY, "of an outage"),
    "pop-bare": (b"+OK hi\r\n", "", pop3(b"-ERR no\r\n"), REFUSED, "PASSWORD_MISMATCH.*without a code"),
    "pop-promised": (b"+OK hi\r\n", "", pop3(b"-ERR no\r\n") | CODES, TEMPORARY, "without a code"),
    "pop-temp": (b"+OK hi\r\n", "", pop3(b"-ERR [SYS/TEMP] no\r\n"), UNAVAILABLE, r"-ERR \[SYS/TEMP\]"),
    "pop-level": (b"+OK hi\r\n", "", pop3(b"-ERR [SYS/TEMP/DISK] no\r\n"), UNAVAILABLE, r"-ERR \[SYS/TEMP\]"),
    "pop-perm": (b"+OK hi\r\n", "", pop3(b"-ERR [SYS/PERM] no\r\n"), TEMPORARY, r"-ERR \[SYS/PERM\]"),
    "pop-in-use": (b"+OK hi\r\n", "", pop3(b"-ERR [IN-USE] no\r\n"), TEMPORARY, r"-ERR \[IN-USE\]"),
    "pop-delay": (b"+OK hi\r\n", "", pop3(b"-ERR [LOGIN-DELAY 60] no\r\n"), TEMPORARY, r"-ERR \[LOGIN-DELAY\]"),
    "pop-lock": (b"+OK hi\r\n", "", pop3(b"-ERR unable to lock maildrop\r\n"), TEMPORARY, "not about the password"),
    "pop-stat": (b"+OK hi\r\n", "", POP3 | {b"STAT": b"+OK\r\n"}, TEMPORARY, "does not answer STAT"),
    "pop-shifted": (b"+OK hi\r\n", "", POP3 | OLD | {b"USER": b"+OK\r\n+OK\r\n"}, UNAVAILABLE, "before the request"),
    "pop-old": (b"+OK hi\r\n", "", POP3 | OLD, OK, "verdict=OK"),
    "pop-no-user": (b"+OK hi\r\n", "", POP3 | OLD | {b"USER": b"-ERR who?\r\n"}, REFUSED, "USER_UNKNOWN"),
    "pop-no-tls": (b"+OK hi\r\n", "", POP3 | OLD | {b"USER": b"-ERR use TLS\r\n"}, TEMPORARY, "refused USER"),
    "pop-greeting": (b"-ERR full\r\n", "", POP3, UNAVAILABLE, "the greeting is not OK: full"),
    "pop-other": (b"220 smtp\r\n", "", POP3, UNAVAILABLE, r"neither \+OK nor -ERR"),
    "pop-no-starttls": (b"+OK hi\r\n", STARTTLS, POP3 | {b"STLS": b"-ERR\r\n"}, UNAVAILABLE, "STLS refused"),
    "pop-injected": (b"+OK hi\r\n", STARTTLS, POP3 | {b"STLS": b"+OK\r\n+OK\r\n"}, UNAVAILABLE, "data before TLS"),
    "literal": (
        *(b"* OK hi\r\n", "", WITHOUT | {b"DATA": b"TAG NO [AUTHENTICATIONFAILED] open sesame\r\n"}, TEMPORARY),
        'before it got the password"',
    ),
}


@pytest.fixture(scope="module")
def servers() -> dict[str, Answers]:
    return {name: Answers(greeting, answers) for name, (greeting, _, answers, *_) in CASES.items()}


@pytest.fixture(scope="module")
def helper(servers: dict[str, Answers], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Helper]:
    """A helper with a backend for each server, and an emergency backend."""
    site = Site(tmp_path_factory.mktemp("site"))
    sections = [
        f'[[backend]]\ntype = "{kind}"\nname = "{name}"\nserver = "{kind}://127.0.0.1:{servers[name].port}"\n'
        f'domains = ["{name}.example"]\n{keys}'
        for name, (greeting, keys, *_) in CASES.items()
        for kind in ["pop3" if name.startswith("pop-") else "imap"]
    ]
    domains = ", ".join(f'"{name}.example"' for name in CASES)
    emergency = f'[[backend]]\ntype = "files"\npath = "passwd"\nemergency = true\ndomains = [{domains}]\n'
    site.configure(HEAD + "".join(sections) + emergency)
    site.write("passwd", "".join(f"alice@{name}.example:{{PLAIN}}open sesame\n" for name in CASES))
    helper = site.serve()
    yield helper
    helper.kill()
    for server in servers.values():
        server.close()


@pytest.mark.parametrize("name", CASES)
def test_answer_becomes_a_verdict(helper: Helper, servers: dict[str, Answers], name: str) -> None:
    *_, reply, reason = CASES[name]
    login = f"1 VRFY alice@{name}.example open sesame".encode()
    assert helper.ask(login) == (OK if reply == UNAVAILABLE else reply), (helper.information, servers[name].received)
    record = helper.wait_for_information(f"account=alice@{name}.example")
    assert re.search(reason, record), record
    assert ("emergency" in record or "files" in record) is (reply == UNAVAILABLE), record
    assert SECRET.decode() not in record
    if CASES[name][1].startswith(STARTTLS):
        assert b"alice" not in servers[name].received
        assert b"AUTH" not in servers[name].received


def test_page_has_every_code_with_its_verdict() -> None:
    rows = re.findall(r"^\| (.*) \| (.*) \|$", (ROOT / "docs" / "imap.md").read_text(), re.MULTILINE)
    shown = {code: cell for answers, cell in rows for code in re.findall(r"`(?:NO|-ERR) \[([A-Z/-]+)\]`", answers)}
    expected = {code: f"`{found.verdict.name}`" for code, found in (REFUSALS | POP3_REFUSALS).items()}
    expected |= dict.fromkeys(UNAVAILABLE_CODES, "temporary failure: unavailable")
    expected |= dict.fromkeys(UNDECIDED, "temporary failure")
    assert {code: cell.partition(".")[0] for code, cell in shown.items()} == expected
