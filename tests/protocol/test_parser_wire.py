"""Lines and their replies through the real program: docs/protocol.md, sections 1 to 4."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extauth.protocol.replies import parse_reply
from tests.helper import Helper, Site
from tests.protocol.strategies import lines

NEGATIVE = b"ERROR incorrect password"
MALFORMED = b"ERROR malformed request"

# printf '<1@example.com>' | openssl dgst -md5 -hmac 'open sesame', and the same with an empty key
CRAM_MD5 = b"73e91d897053136ab3d9ab9eaec5abad"
CRAM_MD5_OF_EMPTY_PASSWORD = b"dae31f2136f48abfc66a25907f64c9ae"
# printf '<1@example.com>open sesame' | openssl dgst -md5
APOP = b"f8f7a1bb5f0c204cc1f7fead5fe1ee6b"


UNUSUAL_ACCOUNTS = (
    Site.ACCOUNTS.encode()
    + b"""\
zero@example.com:{PLAIN}0
spaces@example.com:{PLAIN}  \n\
bytes@example.com:{PLAIN}\xff\xfe
quote@example.com:{PLAIN}"a"
empty@example.com:{PLAIN}
a@b@example.com:{PLAIN}two
*@example.com:{PLAIN}star
-rf@example.com:{PLAIN}dash
../../x@example.com:{PLAIN}path
)(uid=*@example.com:{PLAIN}filter
helper@example.com:{PLAIN}a "b" \\ c
quo ted@example.com:{PLAIN}x
"""
)


@pytest.fixture(scope="module")
def classic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Helper]:
    """One helper for the tables of cases, with unusual accounts."""
    site = Site(tmp_path_factory.mktemp("classic"))
    site.write("passwd", UNUSUAL_ACCOUNTS)
    site.configure()
    helper = site.serve()
    yield helper
    assert helper.end() == 0


@pytest.fixture(scope="module")
def helper_dialect(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Helper]:
    """The same helper in the helper dialect."""
    site = Site(tmp_path_factory.mktemp("helper_dialect"))
    site.write("passwd", UNUSUAL_ACCOUNTS)
    site.configure()
    helper = site.serve()
    assert helper.ask(b"0 INTF 3") == b"INTF 3"
    yield helper
    assert helper.end() == 0


def test_the_sample_session_of_the_guide_runs_verbatim(site: Site) -> None:
    site.write("passwd", "user1@domain1.com:{PLAIN}dsyui134\nuser2@domain2.com:{PLAIN}something else\n")
    site.configure('[sasl]\nmechanisms = []\n[[backend]]\ntype = "files"\npath = "passwd"\n')
    assert site.session(
        b"00010 VRFY user1@domain1.com dsyui134",
        b"00011 VRFY user2@domain2.com jskj23#45",
        b"00012 SASL(CRAM-MD5) user1@domain1.com hdkj547812329394055 <pop-23456@mydomain.com>",
    ) == [b"00010 OK", b"00011 ERROR incorrect password", b"00012 ERROR unsupported SASL method"]


@pytest.mark.parametrize(
    ("request_", "reply"),
    [
        (b"1 VRFY alice@example.com open sesame", b"OK"),
        (b"1 VRFY alice open sesame", b"OK"),
        (b"1 VRFY (IMAP) alice@example.com open sesame", b"OK"),
        (b"1 VRFY ALICE@Example.Com. open sesame", b"OK"),
        (b"1 VRFY alice@example.com open sesame\r", b"OK"),
        (b"00A._-9 VRFY bob@example.com password", b"OK"),
        (b"1" * 64 + b" VRFY bob@example.com password", b"OK"),
        (b"1 VRFY zero@example.com 0", b"OK"),
        (b"1 VRFY spaces@example.com   ", b"OK"),
        (b"1 VRFY bytes@example.com \xff\xfe", b"OK"),
        (b'1 VRFY quote@example.com "a"', b"OK"),
        (b"1 VRFY a@b@example.com two", b"OK"),
        (b"1 VRFY *@example.com star", b"OK"),
        (b"1 VRFY -rf@example.com dash", b"OK"),
        (b"1 VRFY ../../x@example.com path", b"OK"),
        (b"1 VRFY )(uid=*@example.com filter", b"OK"),
        (b"1 VRFY alice@example.com Open sesame", NEGATIVE),
        (b"1 VRFY alice@example.com open sesame ", NEGATIVE),
        (b"1 VRFY alice@example.com ", NEGATIVE),
        (b"1 VRFY empty@example.com ", NEGATIVE),
        (b"1 VRFY spaces@example.com  ", NEGATIVE),
        (b"1 VRFY alice@example.com " + b"x" * 4097, NEGATIVE),
        (b"1 VRFY nobody@example.com open sesame", NEGATIVE),
        (b"1 VRFY alice@example.net open sesame", NEGATIVE),
        (b"1 VRFY alice@example.com@example.org open sesame", NEGATIVE),
        (b"1 VRFY alice@example.com@example.com open sesame", NEGATIVE),
        (b"1 VRFY alice@-example.com open sesame", NEGATIVE),
        (b"1 VRFY alice@example..com open sesame", NEGATIVE),
        (b"1 VRFY al:ice@example.com open sesame", NEGATIVE),
        (b"1 VRFY alice/../alice@example.com open sesame", NEGATIVE),
        (b"1 VRFY alice@example.com open\0sesame", MALFORMED),
        (b"1 VRFY alice@example.com open\rsesame", MALFORMED),
        (b"1 VRFY \xffalice@example.com open sesame", MALFORMED),
        (b"1 VRFY al\x01ice@example.com open sesame", MALFORMED),
        (b"1 VRFY @example.com x", MALFORMED),
        (b"1 VRFY alice@ x", MALFORMED),
        (b"1 VRFY  alice@example.com x", MALFORMED),
        (b"1 VRFY alice@example.com", MALFORMED),
        (b"1 VRFY", MALFORMED),
        (b"1 SASL(CRAM-MD5) alice@example.com 00", MALFORMED),
        (b"1 SASL(CRAM-MD5) alice@example.com  <c>", MALFORMED),
        (b"1 SASL", MALFORMED),
        (b"1 INTF", MALFORMED),
        (b"1 INTF x", MALFORMED),
        (b"1 QUIT now", MALFORMED),
        (b"1 SASL(DIGEST-MD5) alice@example.com", b"ERROR unsupported SASL method"),
        (b"1 SASL(cram-md5) alice@example.com 00 <c>", b"ERROR unsupported SASL method"),
        (b"1 HELO", b"ERROR unknown command"),
        (b"1 vrfy alice@example.com open sesame", b"ERROR unknown command"),
        (b"1 NEW alice@example.com", b"ERROR unknown command"),
        (b"1 NEW", b"ERROR unknown command"),
        (b"1 READPLAIN alice@example.com", b"ERROR unknown command"),
        (b"1", b"ERROR unknown command"),
        (b"1 ", b"ERROR unknown command"),
        (b"1  VRFY alice@example.com open sesame", b"ERROR unknown command"),
    ],
)
def test_a_classic_request_gets_its_reply(classic: Helper, request_: bytes, reply: bytes) -> None:
    assert classic.ask(request_) == reply


@pytest.mark.parametrize(
    ("request_", "reply"),
    [
        (b'1 VRFY alice@example.com "open sesame"', b"OK"),
        (b"1 VRFY alice@example.com open sesame", b"OK"),
        (b'1 VRFY "alice@example.com" "open sesame"', b"OK"),
        (b'1 VRFY (POP) "alice@example.com" open sesame', b"OK"),
        (b'1 VRFY "quo ted@example.com" x', b"OK"),
        (b'1 VRFY alice@example.com "open\\032sesame"', b"OK"),
        (b'1 VRFY helper@example.com "a \\"b\\" \\\\ c"', b"OK"),
        (b'1 VRFY bytes@example.com "\\255\\254"', b"OK"),
        (b'1 VRFY alice@example.com ""', NEGATIVE),
        (b'1 VRFY alice@example.com "open\\tsesame"', NEGATIVE),
        (b'1 VRFY alice@example.com "', MALFORMED),
        (b'1 VRFY alice@example.com "open sesame', MALFORMED),
        (b'1 VRFY alice@example.com "open sesame\\', MALFORMED),
        (b'1 VRFY alice@example.com "open sesame\\"', MALFORMED),
        (b'1 VRFY alice@example.com "open" sesame"', MALFORMED),
        (b'1 VRFY alice@example.com "\\256"', MALFORMED),
        (b'1 VRFY alice@example.com "\\x41"', MALFORMED),
        (b'1 VRFY alice@example.com "open\\rsesame"', MALFORMED),
        (b'1 VRFY alice@example.com "open\\nsesame"', MALFORMED),
        (b'1 VRFY alice@example.com "open\\esesame"', MALFORMED),
        (b'1 VRFY alice@example.com "open sesame\\000"', MALFORMED),
        (b'1 VRFY "alice\\n@example.com" x', MALFORMED),
        (b'1 VRFY "alice@example.com"x', MALFORMED),
        (b'1 VRFY "alice@example.com', MALFORMED),
        (b'1 SASL(CRAM-MD5) alice@example.com "%s" "<1@example.com>"' % CRAM_MD5, b"OK"),
        (b"1 SASL(CRAM-MD5) alice@example.com %s <1@example.com>" % CRAM_MD5, b"OK"),
        (b'1 SASL(CRAM-MD5) alice@example.com "%s <1@example.com>' % CRAM_MD5, MALFORMED),
    ],
)
def test_a_helper_dialect_request_gets_its_reply(helper_dialect: Helper, request_: bytes, reply: bytes) -> None:
    assert helper_dialect.ask(request_) == reply


@pytest.mark.parametrize(
    ("request_", "reply"),
    [
        (b"1 SASL(CRAM-MD5) alice@example.com %s <1@example.com>" % CRAM_MD5, b"OK"),
        (b"1 SASL(CRAM-MD5) alice@example.com %s <1@example.com>" % CRAM_MD5.upper(), b"OK"),
        (b"1 SASL(CRAM-MD5) (SMTP) alice@example.com %s <1@example.com>" % CRAM_MD5, b"OK"),
        (b"1 SASL(CRAM-MD5) alice@example.com %s <2@example.com>" % CRAM_MD5, NEGATIVE),
        (b"1 SASL(CRAM-MD5) bob@example.com %s <1@example.com>" % CRAM_MD5, NEGATIVE),
        (b"1 SASL(CRAM-MD5) empty@example.com %s <1@example.com>" % CRAM_MD5_OF_EMPTY_PASSWORD, NEGATIVE),
        (b"1 SASL(APOP) alice@example.com %s <1@example.com>" % APOP, b"OK"),
        (b"1 SASL(APOP) alice@example.com %s <2@example.com>" % APOP, NEGATIVE),
        (b"1 SASL(APOP) nobody@example.com %s <1@example.com>" % APOP, NEGATIVE),
    ],
)
def test_a_mechanism_gets_its_reply(classic: Helper, request_: bytes, reply: bytes) -> None:
    assert classic.ask(request_) == reply


def test_intf_replies_the_lower_version_and_switches_the_dialect(helper: Helper) -> None:
    assert helper.ask(b'1 VRFY alice@example.com "open sesame"') == NEGATIVE
    assert helper.ask(b"2 INTF 9") == b"INTF 7"
    assert helper.ask(b"3 INTF 7") == b"INTF 7"
    assert helper.ask(b"3 INTF 3") == b"INTF 3"
    assert helper.ask(b"3 INTF 1") == b"INTF 1"
    assert helper.ask(b'4 VRFY alice@example.com "open sesame"') == b"OK"


def test_quit_gets_the_last_reply_and_ends_the_helper(helper: Helper) -> None:
    helper.send(*(b"%d VRFY alice@example.com open sesame" % number for number in range(50)), b"50 QUIT", b"51 X")
    assert helper.wait_for_end() == 0
    assert len(helper.replies) == 51
    assert helper.replies[-1] == b"50 OK"


def test_a_line_without_sequence_number_is_logged_without_its_content(helper: Helper) -> None:
    for line in (b"", b"   ", b"* OK", b"\xff\xfe VRFY a b", b"1" * 65 + b" VRFY a b", b'"1" INTF 3'):
        helper.information.clear()
        helper.send(line)
        assert helper.wait_for_information("sequence number") == "a line without a sequence number was ignored"
        assert helper.ask(b"1 VRFY bob@example.com password") == b"OK"
        assert helper.replies == []


def test_a_number_sent_twice_gets_two_replies(helper: Helper) -> None:
    helper.send(b"7 VRFY bob@example.com password", b"7 VRFY bob@example.com no")
    assert sorted(helper.wait_for_replies(2)) == [b"7 ERROR incorrect password", b"7 OK"]


def test_ten_thousand_requests_at_once_get_one_reply_each(helper: Helper) -> None:
    count = 10_000
    writer = threading.Thread(
        target=helper.send, args=[b"%d VRFY bob@example.com password" % number for number in range(count)]
    )
    writer.start()  # it blocks while the pipe is full, until the replies are read
    helper.wait_for_information("serving")
    helper.wait_for_replies(count)
    writer.join()
    assert helper.end() == 0
    assert sorted(helper.replies) == sorted(b"%d OK" % number for number in range(count))


def test_no_reply_shows_which_accounts_exist(classic: Helper) -> None:
    requests = [
        b"VRFY nobody@example.com x",
        b"VRFY alice@example.com x",
        b"VRFY empty@example.com x",
        b"VRFY alice@nowhere.example x",
        b"SASL(APOP) nobody@example.com 00 <1>",
        b"SASL(APOP) bob@example.com 00 <1>",
        b"SASL(APOP) alice@example.com 00 <1>",
    ]
    assert {classic.ask(b"1 " + request) for request in requests} == {NEGATIVE}


@pytest.fixture(scope="module")
def random_lines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Helper]:
    """One helper for all examples. At its end there are no other replies or errors."""
    site = Site(tmp_path_factory.mktemp("properties"))
    site.write("passwd", site.ACCOUNTS)
    site.configure()
    helper = site.serve()
    yield helper
    assert helper.end() == 0
    assert helper.replies == []
    assert helper.errors() == ""


@given(batch=st.lists(st.one_of(lines, lines.map(lambda line: b"7 " + line)), max_size=50))
def test_each_numbered_line_gets_exactly_one_reply(random_lines: Helper, batch: list[bytes]) -> None:
    batch = [line for line in batch if not re.fullmatch(rb"[^ ]* QUIT\r?", line)]
    firsts = [line.removesuffix(b"\r").partition(b" ")[0] for line in batch]
    expected = Counter(first for first in firsts if re.fullmatch(rb"[A-Za-z0-9._-]{1,64}", first))
    random_lines.send(*batch, b"end HELO")
    replies = random_lines.wait_for_replies(expected.total() + 1)
    assert Counter(reply.partition(b" ")[0] for reply in replies) == expected + Counter([b"end"])
    assert all(parse_reply(reply) for reply in replies)
    replies.clear()
