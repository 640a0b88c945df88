"""NEW, READPLAIN and FAILURE of the helper dialect, through the real program (docs/protocol.md, sections 3 and 4)."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator

import pytest

from tests.helper import Helper, Site, wait_for_serving
from tests.passwords.stored_passwords import doveadm
from tests.plugins import plugin

EXISTS, UNKNOWN, TEMPORARY = b"FAILURE account not created", b"ERROR unknown account", b"FAILURE temporary failure"
NOT_AVAILABLE = b"FAILURE not available"
MALFORMED = b"ERROR malformed request"

LONGEST = 4096 - len("1 PLAIN \n")
TODAY = int(time.time() // 86_400)

SECOND = [
    b"alice@example.com:{PLAIN}open sesame",
    b"word@example.com:{PLAIN}w0rd,;'{}()",
    b'quoted@example.com:{PLAIN}"a"',
    b'inside@example.com:{PLAIN}a"b',
    b"backslash@example.com:{PLAIN}a\\b",
    b"tab@example.com:{PLAIN}a\tb",
    b"spaces@example.com:{PLAIN} ",
    "utf8@example.com:{PLAIN}pässwörd".encode(),
    b"bytes@example.com:{PLAIN}\xff\xfe",
    b"control@example.com:{PLAIN.HEX}00010d0a7f",
    b"longest@example.com:{PLAIN}" + b"x" * LONGEST,
    b"longer@example.com:{PLAIN}" + b"x" * (LONGEST + 1),
    b"oneway@example.com:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=",
    b"context@example.com:" + doveadm("CRAM-MD5")(b"SESAM"),
    b"locked@example.com:!{PLAIN}SESAM",
    b"unreadable@example.com:{NOPE}SESAM",
    b"empty@example.com:{PLAIN}",
    b"bare:{PLAIN}SESAM",
    b"locked@both.example:{PLAIN}SESAM",
    b"held@both.example:{PLAIN}second",
]
FIRST = [b"locked@both.example:!", b"held@both.example:{PLAIN}SESAM", b"shut@both.example:{PLAIN}SESAM"]
AGED = [
    b"fresh:{PLAIN}fresh:%d:0:30:7:::" % TODAY,
    b"old:{PLAIN}SESAM:%d:0:30:7:::" % (TODAY - 60),
    b"expired:{PLAIN}SESAM:19000:0:99999:7::%d:" % (TODAY - 2),
    b"mustchange:{PLAIN}SESAM:0:0:99999:7:::",
]
CONFIG = """\
default_domain = "example.com"
[log]
mail_server_level = "All Info"
[[backend]]
type = "files"
name = "shut"
path = "shut"
domains = ["both.example", "shut.example"]
[[backend]]
type = "files"
name = "open"
path = "open"
domains = ["example.com", "both.example"]
readplain = true
[[backend]]
type = "files"
name = "aged"
path = "aged"
format = "shadow"
domains = ["aged.example"]
readplain = true
[[backend]]
type = "own.py:Own"
domains = ["own.example"]
readplain = true
"""
FILES = '[[backend]]\ntype = "files"\npath = "passwd"\ndomains = ["example.com"]\n'
OWN = """\
from extauth import Backend, Settings, Verdict

class Own(Backend[Settings]):
    def verify_password(self, account, password):
        return Verdict.OK
"""


@pytest.fixture(scope="module")
def helper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Helper]:
    """One helper for the tables of cases."""
    site = Site(tmp_path_factory.mktemp("dialect"))
    for name, lines in (("open", SECOND), ("shut", FIRST), ("aged", AGED)):
        site.write(name, b"\n".join(lines))
    site.write("own.py", OWN)
    site.configure(CONFIG)
    helper = site.serve()
    assert helper.ask(b"intf INTF 7") == b"INTF 7"
    yield helper
    assert helper.end() == 0


@pytest.mark.parametrize(
    ("fields", "reply"),
    [
        (b"alice@example.com", EXISTS),
        (b"ALICE@Example.COM.", EXISTS),
        (b"alice", EXISTS),
        (b'"alice@example.com"', EXISTS),
        (b"(SMTP) alice@example.com", EXISTS),
        (b"oneway@example.com", EXISTS),
        (b"locked@example.com", EXISTS),
        (b"unreadable@example.com", EXISTS),
        (b"bare@both.example", EXISTS),
        (b"shut@both.example", EXISTS),
        (b"expired@aged.example", EXISTS),
        (b"nobody@example.com", UNKNOWN),
        (b"*@example.com", UNKNOWN),
        (b"alice@aged.example", UNKNOWN),
        (b"alice@nowhere.example", UNKNOWN),
        (b"alice@-nowhere.example", UNKNOWN),
        (b"alice@own.example", TEMPORARY),
        (b"", MALFORMED),
        (b"@example.com", MALFORMED),
        (b"alice@", MALFORMED),
        (b"alice@example.com ", MALFORMED),
        (b"alice@example.com x", MALFORMED),
        (b'"alice@example.com', MALFORMED),
        (b'"alice@example.com"x', MALFORMED),
        (b'"al\\nice@example.com"', MALFORMED),
        (b"\xff@example.com", MALFORMED),
        (b"(SMTP) ", MALFORMED),
    ],
)
def test_new_replies_whether_a_backend_knows_the_account(helper: Helper, fields: bytes, reply: bytes) -> None:
    assert helper.ask(b"1 NEW " + fields) == reply


@pytest.mark.parametrize(
    ("fields", "reply"),
    [
        (b"alice@example.com", b'PLAIN "open sesame"'),
        (b"(SMTP) ALICE", b'PLAIN "open sesame"'),
        (b"word@example.com", b'PLAIN "w0rd,;\'{}()"'),
        (b"quoted@example.com", b'PLAIN "\\"a\\""'),
        (b"inside@example.com", b'PLAIN "a\\"b"'),
        (b"backslash@example.com", b'PLAIN "a\\\\b"'),
        (b"tab@example.com", b'PLAIN "a\\tb"'),
        (b"spaces@example.com", b'PLAIN " "'),
        (b"utf8@example.com", 'PLAIN "pässwörd"'.encode()),
        (b"bytes@example.com", b'PLAIN "\xff\xfe"'),
        (b"control@example.com", b'PLAIN "\\000\\001\\r\\n\\127"'),
        (b"longest@example.com", b"PLAIN " + b"x" * LONGEST),
        (b"longer@example.com", NOT_AVAILABLE),
        (b"held@both.example", b"PLAIN second"),
        (b"fresh@aged.example", b"PLAIN fresh"),
        (b"old@aged.example", NOT_AVAILABLE),
        (b"expired@aged.example", NOT_AVAILABLE),
        (b"mustchange@aged.example", NOT_AVAILABLE),
        (b"oneway@example.com", NOT_AVAILABLE),
        (b"context@example.com", NOT_AVAILABLE),
        (b"locked@example.com", NOT_AVAILABLE),
        (b"unreadable@example.com", NOT_AVAILABLE),
        (b"empty@example.com", NOT_AVAILABLE),
        (b"nobody@example.com", NOT_AVAILABLE),
        (b"locked@both.example", NOT_AVAILABLE),
        (b"shut@both.example", NOT_AVAILABLE),
        (b"shut@shut.example", NOT_AVAILABLE),
        (b"alice@own.example", NOT_AVAILABLE),
        (b"alice@nowhere.example", NOT_AVAILABLE),
        (b"alice@-nowhere.example", NOT_AVAILABLE),
        (b"", MALFORMED),
        (b"alice@example.com x", MALFORMED),
    ],
)
def test_readplain_replies_clear_text_if_configured(helper: Helper, fields: bytes, reply: bytes) -> None:
    assert helper.ask(b"1 READPLAIN " + fields) == reply


@pytest.mark.parametrize(
    ("request_", "record"),
    [
        (b"NEW (SMTP) alice@example.com", "mode=SMTP command=NEW verdict=OK backend=open time="),
        (b"NEW nobody@example.com", "command=NEW verdict=USER_UNKNOWN backend=open time="),
        (
            b"NEW alice@own.example",
            "command=NEW verdict=TEMPORARY_FAILURE backend=Own time=.* reason=.*cannot say which",
        ),
        (b"READPLAIN alice@example.com", "command=READPLAIN verdict=OK backend=open time=[0-9.]+ seq=\\w+$"),
        (b"READPLAIN oneway@example.com", "command=READPLAIN verdict=SCHEME_NOT_AVAILABLE backend=open .*one-way"),
        (b"READPLAIN context@example.com", "verdict=SCHEME_NOT_AVAILABLE backend=open .*context is not a clear text"),
        (b"READPLAIN longer@example.com", "verdict=SCHEME_NOT_AVAILABLE backend=open .*does not fit"),
        (b"READPLAIN locked@both.example", "command=READPLAIN verdict=USER_DISABLED backend=shut"),
        (b"READPLAIN old@aged.example", "command=READPLAIN verdict=PASSWORD_EXPIRED backend=aged"),
        (b"READPLAIN shut@both.example", "verdict=SCHEME_NOT_AVAILABLE backend=shut .*readplain = false"),
        (b"READPLAIN shut@shut.example", "verdict=SCHEME_NOT_AVAILABLE time=.*no backend of this domain has readplain"),
    ],
)
def test_the_log_gives_verdict_and_reason(helper: Helper, request_: bytes, record: str) -> None:
    helper.information.clear()
    helper.ask(b"1 " + request_)
    helper.wait_for_information(record)


def test_new_for_an_unknown_account_is_not_a_problem(site: Site) -> None:
    site.write("passwd", Site.ACCOUNTS)
    site.configure()
    helper = site.serve()
    helper.send(b"1 INTF 7", b"2 NEW nobody@example.com", b"3 VRFY nobody@example.com x")
    assert helper.end() == 0
    records = [line for line in helper.information if line.startswith("account=")]
    assert [line.split(" ")[1] for line in records] == ["command=VRFY"]


def test_the_configuration_selects_the_temporary_and_new_replies(site: Site) -> None:
    site.write("fixed_result.py", plugin("fixed_result.py"))
    site.write("passwd", Site.ACCOUNTS)
    unavailable = (
        '[log]\nmail_server_level = "Low Level"\n'
        '[[backend]]\ntype = "fixed_result.py:FixedResult"\ndomains = ["out.example"]\nresult = "unavailable"\n'
    )
    site.configure(unavailable + FILES)
    helper = site.serve()
    assert helper.ask(b"1 VRFY a@out.example x") == b"ERROR temporary failure"
    assert helper.ask(b"2 INTF 7") == b"INTF 7"
    assert helper.ask(b"3 VRFY a@out.example x") == b"ERROR temporary failure"
    assert helper.ask(b"4 NEW a@out.example") == TEMPORARY
    assert helper.ask(b"5 NEW alice@example.com") == EXISTS
    record = helper.wait_for_information("account=alice@.* command=NEW verdict=OK backend=files ")
    assert 'reason="not created: there is no section [provision], and new.known_is_enough is false"' in record
    site.configure('[helper]\ntemporary_reply = "FAILURE"\n[new]\nknown_is_enough = true\n' + unavailable + FILES)
    helper.process.send_signal(signal.SIGHUP)
    wait_for_serving(helper, 2)
    assert helper.ask(b"6 VRFY a@out.example x") == b"FAILURE temporary failure"
    assert helper.ask(b"7 SASL(APOP) a@out.example 00 <1>") == b"FAILURE temporary failure"
    assert helper.ask(b"8 NEW a@out.example") == TEMPORARY
    assert helper.ask(b"8 READPLAIN a@out.example") == NOT_AVAILABLE
    assert helper.ask(b"9 NEW alice@example.com") == b"OK"
    assert "reason=" not in helper.wait_for_information("account=alice@.* command=NEW .* seq=9")
    assert helper.ask(b"a NEW nobody@example.com") == UNKNOWN
    assert helper.end() == 0


def test_the_reply_is_in_the_dialect_of_the_request(site: Site) -> None:
    site.write("fixed_result.py", plugin("fixed_result.py"))
    site.configure(
        '[helper]\ndeadline = 0.3\ntemporary_reply = "FAILURE"\n'
        '[[backend]]\ntype = "fixed_result.py:FixedResult"\nresult = "hang"\nreadplain = true\n'
    )
    helper = site.serve()
    helper.wait_for_information("serving")
    helper.send(
        b"1 VRFY a@a.example x", b"2 INTF 7", b"3 VRFY a@a.example x", b"4 NEW a@a.example", b"5 READPLAIN a@a.example"
    )
    assert helper.reply(b"2") == b"INTF 7"
    assert helper.reply(b"1") == b"ERROR temporary failure"
    assert helper.reply(b"3") == b"FAILURE temporary failure"
    assert helper.reply(b"4") == TEMPORARY
    assert helper.reply(b"5") == NOT_AVAILABLE


def test_a_missing_domain_file_gives_temporary_failures(site: Site) -> None:
    file = site.write("passwd/example.com", "alice:{PLAIN}x\n")
    site.configure('[[backend]]\ntype = "files"\npath = "passwd/{domain}"\n')
    helper = site.serve()
    assert helper.ask(b"1 INTF 7") == b"INTF 7"
    assert helper.ask(b"2 NEW bob@example.com") == UNKNOWN
    file.unlink()
    wait_for_serving(helper, 2)
    assert helper.ask(b"3 NEW alice@example.com") == TEMPORARY
    assert helper.ask(b"4 NEW bob@example.com") == TEMPORARY
    assert helper.end() == 0


def test_check_names_backends_with_readplain(site: Site) -> None:
    site.write("passwd", Site.ACCOUNTS)
    site.configure(Site.BASIC + "readplain = true\n")
    output = site.run("check", "-c", "extauth.toml").stdout.decode()
    assert "files serves every domain and gives passwords away" in output
