"""Properties of the codec: framing, requests, quoting, accounts, and one reply to each request of the real program."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from extauth.errors import MalformedRequest
from extauth.mechanisms import MECHANISMS
from extauth.model import Account, Secret
from extauth.protocol.accounts import AccountParser, canonical_domain
from extauth.protocol.framing import MAX_REQUEST, Framer, Line, OverlongLine
from extauth.protocol.parser import Received, RefusedRequest, RequestParser, usual_runs
from extauth.protocol.plain import render_plain
from extauth.protocol.quoting import quote, unquote
from extauth.protocol.replies import MAX_REPLY, Reply, parse_reply, render_information, render_reply
from extauth.protocol.requests import (
    Dialect,
    IntfRequest,
    NewRequest,
    QuitRequest,
    ReadPlainRequest,
    SaslRequest,
    ServerRequest,
    VrfyRequest,
    render_request,
)
from tests.examples import examples
from tests.helper import Helper, Site

# Pieces that lines are made of, so that many of them are requests, or nearly so.
COMMANDS = [b"VRFY", b"SASL(APOP)", b"SASL(CRAM-MD5)", b"SASL(PLAIN)", b"SASL", b"INTF", b"NEW", b"READPLAIN"]
FIELDS = [b"1", b"0007", b"(IMAP)", b"()", b"alice@example.com", b"bob", b"open sesame", b"<1@example.com>", b"x" * 70]
BYTES = [b" ", b'"', b"\\", b"\\256", b"\\065", b"\\e", b"(", b")", b"@", b"\0", b"\r", b"\xff", b"\xc3\xa9"]
pieces = st.lists(st.sampled_from(COMMANDS + FIELDS + 3 * BYTES))
lines = st.one_of(
    st.binary(max_size=200),
    pieces.map(b"".join),
    pieces.map(b" ".join),
    pieces.map(lambda some: b" ".join([b"1", b"VRFY", *some])),
    pieces.map(lambda some: b" ".join([b"1", b"SASL(APOP)", *some])),
).map(lambda line: line.replace(b"\n", b""))
streams = st.one_of(
    st.binary(),
    st.lists(lines).map(b"\n".join),
    st.lists(lines).map(b"\r\n".join),
    st.integers(MAX_REQUEST - 2, MAX_REQUEST + 3).map(lambda size: b"1 " + b"x" * (size - 2) + b"\r\n2 y"),
    st.integers(MAX_REQUEST - 2, 3 * MAX_REQUEST).map(lambda size: b"1 " + b"x" * (size - 2) + b"\n2 y\n"),
)


def frame(*chunks: bytes) -> list[Line]:
    framer = Framer()
    return [line for chunk in chunks for line in framer.feed(chunk)] + framer.finish()


def parse(line: Line, dialect: Dialect) -> Received:
    parser = RequestParser(MECHANISMS)
    parser.dialect = dialect
    return parser.parse(line)


def is_usual(line: Line) -> bool:
    ((usual, _),) = usual_runs([line])
    return bool(usual)


def revealed(request: ServerRequest) -> tuple[object, ...]:
    """What tells two requests apart: secrets do not compare."""
    if isinstance(request, VrfyRequest):
        return request.number, request.address, request.mode, request.password.reveal()
    if isinstance(request, SaslRequest):
        secrets = request.response.reveal(), request.challenge.reveal()
        return request.number, request.mechanism, request.address, request.mode, *secrets
    return (request,)


@given(stream=streams, dialect=st.sampled_from(Dialect))
def test_no_bytes_make_the_codec_raise(stream: bytes, dialect: Dialect) -> None:
    for line in frame(stream):
        parse(line, dialect)


beginnings = st.sampled_from([b"", b"", b"(", b"()", b"(a)", b'"', b'"a"', b"\0", b"\xff", b" ", b"\xc3\xa9"])
usual_fields = st.builds(bytes.__add__, beginnings, st.lists(st.sampled_from([*BYTES, b"a"]), max_size=2).map(b"".join))
usual_lines = st.builds(lambda *fields: b" ".join([b"1 VRFY", *fields]), usual_fields, usual_fields)


@given(line=st.one_of(usual_lines, lines), dialect=st.sampled_from(Dialect))
@examples(1_000)
def test_what_is_taken_for_a_usual_line_means_what_the_parser_says(line: bytes, dialect: Dialect) -> None:
    if not is_usual(line):
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


@given(address=st.text(st.sampled_from("abé"), min_size=1), password=st.text(st.sampled_from('ab "\\é('), min_size=1))
def test_a_line_with_a_plain_name_and_password_is_a_usual_one(address: str, password: str) -> None:
    assert is_usual(f"1 VRFY {address} {password}".encode()) == (not password.startswith('"'))


@given(together=st.lists(st.one_of(usual_lines, lines, st.just(OverlongLine(b"1 VRFY a@b")))))
def test_usual_lines_are_found_among_others_and_no_line_is_lost(together: list[Line]) -> None:
    runs = list(usual_runs(together))
    assert [line for usual, odd in runs for line in (*usual, odd) if line is not None] == together
    assert all(is_usual(line) for usual, _ in runs for line in usual)
    assert not any(is_usual(odd) for _, odd in runs if odd is not None)


@given(stream=streams, cuts=st.lists(st.integers(0, 3 * MAX_REQUEST), max_size=8))
def test_lines_do_not_depend_on_the_chunks_they_come_in(stream: bytes, cuts: list[int]) -> None:
    edges = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    chunks = [stream[start:end] for start, end in itertools.pairwise(edges)]
    assert frame(*chunks) == frame(stream)


@given(stream=st.one_of(st.binary(max_size=300), st.lists(lines).map(b"\n".join)))
def test_lines_do_not_depend_on_the_chunks_even_where_each_byte_comes_alone(stream: bytes) -> None:
    assert frame(*(stream[place : place + 1] for place in range(len(stream)))) == frame(stream)


numbers = st.from_regex(rb"[A-Za-z0-9._-]{1,64}", fullmatch=True)
addresses = st.text(st.sampled_from('a@b() "\\é\0\r\n'), min_size=1)
modes = st.text(st.sampled_from('IM() "\\é'), max_size=4).map(lambda mode: mode.replace(" ", ""))
secrets = (
    st.lists(st.sampled_from([b"a", b" ", b'"', b"\\", b"(b)", b"\\065", b"\xff", b"\t"]), min_size=1)
    .map(b"".join)
    .map(Secret)
)
requests = st.one_of(
    st.builds(VrfyRequest, numbers, addresses, st.one_of(secrets, st.just(Secret(b""))), modes),
    st.builds(SaslRequest, numbers, st.sampled_from(list(MECHANISMS)), addresses, secrets, secrets, modes),
    st.builds(NewRequest, numbers, addresses, modes),
    st.builds(ReadPlainRequest, numbers, addresses, modes),
    st.builds(IntfRequest, numbers, st.integers(0, 999_999_999)),
    st.builds(QuitRequest, numbers),
)


@example(request=VrfyRequest(b"1", "(IMAP)", Secret(b"a b")), dialect=Dialect.CLASSIC)
@example(request=VrfyRequest(b"1", "(IMAP)", Secret(b"a b")), dialect=Dialect.HELPER)
@given(request=requests, dialect=st.sampled_from(Dialect))
def test_a_request_that_can_be_rendered_is_parsed_as_it_was(request: ServerRequest, dialect: Dialect) -> None:
    try:
        rendered = render_request(request, dialect)
    except MalformedRequest:
        assert dialect is Dialect.CLASSIC  # the helper dialect can say everything
        return
    (line,) = frame(rendered)
    parsed = parse(line, dialect)
    assert isinstance(parsed, type(request))
    assert revealed(parsed) == revealed(request)


@given(text=st.binary())
def test_what_is_quoted_is_unquoted_as_it_was(text: bytes) -> None:
    quoted = quote(text)
    assert unquote(quoted) == text
    assert not re.search(rb"[\x00-\x1f\x7f]", quoted)


@example(number=b"1", secret=b"x" * (MAX_REPLY - len("1 PLAIN \n")))
@example(number=b"1", secret=b"x" * (MAX_REPLY - len("1 PLAIN \n") + 1))
@example(number=b"1", secret=b" " * (MAX_REPLY - len('1 PLAIN ""\n') + 1))
@given(number=numbers, secret=st.binary(min_size=1))
def test_a_password_is_given_away_whole_in_one_clean_line_or_not_at_all(number: bytes, secret: bytes) -> None:
    line = render_plain(number, Secret(secret))
    if line is None:
        assert len(secret) > 4000
        return
    assert len(line) <= MAX_REPLY
    assert not re.search(rb"[\x00-\x1f\x7f]", line[:-1])
    head = number + b" PLAIN "
    assert line.startswith(head)
    assert line.endswith(b"\n")
    value = line[len(head) : -1]
    assert (unquote(value) if value.startswith(b'"') else value) == secret


@given(text=st.text(), number=numbers)
def test_a_reply_and_an_information_line_are_each_one_clean_line(text: str, number: bytes) -> None:
    for line in (render_reply(Reply(number, "ERROR", text)), render_information(text)):
        assert len(line) <= MAX_REPLY
        assert line.endswith(b"\n")
        assert not re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", line.decode()[:-1])
    parsed = parse_reply(render_reply(Reply(number, "ERROR", text))[:-1])
    assert parsed is not None
    assert (parsed.number, parsed.status) == (number, "ERROR")


domains = st.one_of(
    st.text(max_size=20),
    st.lists(st.text(max_size=5), min_size=1).map(".".join),
    st.from_regex(r"(xn--)?[a-z0-9-]{1,10}(\.(XN--)?[A-Za-z0-9\u00e0-\u00ff-]{1,10})?", fullmatch=True),
)


@given(domain=domains)
def test_a_canonical_domain_is_its_own_canonical_form(domain: str) -> None:
    canonical = canonical_domain(domain)
    if canonical is not None:
        assert canonical_domain(canonical) == canonical
        assert canonical_domain(canonical.upper() + ".") == canonical


@given(name=st.text(), domain=domains, lower=st.booleans())
def test_a_canonical_account_is_its_own_canonical_form(name: str, domain: str, lower: bool) -> None:
    accounts = AccountParser(lower_names=lower)
    try:
        account = accounts.parse(f"{name}@{domain}")
    except MalformedRequest:
        return
    if account is not None:
        assert accounts.parse(account.address) == account
        assert "\n" not in account.address


_WORDS = st.sampled_from(
    ["a", "B", "@", "@x.example", "@X.example", "@y.example", "bob@x.example", "é", "\x07", "\x7f", "\x85", "."]
)


@given(
    addresses=st.lists(st.lists(_WORDS, max_size=3).map(lambda words: "".join(words).encode()), max_size=4),
    spoiled=st.booleans(),
    default=st.sampled_from([None, "x.example"]),
    lower=st.booleans(),
)
@example(addresses=[b"bob@x.example carol@x.example"], spoiled=False, default=None, lower=True)
@examples(1_000)
def test_addresses_that_come_together_are_the_accounts_that_they_are_one_by_one(
    addresses: list[bytes], spoiled: bool, default: str | None, lower: bool
) -> None:
    if spoiled:
        addresses.append(b"\xff@x.example")
    accounts = AccountParser(default, lower_names=lower)
    expected: list[Account | None] = []
    for address in addresses:
        try:
            expected.append(accounts.parse(address.decode()))
        except (UnicodeDecodeError, MalformedRequest):
            expected.append(None)
    assert list(AccountParser(default, lower_names=lower).parse_all(addresses)) == expected
    assert list(accounts.parse_all(addresses)) == expected


# --- through one running helper -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def helper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Helper]:
    """One helper for all examples, that has not said anything else when it ends."""
    site = Site(tmp_path_factory.mktemp("properties"))
    site.write("passwd", site.ACCOUNTS)
    site.configure()
    helper = site.serve()
    yield helper
    assert helper.end() == 0
    assert helper.replies == []
    assert helper.errors() == ""


@given(batch=st.lists(st.one_of(lines, lines.map(lambda line: b"7 " + line)), max_size=50))
def test_each_numbered_line_gets_exactly_one_reply(helper: Helper, batch: list[bytes]) -> None:
    batch = [line for line in batch if not re.fullmatch(rb"[^ ]* QUIT\r?", line)]
    firsts = [line.removesuffix(b"\r").partition(b" ")[0] for line in batch]
    expected = Counter(first for first in firsts if re.fullmatch(rb"[A-Za-z0-9._-]{1,64}", first))
    helper.send(*batch, b"end HELO")
    replies = helper.wait_for_replies(expected.total() + 1)
    assert Counter(reply.partition(b" ")[0] for reply in replies) == expected + Counter([b"end"])
    assert all(parse_reply(reply) for reply in replies)
    replies.clear()
