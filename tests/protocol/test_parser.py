"""The parser: any bytes, and the fast split of simple `VRFY` lines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extauth.protocol.framing import Line, OverlongLine
from extauth.protocol.parser import RefusedRequest, split_simple_vrfy_lines
from extauth.protocol.requests import Dialect, VrfyRequest
from tests.examples import examples
from tests.protocol.strategies import BYTES, frame, lines, parse, revealed, streams


def is_simple(line: Line) -> bool:
    ((run, _),) = split_simple_vrfy_lines([line])
    return bool(run)


@given(stream=streams, dialect=st.sampled_from(Dialect))
def test_no_bytes_make_framer_or_parser_raise(stream: bytes, dialect: Dialect) -> None:
    for line in frame(stream):
        parse(line, dialect)


field_starts = st.sampled_from([b"", b"", b"(", b"()", b"(a)", b'"', b'"a"', b"\0", b"\xff", b" ", b"\xc3\xa9"])
simple_fields = st.builds(
    bytes.__add__, field_starts, st.lists(st.sampled_from([*BYTES, b"a"]), max_size=2).map(b"".join)
)
simple_lines = st.builds(lambda *fields: b" ".join([b"1 VRFY", *fields]), simple_fields, simple_fields)


@given(line=st.one_of(simple_lines, lines), dialect=st.sampled_from(Dialect))
@examples(1_000)
def test_the_parser_agrees_with_the_fast_split(line: bytes, dialect: Dialect) -> None:
    if not is_simple(line):
        return
    number, _, address, password = line.split(b" ", 3)
    request = parse(line, dialect)
    if isinstance(request, RefusedRequest):
        assert request.number == number
        with pytest.raises(UnicodeDecodeError):
            address.decode()
    else:
        assert isinstance(request, VrfyRequest)
        assert revealed(request) == (number, address.decode(), "", password)


@pytest.mark.parametrize(
    ("request_", "record"),
    [
        (b"NEW (SMTP) alice@example.com", "mode=SMTP command=NEW verdict=OK backend=open time="),
        (b"NEW nobody@example.com", "command=NEW verdict=USER_UNKNOWN backend=open time="),
        (
            b"NEW alice@own.example",
            "command=NEW verdict=TEMPORARY_FAILURE backend=Own-4 time=.* reason=.*cannot say which",
        ),
        (b"READPLAIN alice@example.com", "command=READPLAIN verdict=OK backend=open time=[0-9.]+$"),
        (b"READPLAIN oneway@example.com", "command=READPLAIN verdict=SCHEME_NOT_AVAILABLE backend=open .*one-way"),
        (b"READPLAIN context@example.com", "verdict=SCHEME_NOT_AVAILABLE backend=open .*context is not a clear text"),
        (b"READPLAIN longer@example.com", "verdict=SCHEME_NOT_AVAILABLE backend=open .*does not fit"),
        (b"READPLAIN locked@both.example", "command=READPLAIN verdict=USER_DISABLED backend=shut"),
        (b"READPLAIN old@aged.example", "command=READPLAIN verdict=PASSWORD_EXPIRED backend=aged"),
        (b"READPLAIN shut@both.example", "verdict=SCHEME_NOT_AVAILABLE backend=shut .*readplain = false"),
        (b"READPLAIN shut@shut.example", "verdict=SCHEME_NOT_AVAILABLE time=.*no backend of this domain has readplain"),
    ],
)
def test_the_log_says_what_came_of_it_and_why(helper: Helper, request_: bytes, record: str) -> None:
    helper.information.clear()
    helper.ask(b"1 " + request_)
    helper.wait_for_information(record)


def test_a_password_stands_in_its_reply_and_in_no_log(site: Site) -> None:
    passwords = [b"SESAM", b"SESAM with spaces", b'"SESAM"', b"SESAM\xff", b"SESAM" * 1000]
    site.write("passwd", b"".join(b"user%d@example.com:{PLAIN}%s\n" % account for account in enumerate(passwords)))
    site.configure(
        '[log]\nmail_server_level = "All Info"\nlevel = "All Info"\nfile = "log"\n' + FILES + "readplain = true\n"
    )
    helper = site.serve()
    helper.send(b"intf INTF 7")
    for number in range(len(passwords)):
        helper.send(b"%d READPLAIN user%d@example.com" % (number, number), b"x NEW user%d@example.com" % number)
    assert helper.end() == 0
    assert sum(b" PLAIN " in reply and b"SESAM" in reply for reply in helper.replies) == len(passwords) - 1
    assert "SESAM" not in "\n".join(helper.information) + helper.errors()
    log = (site.folder / "log").read_text()
    assert log.count("command=READPLAIN") == len(passwords)
    assert "SESAM" not in log


def test_mail_that_nobody_knows_the_account_of_is_no_problem_of_the_server_log(site: Site) -> None:
    site.write("passwd", Site.ACCOUNTS)
    site.configure()
    helper = site.serve()
    helper.send(b"1 INTF 7", b"2 NEW nobody@example.com", b"3 VRFY nobody@example.com x")
    assert helper.end() == 0
    records = [line for line in helper.information if line.startswith("account=")]
    assert [line.split(" ")[1] for line in records] == ["command=VRFY"]


def test_the_configuration_decides_what_known_is_and_how_cannot_tell_is_said(site: Site) -> None:
    site.write("fixed_result.py", plugin("fixed_result.py"))
    site.write("passwd", Site.ACCOUNTS)
    outage = '[[backend]]\ntype = "fixed_result.py:FixedResult"\ndomains = ["out.example"]\nresult = "unavailable"\n'
    site.configure(outage + FILES)
    helper = site.serve()
    assert helper.ask(b"1 VRFY a@out.example x") == b"ERROR temporary failure"
    assert helper.ask(b"2 INTF 7") == b"INTF 7"
    assert helper.ask(b"3 VRFY a@out.example x") == b"ERROR temporary failure"
    assert helper.ask(b"4 NEW a@out.example") == CANNOT_TELL
    assert helper.ask(b"5 NEW alice@example.com") == KNOWN
    site.configure('[helper]\ntemporary_reply = "FAILURE"\n[new]\nknown_is_enough = true\n' + outage + FILES)
    helper.process.send_signal(signal.SIGHUP)
    wait_for_serving(helper, 2)
    assert helper.ask(b"6 VRFY a@out.example x") == b"FAILURE temporary failure"
    assert helper.ask(b"7 SASL(APOP) a@out.example 00 <1>") == b"FAILURE temporary failure"
    assert helper.ask(b"8 NEW a@out.example") == CANNOT_TELL
    assert helper.ask(b"8 READPLAIN a@out.example") == NOT_AVAILABLE
    assert helper.ask(b"9 NEW alice@example.com") == b"OK"
    assert helper.ask(b"a NEW nobody@example.com") == UNKNOWN
    assert helper.end() == 0


def test_the_reply_is_in_the_dialect_of_the_request_and_no_deadline_is_missed(site: Site) -> None:
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
    assert helper.reply(b"4") == CANNOT_TELL
    assert helper.reply(b"5") == NOT_AVAILABLE


def test_a_domain_whose_file_is_away_bounces_no_mail(site: Site) -> None:
    file = site.write("passwd/example.com", "alice:{PLAIN}x\n")
    site.configure('[[backend]]\ntype = "files"\npath = "passwd/{domain}"\n')
    helper = site.serve()
    assert helper.ask(b"1 INTF 7") == b"INTF 7"
    assert helper.ask(b"2 NEW bob@example.com") == UNKNOWN
    file.unlink()
    wait_for_serving(helper, 2)
    assert helper.ask(b"3 NEW alice@example.com") == CANNOT_TELL
    assert helper.ask(b"4 NEW bob@example.com") == CANNOT_TELL
    assert helper.end() == 0


def test_check_says_who_gives_passwords_away(site: Site) -> None:
    site.write("passwd", Site.ACCOUNTS)
    site.configure(Site.BASIC + "readplain = true\n")
    said = site.run("check", "-c", "extauth.toml").stdout.decode()
    assert "files serves every domain and gives passwords away" in said
